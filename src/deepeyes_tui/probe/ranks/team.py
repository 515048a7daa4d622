"""One rank among the others: whether they are together, when they observe, and what they have seen together."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from time import monotonic

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.link.threads import HiddenThread
from deepeyes_tui.probe.ranks.book import Call
from deepeyes_tui.probe.ranks.herald import EVERY, MEET, START, Herald
from deepeyes_tui.probe.ranks.layout import Layout
from deepeyes_tui.probe.ranks.meeting import Meeting
from deepeyes_tui.probe.ranks.merger import Merger
from deepeyes_tui.probe.ranks.merging import Merging
from deepeyes_tui.probe.ranks.place import Place

MEETS_WITHIN = 5.0
"""Seconds for which rank 0 waits with its first observation for the others."""
ADAPTS_EVERY = 2.0
"""Seconds after which it may be observed more often again."""
ENDS_WITHIN = 12.0
"""Seconds for which the end of the process waits for our threads, each of which may be in a collective of ours."""


class Team:
    """`digest` tells models apart; `wanted` is how many steps from one observation to the next suit this rank."""

    def __init__(self, place: Place, session: int, digest: str, wanted: Callable[[], int]) -> None:
        self.place, self._wanted = place, wanted
        self.merging: Merging | None = None
        self._merger: Merger | None = None
        self._began = self._adapted = monotonic()
        self._start, self.every = 0, 1
        self._herald = Herald(place, session, digest, wanted)
        self._process = os.getpid()
        atexit.register(self._outlast)

    @property
    def apart(self) -> str:
        """Why the ranks are no longer together, or never were; empty where they are, or may be yet."""
        if self._merger is not None and self._merger.broken:
            self._herald.lose_touch(self._merger.broken)
        return self._herald.apart

    @property
    def alone(self) -> bool:
        """Whether rank 0 is to show what it sees itself."""
        late = self.merging is None and monotonic() - self._began > MEETS_WITHIN
        return self.place.leads and (bool(self.apart) or late)

    @property
    def hindrance(self) -> str:
        """Why the ranks cannot act together; empty where they can."""
        if self.apart:
            return f"the training runs in {self.place.size} processes that do not act together: {self.apart}"
        return "" if self.merging is not None else f"the training runs in {self.place.size} processes: {self._absence}"

    @property
    def notice(self) -> str:
        """What a viewer has to know of the ranks; empty where all is well."""
        if self.apart:
            return f"{self.apart}: statistics of rank 0 alone"
        return f"{self._absence}: statistics of rank 0 alone" if self.alone else ""

    @property
    def _absence(self) -> str:
        absent = self._herald.absent
        if not absent:
            return "they have not found each other yet"
        return f"rank {absent[0]} does not watch (call watch on every rank)"

    def reach(self, step: int) -> list[Call]:
        """Return what all ranks do at the end of this step."""
        due = self._herald.book.reach(step)
        for call in due:
            if call.kind in (START, EVERY):
                self._start, self.every = step, max(call.value, 1)
        return due

    def observes(self, step: int) -> bool:
        """Return whether all ranks observe this step."""
        return self.merging is not None and not self.apart and (step - self._start - 1) % self.every == 0

    def begin(self, sizes: Sequence[int]) -> None:
        """Put together what is seen from the next step on, and the values of the curves from the first one on."""
        assert self._herald.wire is not None
        self._merger = Merger(self._herald.wire, self.place)
        self.merging = Merging(Layout(sizes), self._merger, self._wanted, 0, np.zeros(len(sizes), np.float32))

    def lay_out(self, sizes: Sequence[int], known: ArrayLike) -> None:
        """Go on with layers of other sizes, of which the largest activations `known (L,)` are known."""
        if self.merging is None or self._merger is None:
            return
        if not self.merging.idle:
            self._herald.part("the ranks are out of step")
        before, peaks = self.merging, np.array(known, np.float32)
        self.merging = Merging(Layout(sizes), self._merger, self._wanted, before.after, peaks, values=before.values)

    def adapt(self, wanted: int) -> None:
        """Have all ranks observe as often as suits the slowest of them; rank 0's to decide."""
        rested = monotonic() - self._adapted > ADAPTS_EVERY
        other = wanted > self.every or (rested and 2 * wanted <= self.every)
        if self.place.leads and other and not self._herald.calls:
            self._adapted = monotonic()
            self._herald.want(EVERY, wanted)

    def call(self) -> None:
        """Have all ranks meet soon."""
        if not self._herald.calls:
            self._herald.want(MEET)

    def meeting(self, number: int) -> Meeting:
        """Return the meeting of an appointment."""
        assert self._herald.wire is not None
        return Meeting(self._herald.wire, self.place, number, lambda: self.apart)

    def settled(self) -> None:
        """Say that nothing should be on its way between the ranks any longer."""
        if self.merging is not None and not self.merging.idle:
            self._herald.part("the ranks are out of step")

    def part(self, reason: str) -> None:
        """Go on alone."""
        self._herald.part(reason)

    def close(self, timeout: float = 1.0) -> None:
        """Tell the others that this rank has ended."""
        if self._merger is not None:
            self._merger.close(timeout)
        self._herald.close(timeout)
        if not self._threads():
            atexit.unregister(self._outlast)

    def _outlast(self) -> None:
        """Wait for our threads: one that comes back from torch while the interpreter ends would abort the process."""
        if os.getpid() != self._process:  # forked off, without our threads
            return
        self.close(0.0)
        until = monotonic() + ENDS_WITHIN
        for thread in self._threads():
            thread.join(max(0.0, until - monotonic()))

    def _threads(self) -> list[HiddenThread]:
        threads = [self._herald.thread, *([self._merger.thread] if self._merger is not None else [])]
        return [thread for thread in threads if thread.is_alive()]
