"""All statistics of all layers, fed by observations, read as the board's arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.snapshot import LEAST_WINDOW
from deepeyes_tui.probe.observation import Observation
from deepeyes_tui.probe.statistics.dead import DeadFilters
from deepeyes_tui.probe.statistics.frequency import ALWAYS_ON_ABOVE, ActivationFrequency
from deepeyes_tui.probe.statistics.maximum import MaximumActivation
from deepeyes_tui.probe.statistics.origins import Origins, taken
from deepeyes_tui.probe.statistics.perplexity import WINDOW, PerplexityWindows, shares
from deepeyes_tui.probe.statistics.spans import LayerSpans
from deepeyes_tui.probe.statistics.stability import Stability


class StatisticsTable:
    """`sizes`: how many filters each layer has."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.spans = LayerSpans(sizes)
        layers = self.spans.layers
        self._perplexity = PerplexityWindows(layers)
        self._stability = Stability(layers)
        self._maximum = MaximumActivation(self.spans.filters)
        self._frequency = ActivationFrequency(self.spans)
        self._dead = DeadFilters(self.spans)
        self._observed = np.zeros(layers, np.int64)
        self._last_step = np.full(layers, -1, np.int64)
        self._nan, self._infinite = np.zeros(layers, np.int64), np.zeros(layers, np.int64)
        self._nonfinite_since = np.full(layers, -1, np.int64)
        self._window_started = 0
        self._arrays: Mapping[str, NDArray[np.generic]] | None = None

    def update(self, seen: Observation) -> None:
        """Add one observed step."""
        self._arrays = None
        ran = seen.instances > 0
        self._observed += ran
        self._last_step[ran] = seen.step
        self._count_nonfinite(seen)
        self._maximum.update(seen.maximum, seen.step)
        self._frequency.update(seen.active, seen.instances)
        self._dead.update(seen.maximum, ran)
        if self._perplexity.observed % WINDOW == 0:
            self._window_started = seen.step
        self._perplexity.update(seen.bins)
        if self._perplexity.observed % WINDOW == 0 and self._perplexity.observed >= 2 * WINDOW:
            self._stability.update(*self._perplexity.windows(), self._window_started)

    def carry(self, before: StatisticsTable, origins: Origins) -> None:
        """Take over what is known of the layers and filters that were there before."""
        self._arrays = None
        self._perplexity.carry(before._perplexity, origins)
        self._stability.carry(before._stability, origins)
        self._maximum.carry(before._maximum, origins)
        self._frequency.carry(before._frequency, origins)
        self._dead.carry(before._dead, origins)
        self._observed = taken(before._observed, origins.layers, 0)
        self._last_step = taken(before._last_step, origins.layers, -1)
        self._nan = taken(before._nan, origins.layers, 0)
        self._infinite = taken(before._infinite, origins.layers, 0)
        self._nonfinite_since = taken(before._nonfinite_since, origins.layers, -1)
        self._window_started = before._window_started

    @property
    def anything_seen(self) -> bool:
        """Whether any layer has run on an observed step."""
        return bool((self._last_step >= 0).any())

    def largest(self) -> list[float]:
        """Return the largest activation of each layer, `(L,)`."""
        return [float(one) for one in self.spans.largest(self._maximum.value)]

    def reset_maximum(self, layer: int | None) -> None:
        """Forget the maxima, and the frequencies measured against them, of one layer or of all."""
        self._arrays = None
        for number in range(self.spans.layers) if layer is None else (layer,):
            self._maximum.reset(self.spans.of(number))
            self._frequency.reset(number)

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the board's arrays (`link.snapshot.layer_arrays`), worked out once for each state."""
        if self._arrays is None:
            self._arrays = self._worked_out()
        return self._arrays

    def _worked_out(self) -> Mapping[str, NDArray[np.generic]]:
        before, now = self._perplexity.windows()
        earlier, current = shares(before if len(before) else now), shares(now)
        frequency = self._frequency.shares()
        judged = self.spans.spread(self._dead.window >= LEAST_WINDOW)
        return {
            "observed": self._observed,
            "last_observed_step": self._last_step,
            "window_instances": now.sum((0, 2)).astype(np.int64),
            "histogram": current[:, :-1],
            "histogram_before": earlier[:, :-1],
            "undetected": current[:, -1],
            "undetected_before": earlier[:, -1],
            "stability": self._stability.history,
            "stable_since": self._stability.since,
            "nan": self._nan,
            "infinite": self._infinite,
            "nonfinite_since": self._nonfinite_since,
            "dead_window": self._dead.window,
            "maximum": self._maximum.value,
            "reached_step": self._maximum.reached_step,
            "frequency": frequency,
            "dead": self._dead.flags(),
            "always_on": (frequency > ALWAYS_ON_ABOVE) & judged,
        }

    def _count_nonfinite(self, seen: Observation) -> None:
        self._nan += seen.nan.astype(np.int64)
        self._infinite += seen.infinite.astype(np.int64)
        first = (seen.nan + seen.infinite > 0) & (self._nonfinite_since < 0)
        self._nonfinite_since[first] = seen.step
