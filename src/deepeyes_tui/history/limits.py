"""How much of a run is kept: the one place that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one history.

    total: bytes of the file and its log together. density: states kept for each doubling of a state's age, counted
    from the newest and from the first alike; it is halved as often as the bytes ask for it. points: buckets of one
    curve per width, and at most thrice as many; each width is twice the one before. curves: names. events: the
    newest that stay. every: seconds between two states, at least. share: of all time, what the writing thread may
    spend on states.
    """

    total: int = 200_000_000
    density: int = 16
    points: int = 512
    curves: int = 200
    events: int = 10_000
    every: float = 0.8
    share: float = 0.005

    def __post_init__(self) -> None:
        if min(self.total, self.density, self.points, self.curves, self.events) < 1 or min(self.every, self.share) <= 0:
            raise ValueError("limits of a history are positive")
