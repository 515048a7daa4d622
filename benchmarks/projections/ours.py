"""Jobs that measure this project. Each is a function of plain values that returns plain values."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from projections.data import load

Numbers = dict[str, Any]


def our_hierarchy(data: str, out: str, **_: object) -> Numbers:
    """Three scales and the picture of the coarsest; how good both are."""
    from deepeyes_tui.analysis.hierarchy import build_hierarchy

    warm_up()
    points, labels = load(data)
    start = time.perf_counter()
    hierarchy = build_hierarchy(points, scales=3)
    built = time.perf_counter()
    top = len(hierarchy.scales) - 1
    places = hierarchy.embed(top, 1000)
    done = time.perf_counter()
    landmarks = hierarchy.scales[top].landmarks
    np.save(f"{out}.ids.npy", landmarks)
    owner = landmarks[hierarchy.representative(top)]
    return {
        "build": built - start,
        "embed": done - built,
        "landmarks": len(landmarks),
        "label": float((labels[owner] == labels).mean()),
        "wrong": broken_invariants(hierarchy, len(points)),
        "digest": digest(*[scale.transitions.data for scale in hierarchy.scales], landmarks, places),
        **picture(points[landmarks], places),
    }


def warm_up() -> None:
    """Load all kernels, as the analysis process does before anybody asks."""
    from deepeyes_tui.analysis.purity import label_purity
    from deepeyes_tui.analysis.quality import projection_quality
    from deepeyes_tui.analysis.similarity import weighted_jaccard
    from deepeyes_tui.analysis.warm_up import warm_up as load_kernels

    load_kernels()
    few = np.random.default_rng(0).random((12, 4))
    weighted_jaccard(few)
    projection_quality(few, few[:, :2])
    label_purity(few, np.arange(12) % 2, np.arange(12))


def picture(points: NDArray[np.float32], places: NDArray[np.float32]) -> Numbers:
    """How true a picture is: the share of the ten nearest neighbours it keeps, and its trustworthiness."""
    from deepeyes_tui.analysis.quality import projection_quality

    quality = projection_quality(points, places, 10)
    return {
        "kept": float((quality.false_neighbours < 0).mean()),
        "trustworthiness": quality.mean_trustworthiness,
    }


def broken_invariants(hierarchy: Any, count: int) -> list[str]:
    """Name what does not hold of rows, diagonals and weights at some scale."""
    wrong = []
    for number, scale in enumerate(hierarchy.scales):
        rows = scale.transitions.row_numbers()
        matrices = [scale.transitions] + ([scale.influence] if scale.influence is not None else [])
        sums = [np.bincount(m.row_numbers(), m.data, len(m.indptr) - 1) for m in matrices]
        if not all(np.allclose(s, 1, atol=1e-4) for s in sums):
            wrong.append(f"rows of scale {number}")
        if (scale.transitions.indices == rows).any():
            wrong.append(f"diagonal of scale {number}")
        if not np.isclose(scale.weights.sum(), count, rtol=1e-4):
            wrong.append(f"weights of scale {number}")
    return wrong


def digest(*arrays: NDArray[Any]) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


def our_first_picture(data: str, started: float, **_: object) -> Numbers:
    """From the start of the process to the first frame; the process ends with the finished picture."""
    from deepeyes_tui.analysis.hierarchy import build_hierarchy

    points, _ = load(data)
    hierarchy = build_hierarchy(points, scales=3)
    frames: list[float] = []
    hierarchy.embed(len(hierarchy.scales) - 1, 1000, callback=lambda *_: frames.append(time.time()))
    return {"frame": frames[0] - started, "finished": time.time() - started}


def our_drill_in(data: str, wanted: int, **_: object) -> Numbers:
    """Into about so many points behind neighbouring landmarks of the coarsest scale."""
    from deepeyes_tui.analysis.hierarchy import build_hierarchy

    warm_up()
    points, _ = load(data)
    hierarchy = build_hierarchy(points, scales=3)
    top = len(hierarchy.scales) - 1
    places = hierarchy.embed(top, 500)
    order = np.argsort(((places - places[0]) ** 2).sum(1))
    selected = 1
    while selected < len(order) and len(hierarchy.drill_in(top, order[:selected]).points) < wanted:
        selected += 1
    frames: list[float] = []
    start = time.perf_counter()
    subset = hierarchy.drill_in(top, order[:selected], start=places)
    subset.embed(500, callback=lambda *_: frames.append(time.perf_counter()))
    return {"frame": frames[0] - start, "all": time.perf_counter() - start, "points": len(subset.points)}


def our_refresh(data: str, **_: object) -> Numbers:
    """After a fifth of the instances was replaced and the others have moved by a twentieth."""
    from deepeyes_tui.analysis.carry import carry_positions
    from deepeyes_tui.analysis.hierarchy import build_hierarchy
    from deepeyes_tui.analysis.refresh import refresh

    warm_up()
    points, _ = load(data)
    random = np.random.default_rng(0)
    count = len(points) * 5 // 6
    points = projected(points, 128)
    ids = np.arange(count)
    old = build_hierarchy(points[:count], scales=3)
    top = len(old.scales) - 1
    places = old.embed(top, 500)
    new_ids = np.concatenate([ids[count // 5 :], count + np.arange(count // 5)])
    new_points = points[new_ids] + random.normal(0, 0.05 * points.std(0), (count, 128)).astype(np.float32)
    start = time.perf_counter()
    new = refresh(old, ids, new_points, new_ids)
    built = time.perf_counter()
    begin = carry_positions(old, places, ids, new, new_ids)
    shown = new.embed(top, 50, start=begin)
    before = old.scales[top].landmarks
    kept = np.isin(before[before >= count // 5], new_ids[new.scales[top].landmarks]).mean()
    return {
        "refresh": built - start,
        "all": time.perf_counter() - start,
        "stayed": float(kept),
        "count": count,
        **picture(new_points[new.scales[top].landmarks], shown),
    }


def projected(points: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    centred = points - points.mean(0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -dimensions:]
    return np.ascontiguousarray(centred @ axes)


def our_compile(started: float, **_: object) -> Numbers:
    """With an empty NUMBA_CACHE_DIR: everything that the analysis process ever needs."""
    assert not os.listdir(os.environ["NUMBA_CACHE_DIR"])  # noqa: PTH208
    warm_up()
    return {"seconds": time.time() - started}


def activations_of(filters: int, instances: int) -> NDArray[np.float32]:
    """Rectified random mixtures of thirty features: filters that are alike in part."""
    random = np.random.default_rng(0)
    mixed = random.standard_normal((instances, 30)) @ random.standard_normal((30, filters))
    return np.maximum(mixed - 2, 0).astype(np.float32)


def our_filter_map(filters: int, **_: object) -> Numbers:
    """Similarities of 1024 instances, and the Filter Map from them."""
    from deepeyes_tui.analysis.filter_map import embed_similarities
    from deepeyes_tui.analysis.similarity import JaccardSums, weighted_jaccard

    warm_up()
    activations = activations_of(filters, 1024)
    sums = JaccardSums(filters)
    updates = [seconds(lambda batch=batch: sums.update(batch)) for batch in np.split(activations, 32)]
    start = time.perf_counter()
    phi = weighted_jaccard(activations)
    similar = time.perf_counter()
    embed_similarities(phi)
    done = time.perf_counter()
    return {
        "update": float(np.median(updates)),
        "similarity": similar - start,
        "map": done - similar,
        "difference": float(np.abs(phi[:64, :64] - plain_jaccard(activations[:, :64])).max()),
    }


def plain_jaccard(activations: NDArray[np.float32]) -> NDArray[np.float64]:
    a = activations.astype(np.float64)
    least = np.stack([np.minimum(a, a[:, [i]]).sum(0) for i in range(a.shape[1])])
    most = np.stack([np.maximum(a, a[:, [i]]).sum(0) for i in range(a.shape[1])])
    return np.divide(least, most, out=np.zeros_like(least), where=most > 0)


def seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def our_quality(data: str, **_: object) -> Numbers:
    """Of 1000 points along two pixels' axes, against scikit-learn's."""
    from sklearn.manifold import trustworthiness

    from deepeyes_tui.analysis.quality import distances, measure_rows, projection_quality

    warm_up()
    points = load(data)[0][:1000].astype(np.float64)
    points -= points.mean(0)
    places = projected(points, 2)
    whole = [seconds(lambda: projection_quality(points, places)) for _ in range(7)]
    high, low = distances(points, slice(None)), distances(places, slice(None))
    sums, wrong = np.zeros((1000, 2)), np.full((1000, 2, 10), -1, np.int32)
    alone = [seconds(lambda: measure_rows(high, low, 0, sums, wrong, 0, 1000)) for _ in range(7)]
    quality = projection_quality(points, places)
    theirs = seconds(lambda: trustworthiness(points, places, n_neighbors=10))
    return {
        "seconds": float(np.median(whole)),
        "measuring": float(np.median(alone)),
        "theirs": 2 * theirs,
        "difference": max(
            abs(quality.mean_trustworthiness - trustworthiness(points, places, n_neighbors=10)),
            abs(quality.mean_continuity - trustworthiness(places, points, n_neighbors=10)),
        ),
    }


def our_neighbours(data: str, **_: object) -> Numbers:
    """Thirty neighbours of every point, and how many of the ten nearest are right."""
    from deepeyes_tui.analysis.neighbors import nearest_neighbors

    warm_up()
    points, _ = load(data)
    start = time.perf_counter()
    indices, _ = nearest_neighbors(points, 30)
    return {"seconds": time.perf_counter() - start, "recall": recall(points, indices)}


def recall(points: NDArray[np.float32], indices: NDArray[Any]) -> float:
    """The share of the ten nearest of 500 points that was found."""
    rows = np.random.default_rng(0).choice(len(points), min(500, len(points)), replace=False)
    squares = (points**2).sum(1)
    apart = squares[None] - 2 * points[rows] @ points.T
    apart[np.arange(len(rows)), rows] = np.inf
    nearest = np.argpartition(apart, 10, axis=1)[:, :10]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(nearest, indices[rows, :10], strict=True)]))
