"""Numbers and lists as sentences have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.link.snapshot import LayerInfo, LayerStatistics

MOST_NAMED = 12
"""Filters, or groups of them, that a sentence names."""

MOST_LAYERS = 6
LEAST_ERROR = 0.005
"""Standard errors below it would be written as 0."""
FULL_WINDOW = 50
"""Observed steps that are remembered of filters at least, once there were as many."""


def share(value: float) -> str:
    """Return a share of 1 in per cent: `37 %`, `3.4 %`, `under 0.1 %`."""
    size = value * 100
    if 0 < size < 0.1:
        return "under 0.1 %"
    return f"{size:.0f} %" if size >= 9.95 or size == 0 else f"{size:.1f} %"


def with_error(value: float, error: float) -> str:
    """Return a share of 1 in hundredths with its standard error: `.93 ± .01`, `<.01` for a smaller one."""
    if math.isnan(error):
        return _hundredths(value)
    return f"{_hundredths(value)} ± {'<.01' if 0 < error < LEAST_ERROR else _hundredths(error)}"


def _hundredths(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1)


def count(number: int, what: str) -> str:
    """Return a count with its noun: `1 filter`, `1,203 filters`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def looks_at(layer: LayerStatistics) -> str:
    """Return on how many observed steps it rests what is said of a layer's filters, and since when where that is not
    from the start: those of a layer that got new ones are judged anew.
    """
    text = count(layer.dead_window, "observed step")
    return f"{text} since it got new filters" if layer.dead_window < min(layer.observed, FULL_WINDOW) else text


def listed(filters: Sequence[int]) -> str:
    """Return filters as a list, cut after a dozen."""
    text = format_filters(filters[:MOST_NAMED])
    return text if len(filters) <= MOST_NAMED else f"{text} and {len(filters) - MOST_NAMED:,} more"


def named(layers: Sequence[str]) -> str:
    """Return names of layers in a row, the last after `and`; of many, how many more there are."""
    shown = list(layers[:MOST_LAYERS])
    if len(layers) > MOST_LAYERS:
        shown.append(f"{len(layers) - MOST_LAYERS:,} more layers")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def goes_below_zero(info: LayerInfo) -> bool:
    """Return whether negative values of a layer go on into the network, though only those above 0 are looked at: no
    nonlinearity follows it, and absolute values are not what is shown.
    """
    last = info.output_point.rpartition(" + ")[2]
    return not info.signed and not (last.isidentifier() and last.islower())


def rounded(number: float) -> int:
    """Round to two digits what is an estimate."""
    size = int(10 ** max(len(str(int(number))) - 2, 0))
    return round(number / size) * size


def inputs_a_look(info: LayerInfo, instances: int, looks: int) -> float:
    """Return about how many inputs of a layer one observed step shows, from the instances of so many."""
    return instances / max(looks, 1) / max(info.positions_per_input, 1)
