"""T4: filters that do the same as others, and how many filters a layer has in effect."""

from __future__ import annotations

import math
from collections.abc import Iterator

from deepeyes_tui.findings.degenerated import prune
from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.limits import OVERSIZED
from deepeyes_tui.findings.words import MOST_NAMED, count
from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.link.findings import Evidence, LayerEvidence
from deepeyes_tui.link.maps import REDUNDANT
from deepeyes_tui.link.snapshot import LayerStatistics

MOST_GROUPS = 4
"""Groups that a sentence names."""


def find_oversized(layers: list[LayerStatistics], evidence: Evidence) -> Iterator[Finding]:
    """Yield for each layer its redundant filters, or how many it has in effect."""
    for layer in layers:
        known = evidence.of(layer.info.name)
        if known is not None and math.isfinite(known.effective) and known.living:
            yield _redundant(layer, known) if known.groups else _effective(layer, known)


def _redundant(layer: LayerStatistics, known: LayerEvidence) -> Finding:
    name, spare = layer.info.name, tuple(sorted(i for group in known.groups for i in group[1:]))
    text = (
        f"{count(len(spare), 'filter')} of {name} do{'es' if len(spare) == 1 else ''} what others do: "
        f"{count(len(known.groups), 'group')} of filters with similarities over {REDUNDANT:g} ({_named(known)}). "
        f"{_in_effect(layer, known)}"
    )
    filters = tuple(sorted(i for group in known.groups for i in group))
    numbers = {"redundant": len(spare), "groups": len(known.groups), **_numbers(layer, known)}
    return Finding(Task.OVERSIZED, Kind.REDUNDANT, name, text, filters, numbers, prune(name, spare))


def _effective(layer: LayerStatistics, known: LayerEvidence) -> Finding:
    text = f"No two filters of {layer.info.name} are surely alike. {_in_effect(layer, known)}"
    return Finding(Task.OVERSIZED, Kind.EFFECTIVE, layer.info.name, text, numbers=_numbers(layer, known))


def _in_effect(layer: LayerStatistics, known: LayerEvidence) -> str:
    filters = layer.info.filters
    text = f"Effective number of filters: {known.effective:.1f}".removesuffix(".0") + f" of {filters:,}"
    if known.living < filters:
        text += f", {known.living:,} of them alive"
    return text + (": the layer is larger than it needs to be." if known.effective < OVERSIZED * filters else ".")


def _numbers(layer: LayerStatistics, known: LayerEvidence) -> dict[str, float]:
    return {"effective": known.effective, "living": known.living, "filters": layer.info.filters}


def _named(known: LayerEvidence) -> str:
    groups = [
        f"{format_filters(sorted(group)[:MOST_NAMED])}{' ...' if len(group) > MOST_NAMED else ''}"
        for group in known.groups
    ]
    shown = "; ".join(groups[:MOST_GROUPS])
    return shown if len(groups) <= MOST_GROUPS else f"{shown}; and {len(groups) - MOST_GROUPS:,} more"
