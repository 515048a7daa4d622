"""All ranks between the same two steps, in our loop: what rank 0 orders, each does, and each says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from deepeyes_tui.probe.ranks.place import Place
from deepeyes_tui.probe.ranks.wire import Wire

SHORTEST_NAP, LONGEST_NAP = 0.0005, 0.02
OPENS_WITHIN = 5.0
"""Seconds until all have to be there; who is there earlier has no longer to wait, and trains on."""
ANSWERS_WITHIN = 120.0
OPEN, OFF = "open", "off"


class Meeting:
    """One meeting, by its number. `apart` tells, while it is waited, whether the ranks have lost each other."""

    def __init__(self, wire: Wire, place: Place, number: int, apart: Callable[[], str]) -> None:
        self._wire, self._place, self._apart = wire, place, apart
        self._name = f"meeting/{number}"
        self._orders = 0

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return self._place.size

    def open(self) -> bool:
        """Come, and return whether all have come: the same for all of them."""
        wire, fate = self._wire, f"{self._name}/fate"
        here = wire.add(f"{self._name}/here", 1)
        if self._place.leads:
            key, size = f"{self._name}/here", self._place.size
            all_here = here >= size or self._await(lambda: wire.add(key, 0) >= size or None, OPENS_WITHIN)
            return wire.decide(fate, OPEN if all_here else OFF) == OPEN
        decided = self._await(lambda: wire.read_text(fate), 2 * OPENS_WITHIN)
        return (decided or wire.decide(fate, OFF)) == OPEN

    def order(self, order: dict[str, Any]) -> None:
        """Tell the others what to do; rank 0 alone."""
        self._orders += 1
        self._wire.post(f"{self._name}/order/{self._orders}", order)

    def next_order(self) -> dict[str, Any] | None:
        """Return the next order, however long it takes; None where rank 0 is gone."""
        self._orders += 1
        key = f"{self._name}/order/{self._orders}"
        found: dict[str, Any] | None = self._await(lambda: self._wire.read(key))
        return found

    def reply(self, reply: dict[str, Any]) -> None:
        """Say what came of the last order."""
        self._wire.post(f"{self._name}/reply/{self._orders}/{self._place.rank}", reply)

    def replies(self) -> dict[int, dict[str, Any]]:
        """Return what came of the last order, of the others that have said so in time; rank 0 alone."""
        ranks = range(1, self._place.size)
        keys = [f"{self._name}/reply/{self._orders}/{rank}" for rank in ranks]
        self._await(lambda: self._wire.store.check(keys) or None, ANSWERS_WITHIN)
        found = {rank: self._wire.read(key) for rank, key in zip(ranks, keys, strict=True)}
        return {rank: reply for rank, reply in found.items() if reply is not None}

    def _await(self, look: Callable[[], Any], seconds: float = float("inf")) -> Any:
        nap, until = SHORTEST_NAP, monotonic() + seconds
        while (found := look()) is None and monotonic() < until and not self._apart():
            sleep(nap)
            nap = min(2 * nap, LONGEST_NAP)
        return found
