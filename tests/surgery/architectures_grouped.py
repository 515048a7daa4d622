"""MobileNet, ShuffleNet, grouped and depthwise convolutions, squeeze and excitation, pixel shuffle."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .architectures_case import Case, Do, Expect, exact, images, refused

PICTURES = images(3, 3, 12, 12)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: wide inside, depthwise, added to its input."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6())
        self.depth = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()
        )
        self.project = nn.Sequential(nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.depth(self.expand(x)))


class SqueezeExcite(nn.Module):
    """A gate a channel, from the means of all channels; by 1x1 convolutions or linear layers."""

    def __init__(self, width: int, small: int, linear: bool) -> None:
        super().__init__()
        self.linear = linear
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down = nn.Linear(width, small) if linear else nn.Conv2d(width, small, 1)
        self.up = nn.Linear(small, width) if linear else nn.Conv2d(small, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.linear:
            gate = self.up(self.down(self.pool(x).flatten(1)).relu())[:, :, None, None]
        else:
            gate = self.up(self.down(self.pool(x)).relu())
        return x * torch.sigmoid(gate)


class Shuffled(nn.Module):
    """Grouped, channels shuffled, grouped again: ShuffleNet's way."""

    def __init__(self, groups: int = 2) -> None:
        super().__init__()
        self.groups = groups
        self.first = nn.Conv2d(3, 8, 1)
        self.grouped = nn.Conv2d(8, 12, 1, groups=groups)
        self.depth = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.last, self.fc = nn.Conv2d(12, 6, 1, groups=groups), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.grouped(self.first(x).relu())
        n, _, h, w = x.shape
        x = x.view(n, self.groups, -1, h, w).transpose(1, 2).reshape(n, -1, h, w)
        return self.fc(self.last(self.depth(x).relu()).mean((2, 3)))


class Split(nn.Module):
    """ShuffleNetV2's unit: one half goes by, the other is worked on, then both are shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.inner = nn.Conv2d(4, 6, 1)
        self.work = nn.Conv2d(6, 4, 3, padding=1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.stem(x).relu().chunk(2, 1)
        x = torch.cat((one, self.work(self.inner(two).relu()).relu()), 1)
        n, c, h, w = x.shape
        return self.last(x.view(n, 2, c // 2, h, w).transpose(1, 2).flatten(1, 2)).amax((2, 3))


def mobile() -> nn.Module:
    blocks = InvertedResidual(6, 12), InvertedResidual(6, 10)
    stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU6())
    return nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))


def separable() -> nn.Module:
    """MobileNet's first version: depthwise, then pointwise."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 12, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 12, 3, groups=12), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 36, 5),
    )  # fmt: skip


def grouped(groups: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 12, 3, groups=groups), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 6, 1), nn.Flatten(), nn.Linear(6 * 64, 5),
    )  # fmt: skip


def multiplied() -> nn.Module:
    """Depthwise, with two filters a channel."""
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 10, 3, groups=5), nn.BatchNorm2d(10), nn.ReLU(), nn.Conv2d(10, 4, 1)
    ).append(Do(lambda x: x.mean((2, 3))))


def excited(linear: bool) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Conv2d(3, 10, 3), nn.BatchNorm2d(10), nn.ReLU(), SqueezeExcite(10, 4, linear), nn.Conv2d(10, 5, 3),
        nn.Flatten(), nn.Linear(5 * 64, 4),
    )  # fmt: skip


def shuffled_pixels() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 12, 3), nn.PixelShuffle(2), nn.ReLU(), nn.Conv2d(3, 5, 3), nn.Flatten(),
                         nn.Linear(5 * 18 * 18, 4))  # fmt: skip


def unshuffled_pixels() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.PixelUnshuffle(2), nn.Conv2d(24, 5, 3), nn.ReLU(),
                         nn.Flatten(), nn.Linear(5 * 16, 4))  # fmt: skip


