"""How often to observe, so that the monitor's cost stays a set share of the training's time."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

HEADROOM = 0.8
"""Of the budget; the rest covers what cannot be timed from inside: evicted caches, page faults, a reader's load."""
EAGER_FOR = 60.0
"""Seconds of training over which looks come more often: the whole budget is spent at first, `HEADROOM` by and by."""
MOST_OBSERVATIONS_PER_SECOND = 10.0
ADVANCE = 0.1
"""Seconds in the purse at the start: short runs are to be seen too."""
AVERAGED_OVER = 20.0
"""Seconds over which the cost that is shown is averaged."""
BURST = 2.0
"""Observations that may be saved up for after a pause."""
SECONDS_BETWEEN, STEPS_BETWEEN = 2.0, 10.0
"""Between two observations, the longer of both: where they cost more than that earns, they take fewer instances."""
LEAST_PORTION = 1 / 8


class Budget:
    """A purse: time that passes fills it with `share` of itself, the monitor's work empties it.

    An observation is affordable while it holds what the last ones cost. Seconds throughout. `portion` is the share of
    the instances that the next one shall take, so that dear ones become cheaper rather than rare.
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self.portion = 1.0
        self.cost = float("nan")
        self._purse = ADVANCE
        self._observations: deque[float] = deque(maxlen=5)
        self._made = 0
        self._since_observation = float("inf")
        self._spent = self._elapsed = self._step = self._trained = 0.0
        self.expected = 0.0
        """What an observation will take."""

    def elapse(self, seconds: float) -> None:
        """Let `seconds` of training pass."""
        most = max(self._purse, BURST * self.expected)
        self._trained += seconds
        eagerness = math.exp(-self._trained / EAGER_FOR)
        self._purse += (HEADROOM + (1 - HEADROOM) * eagerness) * self.share * seconds
        if self._observations:
            self._purse = min(self._purse, most)
        self._since_observation += seconds
        fades = math.exp(-seconds / AVERAGED_OVER)
        self._elapsed = self._elapsed * fades + seconds
        self._spent *= fades
        self._step += (seconds - self._step) / STEPS_BETWEEN if self._step else seconds

    def spend(self, seconds: float) -> None:
        """Take what the monitor's work took, observing or not."""
        self._purse -= seconds
        self._spent += seconds
        self.cost = self._spent / self._elapsed if self._elapsed else float("nan")

    def observed(self, seconds: float) -> None:
        """Note what one whole observation took, after it was spent. The first belongs to the set-up, and is a gift."""
        self._made += 1
        self._since_observation = 0.0
        if self._made == 1:
            self._purse = max(self._purse, 0.0)
            self._spent -= seconds
        else:
            self._observations.append(seconds)
        self._portion_out(seconds)

    def hurry(self) -> None:
        """Let the next observation come as soon as it can be paid for."""
        self._since_observation = float("inf")

    def _portion_out(self, seconds: float) -> None:
        """Choose how many instances to take by what the last observation cost: fewer at once, more by and by."""
        earned = HEADROOM * self.share * max(SECONDS_BETWEEN, STEPS_BETWEEN * self._step)
        before, self.portion = self.portion, self.portion * min(earned / max(seconds, 1e-9), 2.0)
        self.portion = max(LEAST_PORTION, min(1.0, 2.0 ** math.floor(math.log2(self.portion))))
        if self.share == 1:
            self.portion = 1.0
        scaled = [cost * self.portion / before for cost in self._observations]
        self._observations = deque(scaled, maxlen=self._observations.maxlen)
        self.expected = median(scaled) if scaled else 0.0

    def affords_observation(self) -> bool:
        """Return whether the next step may be observed."""
        rested = self._since_observation * MOST_OBSERVATIONS_PER_SECOND >= 1
        return rested and self._purse >= self.expected
