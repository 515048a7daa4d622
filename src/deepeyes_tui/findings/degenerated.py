"""T2: filters that never respond, and filters that respond to everything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.findings.chances import draws_needed, least_share, unseen_share
from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.limits import ALWAYS, FALSE_ALARMS, RAREST
from deepeyes_tui.findings.words import count, goes_below_zero, inputs_a_look, listed, looks_at, rounded, share
from deepeyes_tui.link.messages import JSON, Action, Command
from deepeyes_tui.link.snapshot import LayerStatistics

WINDOW = 10
"""Observed steps behind `window_instances`."""
MEMORY = 144
"""Observed steps that a frequency rests on at most: half of what one with a half-life of 100 forgets."""

SMALLEST = 0.001
"""Share below which a bound is not told more precisely."""
BELOW_ZERO = " No nonlinearity follows this layer: values below 0 go on into the network, so these need not be dead."


def find_degenerated(layers: list[LayerStatistics]) -> Iterator[Finding]:
    """Yield the dead and the always-on filters of layers that have run, where they were looked at long enough."""
    tests = sum(layer.info.filters for layer in layers)
    for layer in layers:
        inputs = inputs_a_look(layer.info, layer.window_instances, min(layer.observed, WINDOW))
        dead, on = np.flatnonzero(layer.dead), np.flatnonzero(layer.always_on)
        if len(dead):
            yield _dead(layer, dead, inputs, tests)
        if len(on):
            sure = _surely_on(layer, on, inputs, tests)
            yield _always_on(layer, sure) if sure else _too_early(layer, on, "respond to everything")


def _dead(layer: LayerStatistics, dead: NDArray[np.intp], inputs: float, tests: int) -> Finding:
    seen = inputs * layer.dead_window
    if seen < draws_needed(RAREST, FALSE_ALARMS, tests):
        return _too_early(layer, dead, "be dead")
    name, filters = layer.info.name, tuple(dead.tolist())
    rarest = unseen_share(seen, FALSE_ALARMS, tests)
    those = f"filter{'s' if len(filters) > 1 else ''} {listed(filters)}"
    text = (
        f"{len(filters)} of {count(layer.info.filters, 'filter')} of {name} not seen active in the last "
        f"{count(layer.dead_window, 'observed step')}, on some {rounded(seen):,} inputs ({those}). Any that responds "
        f"to {share(max(rarest, SMALLEST))} of the inputs or more would have been seen."
    )
    numbers = {"dead": len(filters), "filters": layer.info.filters, "window": layer.dead_window, "inputs": seen}
    numbers["rarest"] = rarest
    if goes_below_zero(layer.info):
        text = text.replace(" active in", " above 0 in") + BELOW_ZERO
        return Finding(Task.DEGENERATED, Kind.SILENT, name, text, filters, numbers)
    return Finding(Task.DEGENERATED, Kind.DEAD, name, text, filters, numbers, prune(name, filters))


def _surely_on(layer: LayerStatistics, on: NDArray[np.intp], inputs: float, tests: int) -> list[int]:
    size = inputs * min(layer.observed, MEMORY)
    counts = layer.frequency[on].astype(np.float64) * size
    return [int(i) for i in on[least_share(counts, size, FALSE_ALARMS, tests) >= ALWAYS]]


def _always_on(layer: LayerStatistics, on: list[int]) -> Finding:
    name, least = layer.info.name, float(layer.frequency[on].min())
    those = f"filter{'s' if len(on) > 1 else ''} {listed(on)}"
    text = (
        f"{len(on)} of {count(layer.info.filters, 'filter')} of {name} always on: over half of the layer's largest "
        f"activation on {share(least)} of the instances or more ({those}). They tell inputs apart little more than "
        "a bias would."
    )
    numbers = {"always_on": len(on), "filters": layer.info.filters, "frequency": least}
    return Finding(Task.DEGENERATED, Kind.ALWAYS_ON, name, text, tuple(on), numbers, prune(name, tuple(on)))


def _too_early(layer: LayerStatistics, filters: NDArray[np.intp], may: str) -> Finding:
    name = layer.info.name
    text = (
        f"{count(len(filters), 'filter')} of {name} may {may} ({listed(filters.tolist())}), but "
        f"{looks_at(layer)} are too few to be certain."
    )
    return Finding(Task.DEGENERATED, Kind.UNKNOWN, name, text, tuple(filters.tolist()))


def prune(layer: str, filters: tuple[int, ...]) -> Command:
    """Return the command that cuts filters of one layer."""
    numbers: list[JSON] = list(filters)
    return Command(Action.PRUNE, {"filters": {layer: numbers}})
