"""Questions of the viewer at work: asked before the training is told something, and what their answers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepeyes_tui.app import steering
from deepeyes_tui.app.scene import Question

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer


def ask(viewer: Viewer, question: Question) -> None:
    """Ask before the training is steered; or say why that is no use."""
    said = steering.refusal(viewer.scene)
    if said:
        viewer.say(said, error=True)
    else:
        viewer.scene = viewer.scene.with_desk(question=question)


def answer(viewer: Viewer, question: Question, key: str, character: str | None) -> None:
    """Do what a key says to the question that is shown; keys that are no answer do nothing."""
    known = [wanted for wanted, _ in question.answers]
    if key not in (*known, "escape", "q", "ctrl+c") and character not in known:
        return
    viewer.scene = viewer.scene.with_desk(question=None)
    match question.id, key:
        case steering.RESET, "y":
            viewer.steer(steering.reset_command(viewer.scene))
        case steering.STOP, "y":
            viewer.steer(steering.stop_command())
        case _, "y" if question.command is not None:
            viewer.steer(question.command)
        case steering.LEAVE, "l":
            viewer.exit()
        case steering.LEAVE, "s":
            viewer.stopping = True
            viewer.steer(steering.stop_command(), then_exit=True)
