"""Thumbnails: the receptive field of an instance in the network's own input, as a small picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from deepeyes_tui.link.instances import LARGEST_THUMBNAIL
from deepeyes_tui.probe.discovery import OutputPoint
from deepeyes_tui.probe.instances import Instances, unravel

WHITE = 255


@dataclass(frozen=True, slots=True)
class Window:
    """Where a layer's receptive fields lie in inputs of one size: `size` rows and columns, from `start + step o` on.

    `shrink` pixels become one of the thumbnail, along both axes.
    """

    size: tuple[int, int]
    start: tuple[float, float] = (0.0, 0.0)
    step: tuple[float, float] = (0.0, 0.0)

    @property
    def shrink(self) -> int:
        """Return how many pixels become one."""
        return math.ceil(max(self.size) / LARGEST_THUMBNAIL)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a thumbnail."""
        return math.ceil(self.size[0] / self.shrink), math.ceil(self.size[1] / self.shrink)


def window_of(point: OutputPoint, grid: tuple[int, ...], size: tuple[int, int]) -> Window:
    """Return where the receptive fields of a layer lie in inputs of that size; the whole where that is not known.

    Of volumes, the last two axes count.
    """
    axes = {len(grid), len(point.receptive_field), len(point.start), len(point.step)}
    if axes not in ({2}, {3}):
        return Window(size)
    height, width = point.receptive_field[-2:]
    if height >= size[0] and width >= size[1]:
        return Window(size)
    return Window((height, width), (point.start[-2], point.start[-1]), (point.step[-2], point.step[-1]))


@dataclass(slots=True)
class _Pass:
    """The pictures `(N, C, H, W)` of one pass on one device; by how much they were shrunk, `(N, H', W', C)` as they are
    and as shades.
    """

    pictures: Tensor
    shrunk: dict[int, Tensor] = field(default_factory=dict)
    shades: dict[int, Tensor] = field(default_factory=dict)


