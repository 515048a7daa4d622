"""When a new picture of the data may be sent. Keys and cursor moves never ask here."""

from __future__ import annotations

from collections.abc import Callable

ANSWER_WITHIN = 2.0
"""Seconds after which a terminal that was asked and did not answer is no longer waited for."""
MOST_UNANSWERED = 2
"""Questions in a row without an answer, after which the terminal is asked no more."""
BURST = 1.0
"""Seconds of traffic that may be sent at once after a quiet time."""

Clock = Callable[[], float]


class Bucket:
    """A limit of bytes a second, over all that is sent; a burst goes into debt, and is waited for."""

    def __init__(self, kbps: float, clock: Clock) -> None:
        self._rate = kbps * 1000
        self._clock = clock
        self._left = self._rate * BURST
        self._at = clock()

    def spend(self, count: int) -> None:
        """Count bytes that were sent."""
        self._refill()
        self._left -= count

    def ready(self) -> bool:
        """Return whether more may be sent now."""
        self._refill()
        return self._rate <= 0 or self._left > 0

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._rate, self._rate * BURST)
        self._at = now


class Pacer:
    """Waits for the terminal to have drawn the last picture, where it can be asked, and keeps to a rate."""

    def __init__(self, ask: Callable[[], None] | None, kbps: float, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_at: float | None = None
        self._unanswered = 0
        self.bucket = Bucket(kbps, clock)

    def ready(self) -> bool:
        """Return whether a picture may be sent now."""
        if self._asked_at is not None:
            if self._clock() - self._asked_at < ANSWER_WITHIN:
                return False
            self._asked_at, self._unanswered = None, self._unanswered + 1
            if self._unanswered >= MOST_UNANSWERED:
                self._ask = None
        return self.bucket.ready()

    def sent(self) -> None:
        """A picture of new data was sent: ask the terminal to say when it has drawn it."""
        if self._ask is not None:
            self._asked_at = self._clock()
            self._ask()

    def answered(self) -> None:
        """The terminal has drawn everything up to the question."""
        self._asked_at, self._unanswered = None, 0
