"""Receptive fields, found by asking the network: where does NaN in the input arrive? Exact for any architecture."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_PLACES, MOST_PLACES = 8, 64
"""Rows (or columns) probed along an axis of the input; of larger ones bands, and the rows about the middle."""
SECONDS, MOST_SECONDS = 2.0, 10.0
"""What probing may take by choice of the number of places, and beyond which it is given up."""
PASSES = 2
"""Over an axis, the coarse one and that about the middle."""
TIMED = 4
"""Images in the batch by which the network is timed."""
BATCH_VALUES = 1 << 21
"""Numbers in a batch of inputs at most: memory is what large networks lack."""

Forward = Callable[[Tensor], Mapping[str, Tensor]]
"""Runs the network on inputs `(N, C, *size)`; by layer, where NaN arrived in its output, `(N, *grid)`."""


class TooSlowError(RuntimeError):
    """The network takes too long to be asked."""


Span = tuple[int, float, float]
"""Of a layer along one axis: size of the field, start of the first output's field, step to the next one's."""


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Of a layer, along each spatial axis of the input, in pixels: the field of output `o` starts at `start + step o`,
    which is negative where it begins in the padding.
    """

    size: tuple[int, ...]
    start: tuple[float, ...]
    step: tuple[float, ...]


def find_receptive_fields(forward: Forward, sample: Tensor) -> dict[str, ReceptiveField]:
    """Return each layer's receptive field in the input, along each spatial axis of `sample (C, *size)`.

    The size is that of the unit in the middle of the layer's grid, where no border cuts its field; 0 where it sees
    nothing. Start and step are fitted to all units through the middle whose field is not cut at its start: exact for
    regular networks. Image `j` of a batch has NaN in band `j` of an axis; the bands whose NaN reaches a unit are its
    field. Bands are one pixel wide unless the input is large or the network slow (see `SECONDS`); sizes are then
    rounded up to whole bands, but for fields that lie within as many pixels about the middle. Where later units see
    more than the one in the middle (recurrent layers, causal attention), the field is what the last one sees. Raises
    TooSlowError.
    """
    sizes = sample.shape[1:]
    seconds = min(_seconds(forward, sample) for _ in range(2))
    if seconds * LEAST_PLACES * len(sizes) > MOST_SECONDS:
        raise TooSlowError(f"one pass of the model takes {seconds:.1f} s on the CPU")
    places = max(LEAST_PLACES, min(MOST_PLACES, int(SECONDS / PASSES / seconds / max(len(sizes), 1))))
    spans: dict[str, list[Span]] = {}
    for axis in range(len(sizes)):
        for name, span in _spans(forward, sample, axis, places).items():
            spans.setdefault(name, []).append(span)
    return {name: _field(own) for name, own in spans.items()}


def _field(spans: list[Span]) -> ReceptiveField:
    size, start, step = zip(*spans, strict=True)
    return ReceptiveField(size, start, step)


def _seconds(forward: Forward, sample: Tensor) -> float:
    images = sample.unsqueeze(0).repeat(TIMED, *[1] * sample.dim())
    started = time.perf_counter()
    forward(images)
    return max((time.perf_counter() - started) / TIMED, 1e-6)


def _spans(forward: Forward, sample: Tensor, axis: int, places: int) -> dict[str, Span]:
    size = sample.shape[axis + 1]
    band = math.ceil(size / places)
    coarse = _reached(forward, sample, axis, range(0, size, band), band)
    spans = {name: _span(reached, band, size) for name, reached in coarse.items()}
    if band == 1:
        return spans
    window = _about_middle(size, band, places)
    fine = _reached(forward, sample, axis, range(window.start * band, min(window.stop * band, size)), 1)
    for name, reached in coarse.items():
        if spans[name][0] < size and _lies_within(reached, window):
            spans[name] = _sharper(fine[name], window.start * band, spans[name], size)
    return spans


