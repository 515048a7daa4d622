"""Jobs that measure other projects, each as its own documentation uses it, on all cores."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from projections.data import load
from projections.ours import Numbers, picture, recall
from projections.running import CORES


def nptsne_hierarchy(data: str, **_: object) -> Numbers:
    """Three scales and the picture of the coarsest, nptsne's CPU embedder."""
    import nptsne
    from nptsne import hsne_analysis

    points, labels = load(data)
    start = time.perf_counter()
    hsne = nptsne.HSne(False)
    hsne.create_hsne(points, 3)
    built = time.perf_counter()
    analysis = hsne_analysis.Analysis(hsne, hsne_analysis.EmbedderType.CPU)
    for _ in range(1000):
        analysis.do_iteration()
    done = time.perf_counter()
    landmarks = np.array(analysis.landmark_orig_indexes)
    return {
        "build": built - start,
        "embed": done - built,
        "landmarks": len(landmarks),
        "label": label_by_landmark(analysis, landmarks, labels),
        **picture(points[landmarks], np.array(analysis.embedding).reshape(-1, 2)),
    }


def label_by_landmark(analysis: Any, landmarks: Any, labels: Any) -> float:
    """The share of points whose landmark bears their label; one without a landmark is wrong."""
    owner = np.full(len(labels), -1)
    for number in range(len(landmarks)):
        owner[np.array(analysis.get_fast_area_of_influence([number])) > 0] = number
    return float(((owner >= 0) & (labels[landmarks[owner]] == labels)).mean())


def opentsne_landmarks(data: str, ids: str, **_: object) -> Numbers:
    """openTSNE on the points that are our landmarks."""
    from openTSNE import TSNE

    points = load(data)[0][np.load(ids)]
    start = time.perf_counter()
    places = TSNE(n_jobs=CORES, random_state=0).fit(points)
    return {"seconds": time.perf_counter() - start, **picture(points, np.asarray(places, np.float32))}


def opentsne_picture(data: str, started: float, **_: object) -> Numbers:
    """openTSNE on all points, from the start of the process."""
    from openTSNE import TSNE

    TSNE(n_jobs=CORES, random_state=0).fit(load(data)[0])
    return {"finished": time.time() - started}


def umap_picture(data: str, started: float, **_: object) -> Numbers:
    """UMAP on all points, from the start of the process."""
    import umap

    umap.UMAP(n_jobs=CORES).fit_transform(load(data)[0])
    return {"finished": time.time() - started}


def pynndescent_neighbours(data: str, **_: object) -> Numbers:
    """Thirty neighbours of every point: the first time in a process, and once it has compiled."""
    from pynndescent import NNDescent

    points, _ = load(data)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        indices = NNDescent(points, n_neighbors=31, n_jobs=CORES, random_state=0).neighbor_graph[0]
        times.append(time.perf_counter() - start)
    return {"first": times[0], "seconds": times[1], "recall": recall(points, np.asarray(indices)[:, 1:])}
