"""Filters read off a run's board, by their state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepeyes_tui.ctl.condition import view_of
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import LEAST_WINDOW, LayerStatistics, Snapshot


def filters_in_state(run: Run, states: Sequence[str], layers: Sequence[str]) -> dict[str, list[int]]:
    """Return the filters by layer that are `dead` or `always_on` as the viewer marks them.

    Of all layers where none are named. Raises RunError where there is no board, no such layer or no such filter.
    """
    found: dict[str, list[int]] = {}
    chosen = _chosen(_snapshot(run), layers)
    for layer in chosen:
        if layer.dead_window < LEAST_WINDOW:
            continue
        marked = np.logical_or.reduce([getattr(layer, state) for state in states])
        if marked.any():
            found[layer.info.name] = np.flatnonzero(marked).tolist()
    if not found:
        where = ", ".join(layers) or "any layer"
        if all(layer.dead_window < LEAST_WINDOW for layer in chosen):
            raise RunError(f"no filter of {where} is judged yet: {LEAST_WINDOW} looks are needed")
        raise RunError(f"no filter of {where} is {' or '.join(states).replace('_', ' ')}: there is nothing to cut")
    return found


def structure_on_board(run: Run) -> int | None:
    """Return the number of the structure that the network has now, None where nothing is known. Raises RunError."""
    snapshot = view_of(run).snapshot
    return snapshot.generation if snapshot is not None else None


def structure_of(run: Run) -> int | None:
    """Return by which number the run knows its model's structure now; None where nothing is known of it yet."""
    try:
        return _snapshot(run).generation
    except RunError:
        return None


def _snapshot(run: Run) -> Snapshot:
    snapshot = view_of(run).snapshot
    if snapshot is None:
        raise RunError(f"nothing is known of the filters of {run.name} yet: wait for its first steps")
    return snapshot


def _chosen(snapshot: Snapshot, names: Sequence[str]) -> list[LayerStatistics]:
    known = {info.name: index for index, info in enumerate(snapshot.layers)}
    for name in names:
        if name not in known:
            raise RunError(f"there is no layer {name!r}; there are: {', '.join(known)}")
    return [snapshot.layer(known[name]) for name in names or known]
