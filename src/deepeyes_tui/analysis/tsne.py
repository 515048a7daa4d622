"""t-SNE of a few thousand points at most: exact repulsion, on one thread, in steps that can be watched and stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.analysis.drilling import first_places
from deepeyes_tui.analysis.gradient import both_ways, descend
from deepeyes_tui.analysis.graph import Csr, Floats
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.points import checked_points
from deepeyes_tui.analysis.transitions import point_transitions

Callback = Callable[[int, Floats], bool | None]
"""Called with the iterations done and the positions (n, 2), a copy; True stops the embedding there."""

SMALL = 1e-2
"""Spread of the first positions of a cold start."""
LONGEST_STEP, SHORTEST_STEP = 200.0, 10.0


@dataclass(frozen=True)
class Schedule:
    """How an embedding goes: attraction is exaggerated at first, then momentum rises."""

    exaggeration: float = 4.0
    exaggerated: float = 0.25  # of all iterations
    decaying: float = 0.15  # of all iterations, after that
    momentum: float = 0.5
    final_momentum: float = 0.8

    def at(self, share: float) -> tuple[float, float]:
        """Exaggeration and momentum when `share` of the iterations is done."""
        if share < self.exaggerated:
            return self.exaggeration, self.momentum
        left = 1.0 - (share - self.exaggerated) / self.decaying if self.decaying else 0.0
        return 1.0 + (self.exaggeration - 1.0) * max(0.0, left), self.final_momentum


COLD = Schedule()
WARM = Schedule(exaggeration=1.0, exaggerated=0.0)


def symmetric(transitions: Csr) -> Csr:
    """P of a square T: `(T + T^T) / 2L`, scaled so that all of it sums to 1."""
    back = transitions.transposed()
    indptr, indices, data = both_ways(
        transitions.indptr, transitions.indices, transitions.data, back.indptr, back.indices, back.data
    )
    total = float(data.sum(dtype=np.float64)) or 1.0
    return Csr(indptr, indices, (data / total).astype(np.float32), transitions.columns)


def embed_points(
    points: ArrayLike,
    iterations: int = 1000,
    *,
    perplexity: float = 30.0,
    seed: int = 0,
    start: ArrayLike | None = None,
    callback: Callback | None = None,
    callback_every: int = 10,
) -> Floats:
    """Positions (N, 2) of `points` (N, D) by t-SNE without a hierarchy, meant for up to 2000 of them.

    The perplexity is (N - 1) / 3 at most. From a `start` (N, 2) it goes without exaggeration. Raises ValueError for
    bad points, a perplexity below 1, or a start that does not fit.
    """
    checked = checked_points(points, least=1)
    if not perplexity >= 1.0:
        raise ValueError(f"the perplexity must be at least 1, not {perplexity}")
    if len(checked) == 1:
        return np.zeros((1, 2), np.float32)
    transitions = _neighborhoods(checked, perplexity, seed)
    return embed_graph(
        transitions,
        iterations,
        start=first_places(checked, seed=seed) if start is None else start,
        warm=start is not None,
        callback=callback,
        callback_every=callback_every,
    )


def _neighborhoods(points: Floats, perplexity: float, seed: int) -> Csr:
    """Conditional probabilities of three times as many neighbours as the perplexity."""
    perplexity = min(perplexity, max(1.0, (len(points) - 1) / 3))
    k = min(len(points) - 1, round(3 * perplexity))
    indices, squares = nearest_neighbors(points, k, seed=seed)
    return point_transitions(indices, squares, perplexity=perplexity)


def embed_graph(
    transitions: Csr,
    iterations: int = 1000,
    *,
    start: ArrayLike,
    warm: bool = False,
    callback: Callback | None = None,
    callback_every: int = 10,
) -> Floats:
    """Positions (L, 2) of the points of a square transition matrix, from `start` (L, 2).

    A `warm` start keeps its scale and is not exaggerated; otherwise the arrangement of `start` counts and not its
    size. t-SNE (van der Maaten, Hinton 2008) on P = (T + T^T) / 2L with exact repulsion: the time goes with L^2.
    Raises ValueError when `start` does not fit, `iterations` are negative, or `callback_every` is less than 1.
    """
    places = checked_start(start, transitions.columns)
    if iterations < 0:
        raise ValueError(f"iterations are counted from 0, not {iterations}")
    if callback_every < 1:
        raise ValueError(f"callback_every must be at least 1, not {callback_every}")
    places = parted(places) if warm else small(places)
    descent = _Descent(symmetric(transitions), places)
    schedule = WARM if warm else COLD
    done = 0
    while done < iterations:
        steps = min(callback_every, iterations - done)
        descent.go(steps, *schedule.at(done / iterations))
        done += steps
        if callback is not None and callback(done, descent.positions()):
            break
    return descent.positions()


def checked_start(start: ArrayLike, count: int) -> Floats:
    """`start` as (count, 2) float32, a copy. Raises ValueError for another shape, or when it is not finite."""
    places = np.array(start, np.float32)
    if places.shape != (count, 2):
        raise ValueError(f"start must be ({count}, 2), not {places.shape}")
    if not np.isfinite(places).all():
        raise ValueError("start must be finite: there is a NaN or an infinity in it")
    return places


def small(places: Floats) -> Floats:
    """The same arrangement around 0, small, and no two points in the same place."""
    centred = places - places.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(np.square(centred).mean())) or 1.0
    jitter = np.random.default_rng(len(places)).normal(0.0, SMALL / 100, places.shape)
    placed: Floats = (centred * (SMALL / spread) + jitter).astype(np.float32)
    return placed


def parted(places: Floats) -> Floats:
    """The same places, where none are shared: every point moved by a thousandth of the spread if there are some."""
    spread = float(np.sqrt(np.square(places - places.mean(axis=0)).mean()))
    if len(np.unique(places, axis=0)) == len(places):
        return places
    if spread == 0.0:
        return small(places)
    return places + np.random.default_rng(len(places)).normal(0.0, spread / 1000, places.shape).astype(np.float32)


class _Descent:
    """Positions under way, with what momentum and gains remember."""

    def __init__(self, joint: Csr, places: Floats) -> None:
        self.joint = joint
        self.places = np.ascontiguousarray(places.T)  # (2, n)
        self.velocity = np.zeros_like(self.places)
        self.gains = np.ones_like(self.places)
        self.force = np.zeros_like(self.places)

    def go(self, steps: int, exaggeration: float, momentum: float) -> None:
        """Take some steps, as long as the number of points bears (Belkina et al. 2019)."""
        eta = min(LONGEST_STEP, max(SHORTEST_STEP, self.places.shape[1] / 4))
        p = self.joint
        descend(
            p.indptr, p.indices.view(np.uint32), p.data, self.places, self.velocity, self.gains, self.force,
            np.float32(exaggeration), np.float32(momentum), np.float32(eta), steps,
        )  # fmt: skip

    def positions(self) -> Floats:
        """(n, 2)"""
        return np.ascontiguousarray(self.places.T)
