"""A hierarchy of landmarks (HSNE), from all points to few that stand for many."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.analysis.attraction import attraction
from deepeyes_tui.analysis.drilling import checked_selection, first_places, heaviest, parents_places, share_of
from deepeyes_tui.analysis.graph import Csr, Floats, Ints, Longs, product, restricted
from deepeyes_tui.analysis.transitions import with_isolated_joined
from deepeyes_tui.analysis.tsne import Callback, checked_start, embed_graph

INSIDE = 0.5
"""A point goes along when drilling in if more of its walks than this arrive in the selection."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The landmarks of one scale; scale 0 has all points."""

    landmarks: Longs  # (L,) rows of the points, ascending
    weights: NDArray[np.float64]  # (L,) points each stands for; they sum to N
    transitions: Csr  # (L, L)
    within: Longs  # (L,) positions of the landmarks at the scale below
    influence: Csr | None  # (L below, L); None at scale 0


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Scales from all points up (Pezzotti et al. 2016). Made by `build_hierarchy` and `refresh`."""

    points: Floats = field(repr=False)  # (N, D)
    neighbors: Ints = field(repr=False)  # (N, k)
    scales: list[Scale] = field(repr=False)
    metric: str = "euclidean"
    seed: int = 0
    _chains: dict[int, Csr] = field(default_factory=dict, repr=False)

    @property
    def points_count(self) -> int:
        """N"""
        return len(self.points)

    def scale(self, number: int) -> Scale:
        """Scale `number`, 0 the finest. Raises ValueError when there is none."""
        if not 0 <= number < len(self.scales):
            raise ValueError(f"there is no scale {number}, only 0..{len(self.scales) - 1}")
        return self.scales[number]

    def embed(
        self,
        scale: int,
        iterations: int = 1000,
        *,
        start: ArrayLike | None = None,
        callback: Callback | None = None,
        callback_every: int = 10,
    ) -> Floats:
        """Positions (L, 2) of the landmarks of a scale. From a `start` (L, 2) it goes without exaggeration.

        `callback(iteration, positions)` may return True to stop. Raises ValueError for a scale or start that is not.
        """
        level = self.scale(scale)
        begin = first_places(self.points[level.landmarks], seed=self.seed) if start is None else start
        return embed_graph(
            self.attraction(scale, self.points[level.landmarks], level.transitions),
            iterations,
            start=begin,
            warm=start is not None,
            callback=callback,
            callback_every=callback_every,
        )

    def attraction(self, scale: int, points: Floats, transitions: Csr) -> Csr:
        """What draws landmarks of a scale, `points` (L, D), to each other; at scale 0 their transitions alone."""
        return attraction(transitions, points, metric=self.metric, seed=self.seed) if scale else transitions

    def influence_on(self, scale: int) -> Csr:
        """(N, L) how much of every point each landmark of a scale stands for: I_1 I_2 ... I_s; rows sum to 1."""
        level = self.scale(scale)
        if scale not in self._chains:
            if level.influence is None:
                count = self.points_count
                rows = np.arange(count + 1, dtype=np.int64)
                self._chains[scale] = Csr(rows, rows[:-1].astype(np.int32), np.ones(count, np.float32), count)
            elif scale == 1:
                self._chains[scale] = level.influence
            else:
                self._chains[scale] = product(self.influence_on(scale - 1), level.influence)
        return self._chains[scale]

    def representative(self, scale: int) -> Ints:
        """(N,) the landmark of a scale, by position, that most of each point belongs to."""
        return heaviest(self.influence_on(scale))

    def drill_in(self, scale: int, selected: ArrayLike, *, start: ArrayLike | None = None) -> Subset:
        """The points of the finer scale for which the landmarks `selected` (positions at `scale`) stand together.

        With `start`, the places (L, 2) of all landmarks of `scale`, children start where their parents are. Raises
        ValueError at scale 0, for an empty selection and for positions that are not.
        """
        level = self.scale(scale)
        if level.influence is None:
            raise ValueError("scale 0 is the finest: there is nothing to drill in to")
        chosen = checked_selection(selected, len(level.landmarks))
        share = share_of(level.influence, chosen)
        inside = np.flatnonzero(share > INSIDE)
        inside = inside if len(inside) else level.within[chosen]
        places = None
        if start is not None:
            places = parents_places(level.influence, chosen, checked_start(start, len(level.landmarks)), inside)
        return subset_of(self, scale - 1, inside, places)


@dataclass(frozen=True, eq=False)
class Subset:
    """Some landmarks of one scale, to be embedded by themselves."""

    hierarchy: Hierarchy
    scale: int
    landmarks: Longs = field(repr=False)  # (n,) positions at `scale`, ascending
    transitions: Csr = field(repr=False)  # (n, n)
    start: Floats = field(repr=False)  # (n, 2)

    @property
    def points(self) -> Longs:
        """(n,) rows of the points."""
        return self.hierarchy.scales[self.scale].landmarks[self.landmarks]

    @property
    def weights(self) -> NDArray[np.float64]:
        """(n,) points each stands for."""
        return self.hierarchy.scales[self.scale].weights[self.landmarks]

    @property
    def members(self) -> Ints:
        """(N,) for every point its heaviest landmark, by position in the subset; -1 where that is not in it."""
        lookup = np.full(len(self.hierarchy.scales[self.scale].landmarks), -1, np.int32)
        lookup[self.landmarks] = np.arange(len(self.landmarks), dtype=np.int32)
        return lookup[self.hierarchy.representative(self.scale)]

    def embed(
        self,
        iterations: int = 500,
        *,
        start: ArrayLike | None = None,
        callback: Callback | None = None,
        callback_every: int = 10,
    ) -> Floats:
        """Positions (n, 2), from the arrangement of `self.start`; as `Hierarchy.embed` from another `start`."""
        hierarchy = self.hierarchy
        return embed_graph(
            hierarchy.attraction(self.scale, hierarchy.points[self.points], self.transitions),
            iterations,
            start=self.start if start is None else start,
            warm=start is not None,
            callback=callback,
            callback_every=callback_every,
        )

    def drill_in(self, selected: ArrayLike, *, start: ArrayLike | None = None) -> Subset:
        """As `Hierarchy.drill_in`: `selected` are positions in this subset, `start` (n, 2) the places of all of it."""
        chosen = checked_selection(selected, len(self.landmarks))
        places = None
        if start is not None:
            places = np.zeros((len(self.hierarchy.scales[self.scale].landmarks), 2), np.float32)
            places[self.landmarks] = checked_start(start, len(self.landmarks))
        return self.hierarchy.drill_in(self.scale, self.landmarks[chosen], start=places)


def subset_of(hierarchy: Hierarchy, scale: int, inside: Longs, places: Floats | None) -> Subset:
    """The landmarks `inside` of a scale; with their first `places` (n, 2), or along their principal axes."""
    level = hierarchy.scales[scale]
    points = hierarchy.points[level.landmarks[inside]]
    transitions = with_isolated_joined(restricted(level.transitions, inside), points)
    places = first_places(points, seed=hierarchy.seed) if places is None else places
    return Subset(hierarchy, scale, inside, transitions, places)
