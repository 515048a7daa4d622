"""The Filter Map: filters placed by how alike they activate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.analysis.compiled import in_chunks
from deepeyes_tui.analysis.graph import Csr, Floats, Ints
from deepeyes_tui.analysis.nearest import keep_nearest
from deepeyes_tui.analysis.pca import orthonormal
from deepeyes_tui.analysis.procrustes import align
from deepeyes_tui.analysis.transitions import point_transitions
from deepeyes_tui.analysis.tsne import Callback, checked_start, embed_graph

FEW = 8
"""Fewer filters than this are placed by scaling alone."""
PERPLEXITY = 30.0
WARM_ITERATIONS = 150
_ROUNDS = 12
_ROWS = 256


def embed_similarities(
    phi: ArrayLike,
    *,
    iterations: int = 500,
    start: ArrayLike | None = None,
    callback: Callback | None = None,
    callback_every: int = 10,
    seed: int = 0,
) -> Floats:
    """Positions (F, 2) of filters of similarity `phi` (F, F), 0..1: t-SNE on the distances 1 - phi (DeepEyes, 4.6).

    Under 8 filters: classical scaling. From a `start` (F, 2) at most 150 iterations without exaggeration.
    `callback(iteration, positions)` may return True to stop. Raises ValueError: not square, not finite, no filter.
    """
    distances = checked_distances(phi)
    count = len(distances)
    places = scaled(distances, seed=seed) if start is None else checked_start(start, count)
    if count < FEW:
        return _few(distances, places if start is not None else None, callback, seed)
    return embed_graph(
        conditional(distances),
        iterations if start is None else min(iterations, WARM_ITERATIONS),
        start=places,
        warm=start is not None,
        callback=callback,
        callback_every=callback_every,
    )


def checked_distances(phi: ArrayLike) -> Floats:
    """1 - phi as (F, F) float32, symmetric, with a diagonal of 0. Raises ValueError as `embed_similarities`."""
    given = np.asarray(phi, np.float32)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not len(given):
        raise ValueError(f"similarities must be (filters, filters), not {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError("similarities must be finite: there is a NaN or an infinity among them")
    distances: Floats = np.maximum(np.float32(1.0) - np.float32(0.5) * (given + given.T), np.float32(0.0))
    np.fill_diagonal(distances, 0.0)
    return distances


def conditional(distances: Floats) -> Csr:
    """Transitions (F, F) of given distances, at a perplexity of 30 or a third of the others, to their nearest."""
    count = len(distances)
    perplexity = min(PERPLEXITY, (count - 1) / 3)
    nearest = _nearest(distances, min(count - 1, round(3 * perplexity)))
    squares = np.square(np.take_along_axis(distances, nearest, axis=1))
    return point_transitions(nearest, squares, perplexity=perplexity)


def _nearest(distances: Floats, count: int) -> Ints:
    """(F, count) the nearest others."""
    ids = np.arange(len(distances), dtype=np.int32)
    found = np.empty((len(distances), count), np.int32)
    norms = np.zeros(len(distances), np.float32)

    def rows(first: int, last: int) -> None:
        keep_nearest(distances[first:last], norms, ids, ids[first:last], found[first:last])

    in_chunks(rows, len(distances), _ROWS)
    return found


def scaled(distances: Floats, *, seed: int = 0) -> Floats:
    """Positions (F, 2) by classical scaling (Torgerson 1952): the two strongest axes of the centred squares."""
    count = len(distances)
    gram = np.square(distances)
    means = gram.mean(axis=0, dtype=np.float64).astype(np.float32)
    gram -= means
    gram -= (means - means.mean())[:, None]
    gram *= np.float32(-0.5)
    axes = np.random.default_rng(seed).standard_normal((count, min(count, 6)), dtype=np.float32)
    for _ in range(_ROUNDS):
        axes = orthonormal(gram @ axes)
    values, turn = np.linalg.eigh(axes.T @ (gram @ axes))
    places = np.zeros((count, 2), np.float32)
    for axis, at in enumerate(np.argsort(-values, kind="stable")[:2]):
        if values[at] > 0.0:
            places[:, axis] = (axes @ turn[:, at]) * np.sqrt(values[at])
    return places


def _few(distances: Floats, start: Floats | None, callback: Callback | None, seed: int) -> Floats:
    """Too few for neighbourhoods: scaled, and turned to where they were."""
    places = scaled(distances, seed=seed)
    if start is not None:
        places = align(places, start, resize=False)
    if callback is not None:
        callback(1, places.copy())
    return places