def _about_middle(size: int, band: int, places: int) -> range:
    """Return the bands about the middle that have `places` pixels and a few more."""
    middle, half = size // 2 // band, math.ceil(places / band / 2)
    return range(max(0, middle - half), min(math.ceil(size / band), middle + half + 1))


def _lies_within(reached: Tensor, window: range) -> bool:
    """Return whether the field of the unit in the middle of `reached (bands, G)` is nowhere but in these bands."""
    bands = torch.nonzero(reached[:, reached.shape[1] // 2]).flatten()
    return len(bands) > 0 and int(bands[0]) >= window.start and int(bands[-1]) < window.stop


def _sharper(reached: Tensor, offset: int, coarse: Span, size: int) -> Span:
    """Return the span by single pixels `reached (pixels, G)` from `offset` on; by the coarse step where the units of
    the window are too few for one.
    """
    width, start, step = _span(reached, 1, size)
    if not step:
        step = coarse[2]
        start -= step * (reached.shape[1] // 2)
    return width, start + offset, step


def _reached(forward: Forward, sample: Tensor, axis: int, starts: range, band: int) -> dict[str, Tensor]:
    """Return by layer `(len(starts), G)`: whether NaN in the band at each start reaches each unit along the axis."""
    axes = sample.dim() - 1
    reached: dict[str, list[Tensor]] = {}
    batch = max(1, min(16, BATCH_VALUES // max(sample.numel(), 1)))
    for first in range(0, len(starts), batch):
        outputs = forward(_with_nan(sample, axis + 1, band, starts[first : first + batch]))
        for name, output in outputs.items():
            reached.setdefault(name, []).append(_reached_line(output, axis, axes))
    return {name: torch.cat(lines) for name, lines in reached.items()}


def _with_nan(sample: Tensor, axis: int, band: int, starts: range) -> Tensor:
    images = sample.unsqueeze(0).repeat(len(starts), *[1] * sample.dim())
    for image, start in zip(images, starts, strict=True):
        image.narrow(axis, start, min(band, sample.shape[axis] - start)).fill_(torch.nan)
    return images


def _reached_line(reached: Tensor, axis: int, axes: int) -> Tensor:
    """Return `(N, G)` of `(N, *grid)`, along one axis of the grid through the middle of the others; `G` is 1 where the
    grid's axes are not the input's.
    """
    kept = axis if reached.dim() - 1 == axes else -1
    for other in reversed(range(reached.dim() - 1)):
        if other != kept:
            reached = reached.select(other + 1, reached.shape[other + 1] // 2)
    return reached if kept >= 0 else reached.unsqueeze(1)


def _span(reached: Tensor, band: int, size: int) -> Span:
    """Fit size, start and step to `reached (bands, G)`."""
    bands, units = reached.shape
    seen, middle = reached.any(0), units // 2
    if not bool(seen[middle]):
        return 0, 0.0, 0.0
    first = reached.int().argmax(0)
    last = bands - 1 - reached.flip(0).int().argmax(0)
    extent = last - first
    if seen[-1] and extent[-1] == bands - 1 > extent[middle]:
        return size, 0.0, 0.0
    whole = extent == extent[middle] if extent[middle] < bands - 1 else torch.zeros_like(seen)
    width = min((int(extent[middle]) + 1) * band, size)
    for edge, uncut, back in ((first, first > 0, 0), (last + 1, last < bands - 1, width)):
        units_there = torch.nonzero(seen & (uncut | whole)).flatten()
        if len(units_there) > 1:
            start, step = _line(units_there.double(), edge[units_there].double() * band)
            return width, round(start - back, 6), round(step, 6)
    return width, float(first[middle] * band), 0.0


def _line(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Return intercept and slope of the line of least squares."""
    deviation = x - x.mean()
    slope = float((deviation * (y - y.mean())).sum() / (deviation**2).sum())
    return float(y.mean()) - slope * float(x.mean()), slope
