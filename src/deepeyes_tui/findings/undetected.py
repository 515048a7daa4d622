"""T3: what no filter of a layer detects, and whether it is a pattern: inputs of one label, or of one place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from deepeyes_tui.findings.chances import excess
from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.limits import (
    EXPECTED_UNSEEN,
    FALSE_ALARMS,
    UNSEEN_RATIO,
    UNSEEN_SHARE,
    WORTH_SAYING,
)
from deepeyes_tui.findings.words import goes_below_zero, inputs_a_look, rounded, share
from deepeyes_tui.link.findings import Evidence, LayerEvidence, Tally
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.snapshot import LayerStatistics

GROWTH = 8
"""One filter for so many that a layer has is offered where a pattern goes undetected."""


def find_undetected(
    layers: list[LayerStatistics], evidence: Evidence | None, labels: Sequence[str]
) -> Iterator[Finding]:
    """Yield what is undetected in each layer: patterns from the instances, the plain share from the statistics."""
    tests = sum(len(known.labels) + len(known.places) for known in evidence.layers) if evidence else 0
    for layer in layers:
        known = evidence.of(layer.info.name) if evidence else None
        judged = None if goes_below_zero(layer.info) or _looks_up(layer) else known
        patterns = list(_patterns(layer, judged, labels, tests)) if judged is not None else []
        yield from patterns
        if not patterns and math.isfinite(layer.undetected) and layer.undetected >= WORTH_SAYING:
            yield _plain(layer, known)


def _patterns(layer: LayerStatistics, known: LayerEvidence, labels: Sequence[str], tests: int) -> Iterator[Finding]:
    for what, tallies in (("label", known.labels), ("place", known.places)):
        for tally in tallies:
            rest_inputs = sum(other.inputs for other in tallies) - tally.inputs
            rest_unseen = sum(other.unseen for other in tallies) - tally.unseen
            if is_pattern(tally, rest_inputs, rest_unseen, tests):
                name = _label(tally.group, labels) if what == "label" else f"the {tally.group} of its grid"
                yield _pattern(layer, known, name, tally, rest_unseen / max(rest_inputs, 1))


def is_pattern(tally: Tally, rest_inputs: int, rest_unseen: int, tests: int) -> bool:
    """Return whether a group goes undetected much more than the rest, and not by chance in any of `tests` groups."""
    own, rest = tally.unseen / max(tally.inputs, 1), rest_unseen / max(rest_inputs, 1)
    if own < UNSEEN_SHARE or own < UNSEEN_RATIO * max(rest, EXPECTED_UNSEEN) or not rest_inputs:
        return False
    return excess(tally.unseen, tally.inputs, rest_unseen, rest_inputs) < FALSE_ALARMS / max(tests, 1)


def _pattern(layer: LayerStatistics, known: LayerEvidence, name: str, tally: Tally, rest: float) -> Finding:
    own, layer_name = tally.unseen / tally.inputs, layer.info.name
    text = (
        f"{layer_name} does not detect {share(own)} of the inputs of {name} ({tally.unseen:,} of {tally.inputs:,}), "
        f"{share(rest)} of all others: no filter responds to what they show. In all, "
        f"{share(known.undetected)} of its instances that are not blank go undetected."
    )
    numbers = {"share": own, "elsewhere": rest, "inputs": tally.inputs, "undetected": known.undetected}
    more = max(layer.info.filters // GROWTH, 1)
    act = Command(Action.GROW, {"layer": layer_name, "count": more, "how": "random", "source": None})
    return Finding(Task.UNSEEN, Kind.UNSEEN_PATTERN, layer_name, text, numbers=numbers, act=act)


def _plain(layer: LayerStatistics, known: LayerEvidence | None) -> Finding:
    name, undetected = layer.info.name, layer.undetected
    inputs = inputs_a_look(layer.info, layer.window_instances, 1)
    where = f"some {rounded(inputs):,} inputs of the last observed steps"
    text = f"{share(undetected)} of the instances of {name}, from {where}, are detected by no filter"
    numbers = {"undetected": undetected, "instances": layer.window_instances, "inputs": inputs}
    if _looks_up(layer):
        numbers["tokens"] = layer.window_instances
        text = f"{share(undetected)} of the tokens that {name} looks up have a vector of zeros: padding, as a rule."
    elif goes_below_zero(layer.info):
        text += ": none is above 0 there. Values below 0 go on into the network, so nothing need be missed."
    elif known is None or math.isnan(known.undetected):
        text += "; whether they have anything in common is not known without its instances."
    elif known.undetected < WORTH_SAYING:
        text += f": blank ones, nothing is missed ({share(known.undetected)} of what is not blank)."
    else:
        text += f" ({share(known.undetected)} of those that are not blank). They belong to no one label or place."
    return Finding(Task.UNSEEN, Kind.UNDETECTED, name, text, numbers=numbers)


def _looks_up(layer: LayerStatistics) -> bool:
    """Return whether a layer is a table of vectors: what it does not respond to is what stands for nothing there."""
    return layer.info.kind.startswith("Embedding")


def _label(number: str, labels: Sequence[str]) -> str:
    return f"label {labels[int(number)] if int(number) < len(labels) else number}"
