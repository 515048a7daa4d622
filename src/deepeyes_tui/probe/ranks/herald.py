"""Keeps one rank in touch with the others, from a thread of its own: who is there, and what is to be done when."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

from deepeyes_tui.link.threads import HiddenThread
from deepeyes_tui.probe.ranks.book import Book, Call
from deepeyes_tui.probe.ranks.place import Place, is_connected
from deepeyes_tui.probe.ranks.wire import Wire

LOOKS_EVERY, LOOKS_SOON = 0.1, 0.003
"""Seconds between two looks at the store, and while something is being agreed on."""
BEATS_EVERY, LOST_AFTER = 1.0, 60.0
HELD_UP_AFTER = 3.0
"""Seconds without a beat of its own that tell a rank that it was held up itself: it cannot say who else was there."""
PROMISED_WITHIN = 5.0
SAYS_SO_WITHIN = 5.0
"""Seconds from the failure of a merge for which a rank that has ended may yet say so."""
ENDED, LOST_TOUCH = "another rank has ended", "the ranks have lost touch"
START, EVERY, MEET, APART = "start", "every", "meet", "apart"
"""Kinds of calls: merge from now on, observing every so many steps; observe so often; meet; all go on alone."""


class Herald:
    """`digest` tells models apart: ranks whose models differ are not put together.

    `wire` is there once the ranks are connected, `together` while all of them are, `apart` is why they are no longer.
    """

    def __init__(self, place: Place, session: int, digest: str, every: Callable[[], int]) -> None:
        self.place, self.book = place, Book()
        self.wire: Wire | None = None
        self.together, self.apart = False, ""
        self.absent: tuple[int, ...] = ()
        self._session, self._digest, self._every = session, digest, every
        self._wanted: deque[tuple[str, int]] = deque()
        self._calling: Call | None = None
        self._called_at = self._beaten_at = 0.0
        self._number, self._unsettled = 0, deque[int]()
        self._beats: dict[int, tuple[int, float]] = {}
        self._wake, self._closing = threading.Event(), False
        self.thread = HiddenThread(self._run)

    def want(self, kind: str, value: int = 0) -> None:
        """Have all ranks called together; the leader's alone."""
        self._wanted.append((kind, value))
        self._wake.set()

    @property
    def calls(self) -> bool:
        """Whether something has been agreed on for later, or is about to be."""
        return bool(self._wanted) or self._calling is not None or self.book.open

    def part(self, reason: str) -> None:
        """Go on alone, for good; the leader takes all others along."""
        if not self.apart:
            self.apart, self.together = reason, False
            self.book.forget_all()

    def lose_touch(self, how: str) -> None:
        """Go on alone, as something between the ranks has failed."""
        self.part(f"{LOST_TOUCH} ({how})")

    def close(self, timeout: float = 1.0) -> None:
        """Tell the others that this rank has ended, and stop."""
        self._closing = True
        self._wake.set()
        self.thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._closing and not self.apart:
                self._look()
                soon = self._calling is not None or self._unsettled
                self._wake.wait(LOOKS_SOON if soon else LOOKS_EVERY)
                self._wake.clear()
            self._leave()
        except Exception as error:  # the store is gone, and with it who kept it
            self.lose_touch((str(error).splitlines() or [""])[0][:120])

    def _leave(self) -> None:
        if (wire := self.wire) is None:
            return
        if self.place.leads and self.apart:
            wire.post("call", [self._number + 1, APART, 0])
            self._doubt(wire)
        if self._closing:
            wire.add("ended", 1)
        wire.add("left", 1)

    def _doubt(self, wire: Wire) -> None:
        """Wait for a rank that has ended to say so: that may be why touch was lost."""
        until = monotonic() + SAYS_SO_WITHIN
        while self.apart.startswith(LOST_TOUCH) and not self._closing and monotonic() < until:
            self._find_who_left(wire)
            self._wake.clear()
            self._wake.wait(LOOKS_EVERY)

    def _find_who_left(self, wire: Wire) -> None:
        if wire.add("ended", 0):
            self.part(ENDED)
            self.apart = ENDED
        elif wire.add("left", 0):
            self.part("another rank goes on alone")

    def _look(self) -> None:
        if self.wire is None:
            if not is_connected():
                return
            self.wire = Wire(self._session)
            self.wire.post(f"here/{self.place.rank}", self._digest)
        self._beat(self.wire)
        if not self.place.leads:
            self._listen(self.wire)
        elif self.together:
            self._call(self.wire)
        else:
            self._gather(self.wire)
        self._settle(self.wire)

    def _gather(self, wire: Wire) -> None:
        """Wait for all ranks to watch the same."""
        here = {rank: wire.read(f"here/{rank}") for rank in range(self.place.size)}
        self.absent = tuple(rank for rank, digest in here.items() if digest is None)
        others = [rank for rank, digest in here.items() if digest not in (None, self._digest)]
        if others:
            self.part(f"rank {others[0]} watches another model")
        elif not self.absent:
            self.together = True
            self.want(START, self._every())

    def _call(self, wire: Wire) -> None:
        if self._calling is None and self._wanted:
            self._number += 1
            self._calling, self._called_at = Call(self._number, *self._wanted.popleft()), monotonic()
            wire.post("call", [self._calling.number, self._calling.kind, self._calling.value])
            self._promise(wire, self._calling)
        if self._calling is not None:
            self._agree(wire, self._calling)

    def _agree(self, wire: Wire, call: Call) -> None:
        keys = [f"promise/{call.number}/{rank}" for rank in range(self.place.size)]
        if wire.store.check(keys):
            wire.post(f"at/{call.number}", max(wire.read(key) for key in keys))
            wire.forget(*keys, f"at/{call.number - 8}")
        elif monotonic() - self._called_at > PROMISED_WITHIN:
            wire.post(f"at/{call.number}", None)
        else:
            return
        self._calling = None

    def _listen(self, wire: Wire) -> None:
        called = wire.read("call")
        if called is None or called[0] <= self._number:
            return
        call = Call(*called)
        self._number = call.number
        if call.kind == APART:
            self.part("rank 0 goes on alone")
        else:
            self.together = True
            self._promise(wire, call)

    def _promise(self, wire: Wire, call: Call) -> None:
        wire.post(f"promise/{call.number}/{self.place.rank}", self.book.promise(call))
        self._unsettled.append(call.number)

    def _settle(self, wire: Wire) -> None:
        while self._unsettled and wire.store.check([f"at/{self._unsettled[0]}"]):
            number = self._unsettled.popleft()
            self.book.settle(number, wire.read(f"at/{number}"))

    def _beat(self, wire: Wire) -> None:
        now = monotonic()
        if now - self._beaten_at < BEATS_EVERY:
            return
        wire.add(f"beat/{self.place.rank}", 1)
        if monotonic() - self._beaten_at > HELD_UP_AFTER:
            self._beats.clear()
        self._beaten_at = now = monotonic()
        if not self.together:
            return
        if self.book.missed:
            self.part("rank 0 no longer answers")
        if self.place.leads:
            self._find_who_left(wire)
        for rank in range(self.place.size) if self.place.leads else (0,):
            self._hear(rank, wire.add(f"beat/{rank}", 0), now)

    def _hear(self, rank: int, beats: int, now: float) -> None:
        before, at = self._beats.get(rank, (-1, now))
        if beats != before:
            self._beats[rank] = beats, now
        elif now - at > LOST_AFTER:
            self.part(f"rank {rank} no longer answers")
