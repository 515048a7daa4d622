"""Commands to the training process, and what came of them, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deepeyes_tui.app.feed import News
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.scene import Question, Scene
from deepeyes_tui.link.control import ControlClient, ControlError
from deepeyes_tui.link.messages import JSON, Action, Command
from deepeyes_tui.link.watcher import Condition

TIMEOUT = 10.0

RESET, STOP, LEAVE = "reset", "stop", "leave"


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a command: a sentence, the same without the command's name, what it asked for.

    Without `heard`, the run has not answered: what it does is not known.
    """

    text: str
    ok: bool
    message: str = ""
    details: Mapping[str, JSON] = field(default_factory=dict)
    heard: bool = True


def refusal(scene: Scene) -> str:
    """Say why the training cannot be steered now; nothing if it can."""
    if scene.readonly:
        return "this viewer is read-only: it was started with --readonly"
    if scene.replay is not None:
        return f"this is a replay, nothing is steered in it: deepeyes attach {scene.run} watches the run itself"
    if scene.ended:
        return "the training has ended: there is nothing to steer"
    return "" if scene.snapshot else "the training cannot be steered before it has called deepeyes_tui.watch"


def reset_question(scene: Scene) -> Question:
    """Ask before the maximum activations of the layer in focus are forgotten."""
    layer = scene.layer
    name = printable(layer.info.name, 30, scene.ascii) if layer else ""
    return Question(RESET, f"Forget the maximum activations of {name}?", (("y", "reset"), ("n", "keep")))


def stop_question() -> Question:
    """Ask before the training is stopped."""
    return Question(STOP, "Stop the training for good?", (("y", "stop"), ("n", "go on")))


def leave_question() -> Question:
    """Ask what becomes of the training that this viewer started."""
    return Question(LEAVE, "Training goes on without the viewer:", (("l", "leave it running"), ("s", "stop it")))


def pause_command(news: News) -> Command:
    """Return the command that pauses, or resumes: by the run's own state, which a frozen picture does not show."""
    paused = news.view is not None and news.view.condition is Condition.PAUSED
    return Command(Action.RESUME if paused else Action.PAUSE, sender="viewer")


def reset_command(scene: Scene) -> Command:
    """Return the command that resets the layer in focus."""
    return Command(Action.RESET, {"layer": scene.layer.info.name} if scene.layer else {}, sender="viewer")


def stop_command() -> Command:
    """Return the command that stops the training."""
    return Command(Action.STOP, sender="viewer")


def root_command(root: str) -> Command:
    """Return the command that has another of the models watched."""
    return Command(Action.ROOT, {"root": root}, sender="viewer")


def focus_command(layer: str) -> Command:
    """Return the command that has the instances of one layer kept in full."""
    return Command(Action.FOCUS, {"layer": layer}, sender="viewer")


async def send(path: Path, command: Command, timeout: float = TIMEOUT) -> Said:
    """Send a command to the run that listens at `path`, and say what came of it."""
    try:
        outcome = await ControlClient(path).send_async(command, timeout)
    except ControlError as error:
        return Said(f"{command.action} failed: {error}", False, str(error), heard=False)
    text = outcome.message if outcome.ok else f"{command.action} refused: {outcome.message}"
    return Said(text, outcome.ok, outcome.message, outcome.details)
