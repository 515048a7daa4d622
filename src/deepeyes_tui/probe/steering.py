"""Commands from viewers and scripts, carried out by the training thread between two steps."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from deepeyes_tui.link.control import ControlServer
from deepeyes_tui.link.messages import Action, Command, Outcome
from deepeyes_tui.probe.border import say

LISTEN_EVERY = 0.5
"""Seconds between two looks at the queue while paused; a command wakes the wait at once."""


@dataclass(slots=True)
class Steering:
    """`reset` and `focus` take a layer's name or None; `changed` is called when the state is another; `name` is the
    run's.
    """

    server: ControlServer
    name: str
    reset: Callable[[str | None], None]
    focus: Callable[[str | None], None]
    changed: Callable[[], None]
    paused: bool = False
    stopping: bool = False
    loop_asks: bool = False

    def act(self, step: int) -> None:
        """Carry out what is waiting; while paused, stay."""
        self._drain(step)
        while self.paused and not self.stopping:
            self.server.wait(LISTEN_EVERY)
            self._drain(step)

    def _drain(self, step: int) -> None:
        for request in self.server.pending():
            interrupt = False
            try:
                message, interrupt = self._carry_out(request.command, step)
                outcome = Outcome(request.command.id, True, message, step)
            except ValueError as refusal:
                outcome = Outcome(request.command.id, False, str(refusal), step)
            self.server.answer(request, outcome)
            if interrupt:
                _interrupt()

    def _carry_out(self, command: Command, step: int) -> tuple[str, bool]:
        match command.action:
            case Action.PAUSE:
                return self._pause(command.sender, step), False
            case Action.RESUME:
                return self._resume(step), False
            case Action.STOP:
                return self._stop(step)
            case Action.RESET:
                return self._reset(command.arguments.get("layer")), False
            case Action.FOCUS:
                return self._focus(command.arguments.get("layer")), False
            case Action.STATUS:
                return f"{'paused' if self.paused else 'training'} at step {step}", False
        raise ValueError(f"this run does not know the action {command.action!r}")

    def _pause(self, sender: str, step: int) -> str:
        if self.paused:
            return f"already paused at step {step}"
        self.paused = True
        self.changed()
        say(f"paused at step {step} by {sender or 'a viewer'}; `deepeyes ctl {self.name} resume` goes on")
        return f"paused at step {step}"

    def _resume(self, step: int) -> str:
        if not self.paused:
            return "was not paused"
        self.paused = False
        self.changed()
        say(f"resumed at step {step}")
        return f"resumed at step {step}"

    def _stop(self, step: int) -> tuple[str, bool]:
        interrupt = self.stopping or not self.loop_asks
        if interrupt and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise ValueError("the script ignores interrupts: its loop has to look at monitor.stopping")
        self.stopping, self.paused = True, False
        self.changed()
        how = "interrupted as by Ctrl-C" if interrupt else "the loop ends after this step"
        return f"stopping at step {step}: {how}", interrupt

    def _reset(self, layer: object) -> str:
        if layer is not None and not isinstance(layer, str):
            raise ValueError("reset takes the name of a layer")
        self.reset(layer)
        return f"maximum of {layer or 'every layer'} reset"

    def _focus(self, layer: object) -> str:
        if layer is not None and not isinstance(layer, str):
            raise ValueError("focus takes the name of a layer")
        self.focus(layer)
        return "no layer is in focus" if layer is None else f"{layer} is in focus"


def _interrupt() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
