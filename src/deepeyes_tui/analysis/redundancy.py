"""Filters that do the same: groups, pairs, and how many filters are left when each group counts once (T4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


def redundant_groups(phi: Floats, threshold: float = 0.9, dead: NDArray[np.bool_] | None = None) -> tuple[Numbers, ...]:
    """Return the groups of filters that chains of similarities `phi (F, F)` of at least `threshold` join.

    Each is an ascending array of two or more filters; the largest group comes first, then the one with the lowest
    filter. `dead (F,)` filters are in none.
    """
    alike = _alike(phi, threshold, dead)
    loose = np.count_nonzero(alike, axis=1) > 1
    groups = []
    for filter_ in np.flatnonzero(loose):
        if loose[filter_]:
            groups.append(_component(alike, int(filter_)))
            loose[groups[-1]] = False
    return tuple(sorted(groups, key=len, reverse=True))


def redundant_pairs(phi: Floats, threshold: float, most: int) -> tuple[Numbers, Numbers, Floats]:
    """Return the pairs `i < j` with a similarity of at least `threshold`, and it, strongest first, at most `most`."""
    i, j = np.nonzero(np.triu(_alike(phi, threshold, None), 1))
    value = np.asarray(phi, np.float32)[i, j]
    if len(value) > most > 0:
        kept = np.flatnonzero(value >= np.partition(value, -most)[-most])
        i, j, value = i[kept], j[kept], value[kept]
    order = np.argsort(-value, kind="stable")[: max(most, 0)]
    return i[order], j[order], value[order]


def effective_filters(phi: Floats, threshold: float, dead: NDArray[np.bool_] | None = None) -> float:
    """Return how many living filters there are when those that are alike share one count.

    Each counts as 1 / (living filters whose similarity to it is at least `threshold`, itself included): `m` identical
    filters count as one together, a filter like no other counts fully, and the number does not jump when a chain of
    similarities links two groups, as counting the groups would.
    """
    alike = _alike(phi, threshold, dead)
    partners = np.count_nonzero(alike, axis=1)
    return float((1 / partners[partners > 0]).sum())


def _alike(phi: Floats, threshold: float, dead: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return which living filters are alike, `(F, F)`; each living one is like itself."""
    phi = np.asarray(phi)
    if phi.ndim != 2 or phi.shape[0] != phi.shape[1]:
        raise ValueError(f"similarities have the shape (filters, filters), not {phi.shape}")
    alike = phi >= threshold
    np.fill_diagonal(alike, np.diagonal(phi) > 0)
    if dead is not None:
        if np.shape(dead) != phi.shape[:1]:
            raise ValueError(f"{len(phi)} filters need as many flags, not {np.shape(dead)}")
        alike[dead] = False
        alike[:, dead] = False
    return np.asarray(alike)


def _component(alike: NDArray[np.bool_], start: int) -> Numbers:
    """Return all filters that can be reached from one, ascending."""
    found = np.zeros(len(alike), np.bool_)
    found[start] = True
    edge = np.array([start])
    while len(edge):
        reached = alike[edge].any(axis=0) & ~found
        found |= reached
        edge = np.flatnonzero(reached)
    return np.flatnonzero(found)
