"""Commands from viewers and scripts, carried out by the training thread between two steps."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from deepeyes_tui.link.control import ControlServer, Request
from deepeyes_tui.link.messages import JSON, Action, Command, Outcome
from deepeyes_tui.probe.border import Border, say
from deepeyes_tui.surgery.running.interrupts import uninterrupted

LISTEN_EVERY = 0.5
"""Seconds between two looks at the queue while paused; a command wakes the wait at once."""
OFF = "the monitor has switched itself off after errors of its own; the training goes on, its log says more"
LONGEST_HOLD = 600.0
"""Seconds for which the training can be held at a time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to, in a sentence, and what it asked for."""

    message: str
    details: Mapping[str, JSON] = field(default_factory=dict)


Handler = Callable[[Command, int], Answer]
"""Carries out a command at a step. Raises ValueError with the reason for which it is refused."""


@dataclass(slots=True)
class Steering:
    """`name` is the run's; `changed` is called when the state is another; `handlers` do what is not about waiting."""

    server: ControlServer
    name: str
    border: Border
    changed: Callable[[], None]
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    paused: bool = False
    stopping: bool = False
    loop_asks: bool = False
    _holds: dict[str, float] = field(default_factory=dict)

    @property
    def waiting(self) -> bool:
        """Whether the training is to wait: never for a monitor that is off, which would not hear who ends that."""
        return (self.paused or self.held > 0) and not self.stopping and not self.border.off

    @property
    def held(self) -> float:
        """Seconds for which the training is held yet, by whomever; 0 where it is not."""
        return max(0.0, *(until - monotonic() for until in self._holds.values())) if self._holds else 0.0

    def act(self, step: int) -> None:
        """Carry out what is there; while the training is to wait, stay."""
        self._drain(step)
        if not self.waiting:
            return
        while self.waiting:
            self.server.wait(min(LISTEN_EVERY, self.held or LISTEN_EVERY))
            self._drain(step)
        self.changed()

    def _drain(self, step: int) -> None:
        for request in self.server.pending():
            self._take(request, step)

    def _take(self, request: Request, step: int) -> None:
        if request.command.action == Action.STOP:
            self._stop(request, step)
        else:
            self.server.answer(request, self._outcome(request.command, step))

    def _outcome(self, command: Command, step: int) -> Outcome:
        answer = self.border.call(self._carry_out, command, step)
        if isinstance(answer, str):
            return Outcome(command.id, False, answer, step)
        if self.border.off:
            return Outcome(command.id, False, OFF, step)
        if answer is None:
            return Outcome(command.id, False, f"the monitor failed at it: {self.border.last_error}", step)
        return Outcome(command.id, True, answer.message, step, answer.details)

    def _carry_out(self, command: Command, step: int) -> Answer | str:
        """Return the answer, or why the command is refused."""
        try:
            match command.action:
                case Action.PAUSE:
                    return Answer(self._pause(command.sender, step))
                case Action.RESUME:
                    return Answer(self._resume(step))
                case Action.HOLD:
                    return Answer(self._hold(command, step))
                case Action.STATUS:
                    return Answer(f"{'paused' if self.paused else 'training'} at step {step}")
            handler = self.handlers.get(command.action)
            if handler is None:
                return f"this run does not know the action {command.action!r}"
            with uninterrupted():
                return handler(command, step)
        except ValueError as refusal:
            return str(refusal)

    def _pause(self, sender: str, step: int) -> str:
        if self.paused:
            return f"already paused at step {step}"
        self.paused = True
        self.changed()
        say(f"paused at step {step} by {sender or 'a viewer'}; `deepeyes ctl {self.name} resume` goes on")
        return f"paused at step {step}"

    def _resume(self, step: int) -> str:
        if not self.waiting:
            return "was not paused"
        self.paused = False
        self._holds.clear()
        self.changed()
        say(f"resumed at step {step}")
        return f"resumed at step {step}"

    def _hold(self, command: Command, step: int) -> str:
        seconds, by = command.arguments.get("seconds"), str(command.arguments.get("by") or command.sender)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_HOLD:
            raise ValueError(f"hold takes seconds from 0 to {LONGEST_HOLD:g}")
        self._holds = {who: until for who, until in self._holds.items() if until > monotonic() and who != by}
        if seconds:
            self._holds[by] = monotonic() + seconds
        self.changed()
        return f"held for {seconds:g} s at step {step}" if seconds else "held no longer"

    def _stop(self, request: Request, step: int) -> None:
        by_signal = self.stopping or not self.loop_asks
        if by_signal and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            refusal = "the script ignores interrupts: its loop has to look at monitor.stopping"
            self.server.answer(request, Outcome(request.command.id, False, refusal, step))
            return
        self.stopping, self.paused = True, False
        self.changed()
        how = "interrupted as by Ctrl-C" if by_signal else "the loop ends after this step"
        self.server.answer(request, Outcome(request.command.id, True, f"stopping at step {step}: {how}", step))
        if by_signal:
            interrupt()


def interrupt() -> None:
    """Interrupt the training as Ctrl-C would."""
    if threading.current_thread() is threading.main_thread():
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