CASES: list[Case] = [
    exact(
        "mobilenet, pointwise",
        separable,
        PICTURES,
        "6",
        (0, 3, 11),
        ["7", "9"],
        goes=frozenset({"6", "7", "9", "12"}),
        tolerance=2e-6,
    ),
    exact("mobilenet, in front of a depthwise", separable, PICTURES, "0", (1, 7), ["4"]),
    exact("mobilenet, the depthwise itself", separable, PICTURES, "3", (1, 7), ["4"]),
    exact("mobilenet, last depthwise", separable, PICTURES, "9", (4,), ["9"]),
    exact(
        "inverted residual, wide inside",
        mobile,
        PICTURES,
        "1.expand.0",
        (0, 5, 11),
        ["1.depth.1"],
        goes=frozenset({"1.expand.0", "1.expand.1", "1.depth.0", "1.depth.1", "1.project.0"}),
    ),
    exact("inverted residual, depthwise", mobile, PICTURES, "2.depth.0", (0, 1, 2, 9), ["2.depth.1"]),
    exact("inverted residual, width", mobile, PICTURES, "1.project.0", (2, 4), ["0.1", "1.project.1", "2.project.1"]),
    exact("depthwise with a multiplier, in front of it", multiplied, PICTURES, "0", (1, 4), {"3": (2, 3, 8, 9)}),
    Case(
        "depthwise with a multiplier, both filters of a channel",
        multiplied,
        PICTURES,
        "2",
        (6, 7),
        Expect.EITHER,
        silent={"3": None},
    ),
    refused("depthwise with a multiplier, one filter of a channel", multiplied, PICTURES, "2", (6,), "group"),
    exact("grouped, one filter of each group", grouped(2), PICTURES, "2", (1, 6), ["3"]),
    exact("grouped, other places in each group", grouped(2), PICTURES, "2", (0, 9), ["3"]),
    exact("grouped, two of each of four groups", grouped(4), PICTURES, "2", (0, 1, 3, 5, 7, 8, 9, 10), ["3"]),
    refused("grouped, filters of one group", grouped(2), PICTURES, "2", (1, 2), "group", {"3": None}),
    refused("grouped, unequal counts", grouped(4), PICTURES, "2", (0, 3, 4), "group"),
    exact("in front of a grouped one, the same places", grouped(2), PICTURES, "0", (1, 5), ["0"]),
    Case(
        "in front of a grouped one, other places",
        grouped(2),
        PICTURES,
        "0",
        (0, 7),
        Expect.EITHER,
        "group",
        {"0": None},
    ),
    refused("in front of a grouped one, one group's channels", grouped(2), PICTURES, "0", (0, 1), "group"),
    Case("grouped, a whole group", grouped(2), PICTURES, "2", range(6), Expect.EITHER, "group"),
    exact("shufflenet, in front", Shuffled, PICTURES, "first", (1, 5), ["first"]),
    exact(
        "shufflenet, what makes whole columns", Shuffled, PICTURES, "grouped", (1, 4, 7, 10), {"depth": (2, 3, 8, 9)}
    ),
    Case("shufflenet with one group", lambda: Shuffled(1), PICTURES, "grouped", (3,), silent={"depth": None}),
    exact("shufflenet, the depthwise", Shuffled, PICTURES, "depth", (2, 3, 8, 9), ["depth"]),
    refused(
        "shufflenet, filters that come to lie in one group",
        Shuffled,
        PICTURES,
        "grouped",
        (1, 7),
        "group",
        {"depth": (2, 3)},
    ),
    exact("shuffle unit, inner convolution", Split, PICTURES, "inner", (0, 5), ["inner"]),
    Case("shuffle unit, half that is worked on", Split, PICTURES, "work", (1,), Expect.EITHER, "size"),
    Case("shuffle unit, stem", Split, PICTURES, "stem", (1,), Expect.EITHER, "size"),
    exact("squeeze and excitation by convolutions, maps", excited(False), PICTURES, "0", (1, 6), ["1"]),
    exact("squeeze and excitation by convolutions, inside", excited(False), PICTURES, "3.down", (0, 1), ["3.down"]),
    exact("squeeze and excitation by linear layers, maps", excited(True), PICTURES, "0", (1, 6), ["1"]),
    exact("squeeze and excitation by linear layers, inside", excited(True), PICTURES, "3.down", (0, 3), ["3.down"]),
    exact("squeeze and excitation, the gates", excited(True), PICTURES, "3.up", (9,), ["1"]),
    exact("pixel shuffle, a whole pixel", shuffled_pixels, PICTURES, "0", (4, 5, 6, 7), ["0"]),
    exact("pixel shuffle, a part drags its pixel", shuffled_pixels, PICTURES, "0", (5,), {"0": (4, 5, 6, 7)}),
    exact("pixel unshuffle", unshuffled_pixels, PICTURES, "0", (0, 4), ["0"]),
]
