"""T1: which layers are stable, since when, and how far the others still move."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.words import count, named
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.snapshot import STABLE_BELOW, STABLE_WINDOWS, Float, LayerStatistics, Snapshot

WINDOW = 10
"""Observed steps that are compared with as many before them."""
LEAST_LOOKS = WINDOW * (STABLE_WINDOWS + 1)
"""Observed steps before it can be said whether a layer is stable."""
RECENT = 3
"""Windows whose median says how far a layer moves now: a single one may be an odd batch."""
STABLE_BELOW_IN_ALL = f"under {STABLE_BELOW} in {STABLE_WINDOWS} windows in a row"
"""What sentences say of when a layer counts as stable."""


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
    text = f"{name} is stable since step {since:,}, for {count(steps, 'step')}: "
    text += "it is frozen." if layer.info.frozen else "how its filters respond hardly changes."
    act = None if layer.info.frozen else Command(Action.FREEZE, {"layer": name, "filters": None})
    return Finding(Task.STABLE, Kind.STABLE, name, text, numbers={"since": since, "steps": steps}, act=act)


def _moving(layer: LayerStatistics, moved: float) -> Finding:
    name, (calm, before) = layer.info.name, calm_windows(layer.stability)
    how = "not stable yet" if before is None else f"stable no more, as it was until {count(before, 'window')} ago"
    text = f"{name} is {how}: it moves by {distance(moved)} a window. Stable is {STABLE_BELOW_IN_ALL}"
    text += f", of which it has had {calm}." if calm else "."
    numbers = {"distance": moved, "calm_windows": calm}
    if before is not None:
        numbers["stable_windows_ago"] = before
    return Finding(Task.STABLE, Kind.MOVING, name, text, numbers=numbers)


def calm_windows(stability: Float) -> tuple[int, int | None]:
    """Return how many windows at the end are calm, and how many windows ago so many in a row were as stable takes.

    `stability (W,)` has the newest distance last, NaN where there is none. None where a layer never was stable.
    """
    runs, calm = list[int](), 0
    for quiet in (stability < STABLE_BELOW).tolist():
        calm = calm + 1 if quiet else 0
        runs.append(calm)
    ago = (number for number, run in enumerate(reversed(runs)) if run >= STABLE_WINDOWS)
    return calm, next(ago, None)


def distance(moved: float) -> str:
    """Return how far a layer moves in two digits, in three where two would say that it is just the bound."""
    text = f"{moved:.2f}"
    return f"{moved:.3f}" if float(text) == STABLE_BELOW else text


def _too_early(layers: list[LayerStatistics]) -> Finding:
    looked = min(layer.observed for layer in layers)
    those = "are" if len(layers) > 1 else "is"
    text = (
        f"Too early to say whether {named([layer.info.name for layer in layers])} {those} stable: "
        f"{count(looked, 'observed step')} so far, {LEAST_LOOKS} are needed."
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
