"""Excerpts of inputs that are no pictures, on the device: the tokens, the stretch or the row that an instance sees."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from deepeyes_tui.link.excerpts import (
    BESIDE,
    CURVE,
    MOST_COLUMNS,
    MOST_CURVES,
    NOTHING,
    TOKENS,
    InputKind,
)
from deepeyes_tui.probe.discovery import OutputPoint
from deepeyes_tui.probe.inputs import Input
from deepeyes_tui.probe.instances import Instances, unravel


@dataclass(frozen=True, slots=True)
class Places:
    """Where instances lie: the numbers of their inputs `(S,)`, and what each sees of it, from `first` on, up to `last`
    (exclusive), `(S,)` each; `widest` is the most that any sees.
    """

    inputs: Tensor
    first: Tensor
    last: Tensor
    widest: int = 1


@dataclass(slots=True)
class Excerpts:
    """What the instances of one pass show: cut from inputs `(N, ...)` that lie on one device."""

    given: Input
    _levels: dict[int, Tensor] = field(default_factory=dict)

    @property
    def sizes(self) -> tuple[int, tuple[int, int]]:
        """Return how many tokens an instance has, and its values `(C, W)`: the same for all passes of a training."""
        match self.given.kind:
            case InputKind.TEXT:
                return TOKENS, (0, 0)
            case InputKind.SIGNAL:
                return 0, (min(int(self.given.value.shape[1]), MOST_CURVES), CURVE)
            case _:
                return 0, (1, min(self.given.length, MOST_COLUMNS))

    def locate(self, seen: Instances, point: OutputPoint) -> Places | None:
        """Return where instances lie; None where the layer's output does not say. Nothing waits for the device."""
        count, length, whole = len(self.given.value), self.given.length, torch.zeros_like(seen.inputs)
        if self.given.kind is InputKind.TABLE:
            return Places(seen.inputs, whole, whole + length, length) if seen.batch == count else None
        axes, grid = unravel(seen.positions, seen.grid), seen.grid
        if seen.batch == count:
            return Places(seen.inputs, *self._along(axes, grid, point, whole))
        if not grid and seen.batch == count * length:  # all positions of all inputs in one row
            own = seen.inputs % length
            return Places(seen.inputs.div(length, rounding_mode="floor"), own, own + 1)
        if grid[:1] == (count,) and seen.batch == length:  # the network works along the positions
            return Places(axes[0], seen.inputs, seen.inputs + 1)
        return None

    def _along(
        self, axes: list[Tensor], grid: tuple[int, ...], point: OutputPoint, whole: Tensor
    ) -> tuple[Tensor, Tensor, int]:
        """Return the first and the last place (exclusive) that outputs on a grid see, `(S,)` each, and the widest."""
        length = self.given.length
        known = self.given.kind is InputKind.SIGNAL and self.given.laid_out
        if known and len(grid) == len(point.start) == len(point.receptive_field) == 1:
            first = (axes[0] * point.step[0] + point.start[0]).round().long()
            width = point.receptive_field[0]
            return first.clamp(0, length - 1), (first + width).clamp(1, length), width
        if length in grid:
            own = axes[grid.index(length)]
            return own, own + 1, 1
        if len(grid) != 1 or grid[0] == 1:
            return whole, whole + length, length
        first = (axes[0] * length).div(grid[0], rounding_mode="floor")
        last = ((axes[0] + 1) * length).div(grid[0], rounding_mode="floor")
        return first.clamp(max=length - 1), torch.maximum(last, first + 1), math.ceil(length / grid[0])

    def cut(self, places: Places) -> tuple[Tensor, Tensor]:
        """Return spans `(S, 5)` and the excerpts, tokens `(S, TOKENS)` int32 or values `(S, C W)` float32."""
        match self.given.kind:
            case InputKind.TEXT:
                return self._tokens(places)
            case InputKind.SIGNAL:
                return self._curves(places)
            case _:
                return self._row(places)

    def _tokens(self, places: Places) -> tuple[Tensor, Tensor]:
        length, seen = self.given.length, places.last - places.first
        start = torch.where(seen >= TOKENS, places.first, (places.first + places.last - 1) // 2 - BESIDE)
        at = start.unsqueeze(1) + torch.arange(TOKENS, device=start.device)  # (S, TOKENS)
        inside = (at >= 0) & (at < length)
        flat = places.inputs.unsqueeze(1) * length + at.clamp(0, length - 1)
        tokens = self.given.value.reshape(-1)[flat]
        tokens = torch.where(inside, tokens, NOTHING).int()
        return self._spans(places, start.clamp_min(0), (start + TOKENS).clamp_max(length)), tokens

    def _curves(self, places: Places) -> tuple[Tensor, Tensor]:
        length = self.given.length
        extent = length if places.widest >= length else min(length, max(2 * places.widest, CURVE))
        shrink = math.ceil(extent / CURVE)
        level = self._level(shrink)  # (N, C, T')
        middle = (places.first + places.last) // 2 - extent // 2
        start = middle.clamp(0, length - extent).div(shrink, rounding_mode="floor")
        at = start.unsqueeze(1) + torch.arange(CURVE, device=start.device)  # (S, W)
        inside = (at < level.shape[2]) & (at < (start + math.ceil(extent / shrink)).unsqueeze(1))
        channels = torch.arange(level.shape[1], device=start.device).view(1, -1, 1)
        lines = places.inputs.view(-1, 1, 1) * level.shape[1] + channels  # (S, C, 1)
        flat = lines * level.shape[2] + at.clamp_max(level.shape[2] - 1).unsqueeze(1)
        values = torch.where(inside.unsqueeze(1), level.reshape(-1)[flat], torch.nan)
        start = start * shrink
        return self._spans(places, start, (start + extent).clamp_max(length)), values.flatten(1)

    def _level(self, shrink: int) -> Tensor:
        if shrink not in self._levels:
            shown = self.given.value[:, :MOST_CURVES].float()
            self._levels[shrink] = functional.avg_pool1d(shown, shrink, ceil_mode=True) if shrink > 1 else shown
        return self._levels[shrink].contiguous()

    def _row(self, places: Places) -> tuple[Tensor, Tensor]:
        values = self.given.value[places.inputs, :MOST_COLUMNS].float()
        return self._spans(places, places.first, places.first + values.shape[1]), values

    def _spans(self, places: Places, start: Tensor, stop: Tensor) -> Tensor:
        length = torch.full_like(start, self.given.length)
        return torch.stack((start, stop, places.first, places.last, length), dim=1).int()
