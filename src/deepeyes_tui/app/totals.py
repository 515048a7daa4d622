"""What is known of all layers at once, and of groups of them: counts, and the worst of each group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.snapshot import LEAST_WINDOW, Snapshot

Int = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Numbers by layer, `(L,)`: filters, dead ones and those always on; step from which on it is stable (-1: not yet),
    share of undetected instances (NaN: not known), whether it has run, whether its filters are judged, counts of what
    is not finite.
    """

    filters: Int
    dead: Int
    always_on: Int
    stable_since: Int
    undetected: Float
    has_run: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    nonfinite: Int


@dataclass(frozen=True, slots=True)
class GroupNumbers:
    """A group in numbers. `stable_since` is that of the layer that was stable last, None while one is not yet; `worst`
    is the layer whose last change was the largest, `most_dead` and `least_seen` those with the largest share of dead
    filters and of undetected instances, None where nothing is known.
    """

    layers: int
    filters: int
    dead: int
    dead_in: int
    always_on: int
    stable: int
    stable_since: int | None
    undetected: float
    run: int
    judged: int
    nonfinite: int
    broken: int
    worst: int | None
    most_dead: int | None
    least_seen: int | None


@lru_cache(maxsize=2)
def totals(snapshot: Snapshot) -> Totals:
    """Return the numbers of all layers of a snapshot."""
    arrays = snapshot.arrays
    filters = np.array([info.filters for info in snapshot.layers], np.int64)
    edges = np.concatenate(([0], np.cumsum(filters)))
    run = arrays["observed"] > 0
    seen = run & (arrays["window_instances"] > 0)
    return Totals(
        filters,
        _sums(arrays["dead"], edges),
        _sums(arrays["always_on"], edges),
        np.asarray(arrays["stable_since"], np.int64),
        np.where(seen, arrays["undetected"], np.nan).astype(np.float64),
        run,
        arrays["dead_window"] >= LEAST_WINDOW,
        np.asarray(arrays["nan"] + arrays["infinite"], np.int64),
    )


def _sums(flags: NDArray[np.bool_], edges: Int) -> Int:
    so_far = np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))
    return np.asarray(np.diff(so_far[edges]))


def group_numbers(snapshot: Snapshot, layers: tuple[int, ...]) -> GroupNumbers:
    """Return a group of layers in numbers."""
    known, rows = totals(snapshot), np.asarray(layers, np.intp)
    since, dead = known.stable_since[rows], known.dead[rows]
    lost = known.nonfinite[rows]
    stable = int((since >= 0).sum())
    undetected = known.undetected[rows]
    change = snapshot.arrays["stability"][rows, -1]
    return GroupNumbers(
        layers=len(rows),
        filters=int(known.filters[rows].sum()),
        dead=int(dead.sum()),
        dead_in=int((dead > 0).sum()),
        always_on=int(known.always_on[rows].sum()),
        stable=stable,
        stable_since=int(since.max()) if stable == len(rows) else None,
        undetected=float(np.nanmax(undetected)) if np.isfinite(undetected).any() else float("nan"),
        run=int(known.has_run[rows].sum()),
        judged=int(known.judged[rows].sum()),
        nonfinite=int(lost.sum()),
        broken=int((lost > 0).sum()),
        worst=_largest(np.where(since < 0, change, np.nan), layers),
        most_dead=_largest(np.where(dead > 0, dead / np.maximum(known.filters[rows], 1), np.nan), layers),
        least_seen=_largest(undetected, layers),
    )


def least_stable_history(snapshot: Snapshot, layers: tuple[int, ...]) -> Float:
    """Return the largest change among some layers, window by window, `(W,)`; NaN where none is known."""
    history = np.asarray(snapshot.arrays["stability"], np.float64)[list(layers)]
    worst = np.where(np.isnan(history), -np.inf, history).max(axis=0, initial=-np.inf)
    return np.where(np.isinf(worst), np.nan, worst)


def _largest(values: Float, layers: tuple[int, ...]) -> int | None:
    return layers[int(np.nanargmax(values))] if np.isfinite(values).any() else None
