"""T5: how far each layer keeps the labels apart, which layers add nothing, whether one is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from deepeyes_tui.findings.chances import quantile
from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.limits import APART, COPIES, FALSE_ALARMS, SMALL_RISE, STEEP_RISE
from deepeyes_tui.findings.words import share, with_error
from deepeyes_tui.link.findings import Evidence, LayerEvidence
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.snapshot import LayerInfo, LayerStatistics

MOST_ALONG = 8
"""Layers whose purity stands in one sentence."""


def find_needed(layers: list[LayerStatistics], evidence: Evidence) -> Iterator[Finding]:
    """Yield how labels come apart along the network and in each layer, the layers of no use, whether one is missing."""
    infos = {layer.info.name: layer.info for layer in layers}
    known = [layer for layer in evidence.layers if layer.layer in infos]
    judged = [layer for layer in known if math.isfinite(layer.purities.rise)]
    yield from _along(judged)
    for layer in known:
        if is_useless(layer, len(known)):
            yield _useless(layer)
        elif math.isfinite(layer.purities.rise):
            yield _purity(layer, infos[layer.layer])
    if [layer.layer for layer in judged[-2:]] == list(infos)[-2:]:
        yield from _missing(judged)


def _along(layers: Sequence[LayerEvidence]) -> Iterator[Finding]:
    """Yield the purity along the network, a number a layer."""
    if len(layers) < 2:
        return
    first, last = layers[0].purities, layers[-1].purities
    steps = [*layers[: MOST_ALONG - 1], layers[-1]] if len(layers) > MOST_ALONG else layers
    way = ", ".join(f"{layer.layer} {with_error(layer.purities.before, math.nan)}" for layer in steps)
    text = (
        f"Label purity in the layers' inputs, one after the other: {way}; in the last output "
        f"{with_error(last.after, last.after_error)} ({with_error(first.chance, math.nan)} by chance)"
        f"{_may_be_better(layers[-1])}."
    )
    yield Finding(Task.NEEDED, Kind.PURITY, "", text, numbers={"first": first.before, "last": last.after})


def is_useless(layer: LayerEvidence, layers: int) -> bool:
    """Return whether a layer passes its input on as it is, and keeps the labels no better apart by that."""
    passes = layer.copied >= COPIES or bool(layer.unchanged)
    return passes and not (layer.copied >= COPIES and _rises(layer, layers))


def _rises(layer: LayerEvidence, layers: int) -> bool:
    rise, error = layer.purities.rise, layer.purities.rise_error
    return math.isfinite(rise) and rise > SMALL_RISE and rise > quantile(FALSE_ALARMS, layers) * error


def _useless(layer: LayerEvidence) -> Finding:
    name, purities = layer.layer, layer.purities
    if layer.copied >= COPIES:
        how = f"{share(layer.copied)} of what it puts out is copied from its input, value by value"
    else:
        from_where = "its input" if layer.unchanged == name else f"the input of {layer.unchanged}"
        how = f"the layer behind it gets {from_where} again, to which it adds {share(layer.added)} in size"
    text = f"{name} seems to be of no use: {how}{_no_better(layer)}."
    numbers = {"copied": layer.copied, "added": layer.added, "rise": purities.rise, "error": purities.rise_error}
    act = Command(Action.DROP_LAYER, {"layer": name})
    return Finding(Task.NEEDED, Kind.USELESS, name, text, numbers=numbers, act=act)


def _no_better(layer: LayerEvidence) -> str:
    purities = layer.purities
    if math.isnan(purities.rise) or layer.copied < COPIES:
        return ""
    change = with_error(abs(purities.rise), purities.rise_error)
    return f"; label purity {'rises' if purities.rise >= 0 else 'falls'} by {change}, no more than by chance"


def _purity(layer: LayerEvidence, info: LayerInfo) -> Finding:
    p = layer.purities
    before, after = with_error(p.before, p.before_error), with_error(p.after, p.after_error)
    verdict = (
        "better apart"
        if p.rise > 2 * p.rise_error
        else "less apart"
        if p.rise < -2 * p.rise_error
        else "no better apart"
    )
    text = (
        f"{layer.layer} keeps the labels {verdict}: purity of the 10 nearest neighbours {before} in its input, "
        f"{after} in its output ({with_error(p.chance, math.nan)} by chance){_pieces(info)}{_of_steps(layer)}."
    )
    numbers = {
        "before": p.before,
        "before_error": p.before_error,
        "after": p.after,
        "after_error": p.after_error,
        "rise": p.rise,
        "rise_error": p.rise_error,
        "chance": p.chance,
    }
    return Finding(Task.NEEDED, Kind.PURITY, layer.layer, text, numbers=numbers)


def _of_steps(layer: LayerEvidence) -> str:
    """Say of which steps the instances are: in a network that changes meanwhile, neighbours lie further apart."""
    return f"; of steps {(layer.step + 1) // 2:,} to {layer.step:,} together" if layer.step > 0 else ""


def _may_be_better(layer: LayerEvidence) -> str:
    steps = _of_steps(layer)
    return f"{steps}: the network as it is now may keep labels further apart" if steps else ""


def _pieces(info: LayerInfo) -> str:
    """Say that a layer sees pieces of its inputs only, which need not tell labels apart."""
    if info.positions_per_input < 2 or not info.receptive_field:
        return ""
    size = "x".join(map(str, info.receptive_field))
    return f"; it sees pieces of {size} of an input, which need not tell its label"


def _missing(layers: Sequence[LayerEvidence]) -> Iterator[Finding]:
    """Yield that layers may be missing, where labels are not apart at the end and the last layers still part them."""
    if len(layers) < 2:
        return
    last, behind = layers[-1], layers[-2]
    start, end = behind.purities, last.purities
    best = max(end.before, end.after)
    error = math.hypot(start.before_error, end.before_error)
    rise, z = end.before - start.before, quantile(FALSE_ALARMS, 2)
    if best + z * end.before_error >= APART or rise - z * error < STEEP_RISE:
        return
    text = (
        "A layer may be missing: labels are not kept apart at the end (purity "
        f"{with_error(end.before, end.before_error)} in the input of {last.layer}), and "
        f"still came apart by {with_error(rise, error)} since the input of {behind.layer}{_may_be_better(last)}."
    )
    act = Command(Action.ADD_LAYER, {"layer": behind.layer})
    yield Finding(Task.NEEDED, Kind.MISSING, behind.layer, text, numbers={"purity": end.before, "rise": rise}, act=act)