class Pictures:
    """Holds the inputs of a pass while it lasts; the scale from their values to 0..255 runs on from pass to pass.

    Where `mean` and `std` are given, one of each or one a channel, pictures are shown as they were before they were
    normalised by them, as values from 0 to 1, or to 255 where the mean says so.
    """

    def __init__(self, mean: Sequence[float] = (), std: Sequence[float] = ()) -> None:
        self._mean, self._std = tuple(mean), tuple(std)
        self._passes: dict[torch.device, _Pass] = {}
        self._ranges: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def enter(self, pictures: Tensor) -> None:
        """Take the pictures `(N, C, H, W)` of a pass that begins."""
        self._passes[pictures.device] = _Pass(pictures)

    def leave(self) -> None:
        """Let go of all pictures."""
        self._passes.clear()

    def size(self, device: torch.device, batch: int | None = None) -> tuple[int, int] | None:
        """Return height and width of the pictures, None where there are none, or not `batch` of them."""
        own = self._passes.get(device)
        if own is None or batch not in (None, len(own.pictures)):
            return None
        return int(own.pictures.shape[2]), int(own.pictures.shape[3])

    def channels(self, device: torch.device) -> int:
        """Return the channels of a thumbnail: 1, 3, or 0 where the inputs cannot be shown."""
        own = self._passes.get(device)
        there = own.pictures.shape[1] if own is not None else 0
        return 3 if there >= 3 else there if there == 1 else 0

    def thumbnails(self, window: Window, seen: Instances) -> Tensor:
        """Return the receptive fields `(S, h, w, c)` as uint8, what lies outside the input as the value zero would be.

        Only where `channels` are not 0 and `size` fits. Nothing waits for the device.
        """
        device = seen.inputs.device
        shown = self._shrunk(device, window.shrink)
        if not window.step[0] and not window.step[1] and not window.start[0] and not window.start[1]:
            return self._shaded(device, window.shrink)[seen.inputs, : window.shape[0], : window.shape[1]]
        rows, inside_rows = _places(window, 0, seen, shown.shape[1])
        columns, inside_columns = _places(window, 1, seen, shown.shape[2])
        if len(seen.inputs) * math.prod(window.shape) < math.prod(shown.shape[:3]):
            picked = self._shades(device, _pick(shown, seen.inputs, rows, columns))
        else:
            picked = _pick(self._shaded(device, window.shrink), seen.inputs, rows, columns)
        if inside_rows is None and inside_columns is None:
            return picked
        inside = (rows >= 0 if inside_rows is None else inside_rows).unsqueeze(2) & (
            columns >= 0 if inside_columns is None else inside_columns
        ).unsqueeze(1)
        return torch.where(inside.unsqueeze(3), picked, self._shades(device, torch.zeros((), device=device)))

    def _shrunk(self, device: torch.device, shrink: int) -> Tensor:
        own = self._passes[device]
        if shrink not in own.shrunk:
            shown = own.pictures[:, : self.channels(device)].float()
            if not own.shrunk:
                self._widen(device, shown)
            if shrink > 1:
                shown = functional.avg_pool2d(shown, shrink, ceil_mode=True)
            own.shrunk[shrink] = shown.movedim(1, 3).contiguous()
        return own.shrunk[shrink]

    def _shaded(self, device: torch.device, shrink: int) -> Tensor:
        own = self._passes[device]
        if shrink not in own.shades:
            own.shades[shrink] = self._shades(device, self._shrunk(device, shrink))
        return own.shades[shrink]

    def _widen(self, device: torch.device, shown: Tensor) -> None:
        if self._mean and len(self._mean) in (1, shown.shape[1]):
            mean, std = (torch.tensor(each, device=device) for each in (self._mean, self._std))
            self._ranges.setdefault(device, (-mean / std, ((WHITE if max(self._mean) > 1 else 1) - mean) / std))
            return
        low, high = shown.amin((0, 2, 3)), shown.amax((0, 2, 3))  # (C,)
        finite = torch.isfinite(low) & torch.isfinite(high)
        low, high = torch.where(finite, low, torch.inf), torch.where(finite, high, -torch.inf)
        before = self._ranges.get(device)
        if before is not None and before[0].shape == low.shape:
            low, high = torch.minimum(low, before[0]), torch.maximum(high, before[1])
        self._ranges[device] = low, high

    def _shades(self, device: torch.device, values: Tensor) -> Tensor:
        """Return values `(..., C)` or one value as shades 0..255 of each channel; NaN is black."""
        low, high = self._ranges[device]
        scale = WHITE / (high - low).clamp_min(torch.finfo(torch.float32).tiny)
        shades = (values - low).mul_(scale).add_(0.5).clamp_(0, WHITE)
        return shades.nan_to_num_(nan=0.0).to(torch.uint8)


def _pick(level: Tensor, inputs: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return `level[inputs, rows, columns]` `(S, h, w, C)` at `rows (S, h)` and `columns (S, w)`; contiguous."""
    _, height, width, channels = level.shape
    lines = (inputs * height).unsqueeze(1) + rows  # (S, h)
    places = (lines * width).unsqueeze(2) + columns.unsqueeze(1)  # (S, h, w)
    pixels = level.view(-1) if channels == 1 else level.view(-1, channels)
    return pixels.index_select(0, places.view(-1)).view(*places.shape, channels)


def _places(window: Window, axis: int, seen: Instances, size: int) -> tuple[Tensor, Tensor | None]:
    """Return the pixels `(S, h)` of each field along an axis, kept within `size`, and which of them are inside; None
    where all are.
    """
    start, step, count = window.start[axis], window.step[axis], window.shape[axis]
    outputs, grid = unravel(seen.positions, seen.grid)[-2:][axis], seen.grid[-2:]
    corners = (outputs * step + start).round().long().div(window.shrink, rounding_mode="floor")
    places = corners.unsqueeze(1) + torch.arange(count, device=outputs.device)
    ends = start, start + step * (grid[axis] - 1)
    if min(ends) >= 0 and max(ends) / window.shrink + count <= size:
        return places, None
    return places.clamp(0, size - 1), (places >= 0) & (places < size)
