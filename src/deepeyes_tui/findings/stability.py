"""T1: which layers are stable, since when, and how far the others still move."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.words import count, named
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.snapshot import STABLE_BELOW, STABLE_WINDOWS, LayerStatistics, Snapshot

WINDOW = 10
"""Observed steps that are compared with as many before them."""
RECENT = 3
"""Windows whose median says how far a layer moves now: a single one may be an odd batch."""


def find_stability(snapshot: Snapshot, layers: list[LayerStatistics]) -> Iterator[Finding]:
    """Yield a finding for each layer that has run, and one on all that were not looked at long enough."""
    early = []
    for layer in layers:
        if layer.nonfinite_since is not None:
            yield _nonfinite(layer)
        if layer.stable_since is not None:
            yield _stable(snapshot, layer)
        elif len(known := _known(layer)) >= STABLE_WINDOWS:
            yield _moving(layer, median(known[-RECENT:].tolist()))
        else:
            early.append(layer)
    if early:
        yield _too_early(early)


def _known(layer: LayerStatistics) -> NDArray[np.float32]:
    return layer.stability[np.isfinite(layer.stability)]


def _stable(snapshot: Snapshot, layer: LayerStatistics) -> Finding:
    name, since = layer.info.name, layer.stable_since or 0
    steps = max(snapshot.status.step - since, 0)
    text = f"{name} is stable since step {since:,}, for {count(steps, 'step')}: how its filters respond hardly changes."
    act = Command(Action.FREEZE, {"layer": name, "filters": None})
    return Finding(Task.STABLE, Kind.STABLE, name, text, numbers={"since": since, "steps": steps}, act=act)


def _moving(layer: LayerStatistics, moved: float) -> Finding:
    name = layer.info.name
    if moved < STABLE_BELOW:
        text = f"{name} is not stable yet, but has calmed: it moves by {moved:.2f} a window now, under {STABLE_BELOW}."
    else:
        text = f"{name} is not stable yet: it moves by {moved:.2f} a window, stable is under {STABLE_BELOW}."
    return Finding(Task.STABLE, Kind.MOVING, name, text, numbers={"distance": moved})


def _too_early(layers: list[LayerStatistics]) -> Finding:
    looked = min(layer.observed for layer in layers)
    those = "are" if len(layers) > 1 else "is"
    text = (
        f"Too early to say whether {named([layer.info.name for layer in layers])} {those} stable: "
        f"{count(looked, 'observed step')} so far, {WINDOW * (STABLE_WINDOWS + 1)} are needed."
    )
    return Finding(Task.STABLE, Kind.UNKNOWN, layers[0].info.name if len(layers) == 1 else "", text)


def _nonfinite(layer: LayerStatistics) -> Finding:
    name, since = layer.info.name, layer.nonfinite_since or 0
    text = (
        f"{name} has put out values that are not finite since step {since:,}: {layer.nan:,} NaN and "
        f"{layer.infinite:,} infinite among the instances looked at. They are left out of all other numbers."
    )
    numbers = {"nan": layer.nan, "infinite": layer.infinite, "since": since}
    return Finding(Task.STABLE, Kind.NONFINITE, name, text, numbers=numbers)
