"""Rings of instances as a training would have written them."""

import numpy as np

from deepeyes_tui.link.ring import RingSpec, RingWriter, ring_path


def write_ring(folder, number=0, size=600, filters=12, dims=20, classes=5, seed=0, layer=None, of=None, **given):
    """A ring of instances in clusters, one a label; `given` arrays take the place of its own.

    With `of`, so many are made and the first `size` of them written.
    """
    written, size = size, of or size
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=size)
    patches = random.normal(size=(classes, dims))[labels] * 3 + random.normal(size=(size, dims)) * 0.3
    activations = np.maximum(patches @ random.normal(size=(dims, filters)), 0)
    rows = {
        "activations": activations,
        "patches": patches,
        "labels": labels,
        "thumbnails": np.zeros((size, 4, 4, 1), np.uint8),
        "steps": np.arange(size) // 16,
        "inputs": np.arange(size) % 16,
        "positions": np.zeros((size, 2)),
        "boxes": np.tile([0, 0, 4, 4], (size, 1)),
    } | given
    spec = RingSpec(layer or f"layer{number}", 1, rows["activations"].shape[1], dims, (4, 4, 1), (8, 8))
    writer = RingWriter(ring_path(folder, number), spec, 8192)
    writer.append(**{name: values[:written] for name, values in rows.items()})
    writer.close()
    return ring_path(folder, number)
