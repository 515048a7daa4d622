"""Appointments: steps at whose end all ranks do the same, agreed on ahead without any rank being kept waiting for.

Each rank promises to look at the end of the step that it is in. The latest of these steps is the one that counts: who
comes to his own earlier waits until it is known, some milliseconds, and trains on to it. No rank stops before a step
that another one needs it for, so that no collective of the training is left hanging.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import monotonic

KNOWN_WITHIN = 6.0
"""Seconds for which a training thread waits to be told the step."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be done together, by its number; `value` is what its kind takes."""

    number: int
    kind: str
    value: int = 0


@dataclass(slots=True)
class Appointment:
    """`promised`: the step at whose end this rank looks again; `step`: the one agreed on, None until it is known."""

    call: Call
    promised: int
    step: int | None = None


class Book:
    """The appointments of one rank. `reach` is the training thread's, everything else another's."""

    def __init__(self) -> None:
        self.finished = 0
        self.missed = False
        self._open: dict[int, Appointment] = {}
        self._changed = threading.Condition()

    @property
    def open(self) -> bool:
        """Whether there is an appointment to come."""
        return bool(self._open)

    def promise(self, call: Call) -> int:
        """Enter a call, and return the step at whose end this rank will look."""
        with self._changed:
            self._open[call.number] = Appointment(call, self.finished + 1)
            return self._open[call.number].promised

    def settle(self, number: int, step: int | None) -> None:
        """Enter the step of a call, None where it has been called off."""
        with self._changed:
            if step is None:
                self._open.pop(number, None)
            elif number in self._open:
                self._open[number].step = step
            self._changed.notify_all()

    def forget_all(self) -> None:
        """Call everything off."""
        with self._changed:
            self._open.clear()
            self._changed.notify_all()

    def reach(self, step: int) -> list[Call]:
        """Say that a step is finished, and return what is to be done at its end. Hardly ever waits, and not long."""
        with self._changed:
            self.finished = step
            if not self._open:
                return []
            self._await_steps(step)
            due = [one for one in self._open.values() if one.step is not None and one.step <= step]
            for one in due:
                del self._open[one.call.number]
        return [one.call for one in due]

    def _await_steps(self, step: int) -> None:
        until = monotonic() + KNOWN_WITHIN
        while unknown := [n for n, one in self._open.items() if one.step is None and one.promised <= step]:
            if not self._changed.wait(until - monotonic()):
                self.missed = True
                for number in unknown:
                    self._open.pop(number, None)
                return
