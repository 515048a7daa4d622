"""Maps that look as if an analysis process had made them, without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepeyes_tui.app.maps import InputMap, Maps
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.maps import (
    FilterMap,
    LayerNumbers,
    MapFrame,
    MapQuality,
    MapShape,
    Progress,
    Sample,
    Stage,
    Survey,
    frozen,
)
from tests.app import synthetic

FC1 = 2
CLASSES = 10


def sample(
    layer="fc1", filters=500, size=1200, classes=CLASSES, side=14, channels=1, seed=0, generation=1, number=1
) -> Sample:
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=size).astype(np.int32)
    taste = random.random((classes, filters)) ** 4
    activations = np.maximum(taste[labels] + random.normal(0, 0.1, (size, filters)) - 0.1, 0)
    activations[:: max(size // 20, 1)] = 0
    activations[:, :: max(filters // 10, 2)] = 0
    y, x = np.mgrid[:side, :side] / max(side - 1, 1) if side else np.zeros((2, 0, 0))
    angle = labels[:, None, None] * np.pi / max(classes, 1)
    strokes = np.exp(-(((x - 0.5) * np.sin(angle) - (y - 0.5) * np.cos(angle)) ** 2) * 60)
    thumbnails = (255 * strokes[..., None].repeat(channels, 3)).astype(np.uint8)
    total = activations.sum(1)
    return Sample(
        number=number,
        layer=layer,
        generation=generation,
        ids=frozen(np.arange(1000, 1000 + size)),
        activations=frozen(activations.astype(np.float16)),
        labels=frozen(labels),
        steps=frozen(np.arange(size) // 64 + 3),
        inputs=frozen((np.arange(size) % 64).astype(np.int32)),
        positions=frozen(np.zeros((size, 2), np.int16)),
        boxes=frozen(np.tile(np.array([4, 6, side, side], np.int16), (size, 1))),
        thumbnails=frozen(thumbnails if side else np.zeros((size, 0, 0, 0), np.uint8)),
        input_size=(28, 28) if side else (),
        maximum=frozen(activations.max(1, initial=0).astype(np.float32)),
        perplexity=frozen(np.where(total > 0, 1 + total, np.nan).astype(np.float32)),
        undetected=frozen(total == 0),
    )


def input_map(of: Sample, points=328, level=2, number=2, seed=1) -> InputMap:
    random = np.random.default_rng(seed)
    points = min(points, of.size)
    rows = np.sort(random.choice(of.size, points, replace=False)) if points else np.empty(0, np.int64)
    angle = of.labels[rows] * 2 * np.pi / CLASSES
    places = 20 * np.stack([np.cos(angle), np.sin(angle)], 1) + random.normal(0, 2.5, (points, 2))
    members = random.integers(max(points, 1), size=of.size) if points else np.full(of.size, -1)
    members[rows] = np.arange(points)
    weights = np.bincount(members[members >= 0], minlength=points)
    shape = MapShape(
        number,
        of.number,
        (),
        level,
        3,
        frozen(rows),
        frozen(weights.astype(np.float32)),
        frozen(members.astype(np.int32)),
    )
    near = np.stack([np.roll(np.arange(points), -k) for k in range(1, 11)], 1) if points else np.empty((0, 10))
    quality = MapQuality(
        number,
        frozen(1 - random.beta(1, 9, points).astype(np.float32)),
        frozen(1 - random.beta(1, 9, points).astype(np.float32)),
        frozen(near.astype(np.int32)),
        frozen(np.full((points, 10), -1, np.int32)),
    )
    return InputMap(of, shape, MapFrame(number, 1000, 1000, frozen(places.astype(np.float32))), quality)


def filter_map(layer="fc1", filters=500, classes=CLASSES, generation=1, seed=2) -> FilterMap:
    random = np.random.default_rng(seed)
    dead = np.zeros(filters, bool)
    dead[:: max(filters // 10, 2)] = True
    label = np.where(dead, -1, random.integers(classes, size=filters)).astype(np.int32)
    angle = label * 2 * np.pi / max(classes, 1)
    places = 15 * np.stack([np.cos(angle), np.sin(angle)], 1) + random.normal(0, 3, (filters, 2))
    places[dead] = np.nan
    living = np.flatnonzero(~dead)
    pairs = np.stack([living[:-1:2], living[1::2]], 1)[:40] if len(living) > 1 else np.empty((0, 2))
    similarity = np.linspace(0.99, 0.5, len(pairs))
    groups = tuple(tuple(pair) for pair in pairs[similarity > 0.9].tolist())
    return FilterMap(
        number=3,
        layer=layer,
        generation=generation,
        instances=1024,
        positions=frozen(places.astype(np.float32)),
        label=frozen(label),
        strength=frozen(np.where(dead, 0, random.uniform(1 / max(classes, 1), 1, filters)).astype(np.float32)),
        dead=frozen(dead),
        coverage=frozen(random.beta(1, 9, filters).astype(np.float32)),
        pairs=frozen(pairs.astype(np.int32)),
        similarity=frozen(similarity.astype(np.float32)),
        groups=groups,
        effective=float(len(living) - len(groups)),
    )


def survey() -> Survey:
    purities = ((0.16, 0.01), (0.45, 0.02), (0.93, 0.01), (0.97, 0.005))
    return Survey(
        4,
        tuple(
            LayerNumbers(name, 1000, purity, error, 0.1, 0.03, filters * 0.8, 3, 2, 0.2, ((4, 9, 0.02), (3, 5, 0.01)))
            for (name, _, filters, *_), (purity, error) in zip(synthetic.LENET, purities, strict=True)
        ),
    )


def maps(version=1, **changes) -> Maps:
    of = sample()
    whole = Maps(version, Progress(0, Stage.READY), 0.0, of, input_map(of), filter_map(), survey())
    return replace(whole, **changes)


def mapped(**desk) -> Scene:
    """A scene with fc1 in focus, and its maps."""
    scene = synthetic.scene()
    scene = replace(scene, maps=maps(), selection=replace(scene.selection, layer=FC1))
    return scene.with_desk(maps_screen=True, **desk)
