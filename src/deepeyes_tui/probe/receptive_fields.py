"""Receptive fields, found by asking the network: where does NaN in the input arrive? Exact for any architecture."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

LEAST_PLACES, MOST_PLACES = 32, 64
"""Rows (or columns) probed along one axis of the input; larger inputs are probed in bands."""
SECONDS = 1.0
"""Beyond which no more than the least number of places is probed."""
BATCH = 16

Forward = Callable[[Tensor], Mapping[str, Tensor]]
"""Runs the network on inputs `(N, C, *size)`; outputs of the layers by name, `(N, *grid, F)`."""


def find_receptive_fields(forward: Forward, sample: Tensor) -> dict[str, tuple[int, ...]]:
    """Return the size of each layer's receptive field in the input, along each spatial axis of `sample (C, *size)`.

    The unit in the middle of the layer's grid is taken, where no border cuts its field. Image `j` of a batch has NaN
    in band `j` of an axis; the bands whose NaN reaches the unit are its field. Bands are one pixel wide unless the
    input is large or the network slow (see `SECONDS`); sizes are then rounded up to whole bands.
    """
    sizes = sample.shape[1:]
    seconds = min(_seconds(forward, sample) for _ in range(3))
    places = max(LEAST_PLACES, min(MOST_PLACES, int(SECONDS / seconds / max(len(sizes), 1))))
    fields: dict[str, list[int]] = {}
    for axis, size in enumerate(sizes):
        for name, extent in _extents(forward, sample, axis + 1, math.ceil(size / places)).items():
            fields.setdefault(name, []).append(extent)
    return {name: tuple(field) for name, field in fields.items()}


def _seconds(forward: Forward, sample: Tensor) -> float:
    started = time.perf_counter()
    forward(sample.unsqueeze(0))
    return max(time.perf_counter() - started, 1e-6)


def _extents(forward: Forward, sample: Tensor, axis: int, band: int) -> dict[str, int]:
    size = sample.shape[axis]
    starts = range(0, size, band)
    reached: dict[str, list[Tensor]] = {}
    for first in range(0, len(starts), BATCH):
        outputs = forward(_with_nan(sample, axis, band, starts[first : first + BATCH]))
        for name, output in outputs.items():
            reached.setdefault(name, []).append(_middle_is_nan(output))
    return {name: _extent(torch.cat(bands), band, size) for name, bands in reached.items()}


def _with_nan(sample: Tensor, axis: int, band: int, starts: range) -> Tensor:
    images = sample.unsqueeze(0).repeat(len(starts), *[1] * sample.dim())
    for image, start in zip(images, starts, strict=True):
        image.narrow(axis, start, min(band, sample.shape[axis] - start)).fill_(torch.nan)
    return images


def _middle_is_nan(output: Tensor) -> Tensor:
    reached = output.isnan().any(-1)  # (N, *grid)
    while reached.dim() > 1:
        reached = reached.select(1, reached.shape[1] // 2)
    return reached


def _extent(reached: Tensor, band: int, size: int) -> int:
    bands = torch.nonzero(reached).flatten().tolist()
    return min((bands[-1] - bands[0] + 1) * band, size) if bands else 0
