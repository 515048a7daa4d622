"""Networks made by lot: maps that go through a chain of steps, each of which may look back at earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional

Make = Callable[["Shape", Random], nn.Module]
SIDE = 6
"""Rows and columns of all maps."""


class Shape:
    """How many channels each value has so far."""

    def __init__(self, channels: int) -> None:
        self.channels = [channels]

    @property
    def now(self) -> int:
        return self.channels[-1]

    def divisor(self, lot: Random) -> int:
        """Return a number of groups for the last value, more than one where possible."""
        several = [groups for groups in (2, 3, 4) if self.now % groups == 0]
        return lot.choice(several) if several else 1


class Code(nn.Module):
    """Code on the last value."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: list[Tensor]) -> Tensor:
        return self.function(values[-1])


class Last(nn.Module):
    """A layer on the last value."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, values: list[Tensor]) -> Tensor:
        return self.layer(values[-1])


class Back(nn.Module):
    """Something with an earlier value, through a convolution where its width does not fit."""

    def __init__(self, source: int, layer: nn.Module, how: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.source, self.layer, self.how = source, layer, how

    def forward(self, values: list[Tensor]) -> Tensor:
        return self.how(values[-1], self.layer(values[self.source]))


class Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, width: int, small: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, small), nn.Linear(small, width)

    def forward(self, values: list[Tensor]) -> Tensor:
        x = values[-1]
        gate = torch.sigmoid(self.up(functional.relu(self.down(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class Lottery(nn.Module):
    """Steps, then a vector, then a perceptron."""

    def __init__(self, width: int, steps: Sequence[nn.Module], flat: int, lot: Random) -> None:
        super().__init__()
        self.steps, self.flat = nn.ModuleList(steps), flat
        length = width if flat == len(FLATS) else width * SIDE * SIDE
        hidden = lot.choice((5, 8))
        self.hidden, self.head = nn.Linear(length, hidden), nn.Linear(hidden, 3)

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for step in self.steps:
            values.append(step(values))
        last = values[-1]
        vector = last.mean((2, 3)) if self.flat == len(FLATS) else last.permute(0, *FLATS[self.flat]).flatten(1)
        return self.head(functional.relu(self.hidden(vector)))


FLATS = ((1, 2, 3), (2, 3, 1), (3, 1, 2))


def conv(shape: Shape, lot: Random) -> nn.Module:
    out = lot.choice((4, 6, 8, 12))
    return Last(nn.Conv2d(shape.now, out, 3, padding=1, bias=lot.random() < 0.5))


def transposed(shape: Shape, lot: Random) -> nn.Module:
    return Last(nn.ConvTranspose2d(shape.now, lot.choice((4, 6, 8)), 3, padding=1))


def grouped(shape: Shape, lot: Random) -> nn.Module:
    groups = shape.divisor(lot)
    return Last(nn.Conv2d(shape.now, groups * lot.choice((2, 3)), 1, groups=groups))


def depthwise(shape: Shape, lot: Random) -> nn.Module:
    return Last(nn.Conv2d(shape.now, shape.now, 3, padding=1, groups=shape.now))


def batch_norm(shape: Shape, lot: Random) -> nn.Module:
    return Last(nn.BatchNorm2d(shape.now))


def group_norm(shape: Shape, lot: Random) -> nn.Module:
    return Last(nn.GroupNorm(shape.divisor(lot), shape.now))


def slopes(shape: Shape, lot: Random) -> nn.Module:
    return Last(nn.PReLU(shape.now))


def relu(shape: Shape, lot: Random) -> nn.Module:
    return Code(functional.relu)


def pool(shape: Shape, lot: Random) -> nn.Module:
    return Code(lambda x: functional.avg_pool2d(x, 3, 1, 1))


def add(shape: Shape, lot: Random) -> nn.Module:
    source = lot.randrange(len(shape.channels))
    fits = shape.channels[source] == shape.now
    layer = nn.Identity() if fits else nn.Conv2d(shape.channels[source], shape.now, 1)
    return Back(source, layer, torch.add)


def cat(shape: Shape, lot: Random) -> nn.Module:
    source = lot.randrange(len(shape.channels))
    return Back(source, nn.Identity(), lambda x, y: torch.cat((y, x), 1))


def halves(shape: Shape, lot: Random) -> nn.Module:
    if shape.now % 2:
        return Code(lambda x: x.roll(2, 1))
    if lot.random() < 0.5:
        return Code(lambda x: functional.glu(x, 1))
    return Code(lambda x: torch.cat(x.chunk(2, 1)[::-1], 1))


def turned(shape: Shape, lot: Random) -> nn.Module:
    return Code(lambda x: x.flip(1))


def shuffled(shape: Shape, lot: Random) -> nn.Module:
    groups = shape.divisor(lot)
    return Code(lambda x: x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2))


def excited(shape: Shape, lot: Random) -> nn.Module:
    return Excite(shape.now, lot.choice((3, 4)))


STEPS: tuple[Make, ...] = (
    conv, conv, transposed, grouped, depthwise, batch_norm, batch_norm, group_norm, slopes, relu, relu, pool,
    add, add, cat, halves, turned, shuffled, excited,
)  # fmt: skip


def lottery(steps: Sequence[Make], seed: int) -> tuple[nn.Module, Tensor]:
    """Return a network of these steps and a batch for it. The first layer is always a convolution."""
    lot, shape = Random(seed), Shape(2)
    torch.manual_seed(seed)
    made: list[nn.Module] = []
    values = [torch.randn(3, 2, SIDE, SIDE)]
    for make in (conv, *steps):
        made.append(make(shape, lot))
        with torch.no_grad():
            values.append(made[-1](values))
        shape.channels.append(values[-1].shape[1])
    return Lottery(shape.now, made, lot.randrange(len(FLATS) + 1), lot), values[0]
