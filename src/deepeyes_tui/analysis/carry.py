"""Where landmarks start after a refresh: at the places they had."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.analysis.drilling import parents_places
from deepeyes_tui.analysis.graph import Csr, Floats, summed
from deepeyes_tui.analysis.refresh import row_of
from deepeyes_tui.analysis.scales import Hierarchy
from deepeyes_tui.analysis.tsne import checked_start

_ROUNDS = 3


def carry_positions(
    old: Hierarchy,
    old_positions: ArrayLike,
    old_ids: ArrayLike,
    new: Hierarchy,
    new_ids: ArrayLike,
    *,
    old_scale: int | None = None,
    new_scale: int | None = None,
) -> Floats:
    """First places (L, 2) of the landmarks of `new`, from those (L_old, 2) of `old`; of their top scales if not given.

    Kept landmarks stay. Instances that were there before start at the mean place of the landmarks that stood for
    them, new ones among their neighbours. Raises ValueError for ids, scales or positions that do not fit.
    """
    old_scale = len(old.scales) - 1 if old_scale is None else old_scale
    new_scale = len(new.scales) - 1 if new_scale is None else new_scale
    source, target = old.scale(old_scale), new.scale(new_scale)
    places = checked_start(old_positions, len(source.landmarks))
    before = row_of(old_ids, new_ids, old.points_count, new.points_count)[target.landmarks]
    carried = np.full((len(target.landmarks), 2), np.nan, np.float32)
    known = np.flatnonzero(before >= 0)
    everyone = np.arange(len(source.landmarks))
    carried[known] = parents_places(old.influence_on(old_scale), everyone, places, before[known])
    kept = np.flatnonzero(np.isin(before, source.landmarks))
    carried[kept] = places[np.searchsorted(source.landmarks, before[kept])]
    return _beside_neighbors(carried, target.transitions)


def _beside_neighbors(carried: Floats, graph: Csr) -> Floats:
    """Put those without a place (NaN) at the mean of the neighbours that have one, or else in the middle."""
    rows = graph.row_numbers()
    for _ in range(_ROUNDS):
        missing = np.isnan(carried[:, 0])
        usable = ~missing[graph.indices] & missing[rows]
        share = np.where(usable, graph.data, 0.0)
        total = summed(rows, share, len(carried))
        for axis in (0, 1):
            there = np.where(usable, carried[graph.indices, axis], 0.0)
            mean = summed(rows, share * there, len(carried)) / np.where(total > 0, total, 1.0)
            carried[:, axis] = np.where(missing & (total > 0), mean, carried[:, axis])
    missing = np.isnan(carried[:, 0])
    carried[missing] = carried[~missing].mean(axis=0) if not missing.all() else 0.0
    return carried
