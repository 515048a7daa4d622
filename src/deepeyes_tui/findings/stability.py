"""T1: which layers are stable, since when, and how far the others still move."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.words import count
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.snapshot import STABLE_BELOW, STABLE_WINDOWS, LayerStatistics, Snapshot

RECENT = 3
"""Windows whose median says how far a layer moves now: a single one may be an odd batch."""


def find_stability(snapshot: Snapshot, layers: list[LayerStatistics]) -> Iterator[Finding]:
    """Yield a finding for each layer that has run."""
    for layer in layers:
        if layer.nonfinite_since is not None:
            yield _nonfinite(layer)
        yield _stable(snapshot, layer) if layer.stable_since is not None else _moving(layer)


def _stable(snapshot: Snapshot, layer: LayerStatistics) -> Finding:
    name, since = layer.info.name, layer.stable_since or 0
    steps = max(snapshot.status.step - since, 0)
    text = f"{name} is stable since step {since:,}, for {count(steps, 'step')}: how its filters respond hardly changes."
    act = Command(Action.FREEZE, {"layer": name, "filters": None})
    return Finding(Task.STABLE, Kind.STABLE, name, text, numbers={"since": since, "steps": steps}, act=act)


def _moving(layer: LayerStatistics) -> Finding:
    name, known = layer.info.name, layer.stability[np.isfinite(layer.stability)]
    if len(known) < STABLE_WINDOWS:
        text = (
            f"{name}: too early to say whether it is stable: {count(len(known), 'comparison')} of windows so far, "
            f"{STABLE_WINDOWS} are needed ({count(layer.observed, 'observed step')})."
        )
        return Finding(Task.STABLE, Kind.UNKNOWN, name, text, numbers={"windows": len(known)})
    moved = float(np.median(known[-RECENT:]))
    if moved < STABLE_BELOW:
        text = f"{name} is not stable yet, but has calmed: it moves by {moved:.2f} a window now, under {STABLE_BELOW}."
    else:
        text = f"{name} is not stable yet: it moves by {moved:.2f} a window, stable is under {STABLE_BELOW}."
    return Finding(Task.STABLE, Kind.MOVING, name, text, numbers={"distance": moved})


def _nonfinite(layer: LayerStatistics) -> Finding:
    name, since = layer.info.name, layer.nonfinite_since or 0
    text = (
        f"{name} has put out values that are not finite since step {since:,}: {layer.nan:,} NaN and "
        f"{layer.infinite:,} infinite among the instances looked at. They are left out of all other numbers."
    )
    numbers = {"nan": layer.nan, "infinite": layer.infinite, "since": since}
    return Finding(Task.STABLE, Kind.NONFINITE, name, text, numbers=numbers)
