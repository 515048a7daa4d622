"""Small boards to write and read."""

import numpy as np

from deepeyes_tui.link.board import BoardWriter
from deepeyes_tui.link.snapshot import LayerInfo, RunState, Series, Status, layer_arrays

LAYERS = (
    LayerInfo("features.0", "conv 5x5", 20, 0, 520, "after max pooling", (5, 5), (24, 24), 1),
    LayerInfo("fc", "linear", 10, 20, 5010, unit="units", signed=True, frozen=True, calls=3, also=("head", "heads.0")),
)
FILTERS = 30


def make_writer(path, *, generation=1, layers=LAYERS, labels=("0", "1"), run="demo"):
    return BoardWriter(path, run=run, generation=generation, layers=layers, labels=labels)


def make_arrays(fill=0.5, layers=2, filters=FILTERS):
    """Every array filled with one value, so that a mixture of two states shows."""
    return {spec.name: np.full(spec.shape, fill).astype(spec.dtype) for spec in layer_arrays(layers, filters)}


def make_status(step, **fields):
    return Status(state=RunState.TRAINING, step=step, published_at=100.0, **fields)


def make_series(name="loss", points=3, value=1.0):
    return Series(
        name, np.arange(points, dtype=np.int64), np.full(points, value, np.float32), np.zeros(points, np.int64)
    )
