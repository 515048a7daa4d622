"""VGG, ResNet, ResNeXt, DenseNet, Inception, Highway: chains, sums and concatenations of maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .architectures_case import Case, exact, images, refused

PICTURES = images(3, 3, 12, 12)


class Basic(nn.Module):
    """ResNet's basic block."""

    def __init__(self, width: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.down = nn.Identity()
        if stride != 1 or width != out:
            self.down = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(out)) + self.down(x))


class Bottleneck(nn.Module):
    """ResNet's bottleneck; with groups, ResNeXt's."""

    def __init__(self, width: int, inner: int, out: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out)
        self.down = nn.Identity()
        if stride != 1 or width != out:
            self.down = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = functional.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out))
        out += self.down(x)
        return functional.relu(out)


class ResNet(nn.Module):
    """Stem, two stages, pooled head."""

    def __init__(self, *blocks: nn.Module, stem: int = 8, out: int = 12) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem)
        self.blocks = nn.Sequential(*blocks)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(out, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(functional.relu(self.bn(self.conv(x))))
        return self.fc(torch.flatten(self.pool(x), 1))


class PreActivation(nn.Module):
    """A residual block whose norm comes first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(width), nn.Conv2d(width, 10, 3, padding=1)
        self.bn2, self.conv2 = nn.BatchNorm2d(10), nn.Conv2d(10, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(functional.relu(self.bn2(self.conv1(functional.relu(self.bn1(x))))))


class DenseNet(nn.Module):
    """Every layer reads all before it; a transition halves."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(6 + 4 * i) for i in range(3))
        self.layers = nn.ModuleList(nn.Conv2d(6 + 4 * i, 4, 3, padding=1) for i in range(3))
        self.norm, self.transition = nn.BatchNorm2d(18), nn.Conv2d(18, 9, 1)
        self.fc = nn.Linear(9 * 36, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = torch.cat([x, layer(functional.relu(norm(x)))], 1)
        x = functional.avg_pool2d(self.transition(functional.relu(self.norm(x))), 2)
        return self.fc(x.flatten(1))


class Inception(nn.Module):
    """Three branches side by side, then a convolution and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.one, self.three = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 5, 3, padding=1)
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(6, 3, 1), nn.BatchNorm2d(3))
        self.after, self.fc = nn.Conv2d(12, 7, 3), nn.Linear(7 * 100, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.stem(x))
        x = torch.cat((self.one(x), self.three(x), self.pooled(x)), dim=1).relu()
        return self.fc(self.after(x).relu().flatten(1))


class Highway(nn.Module):
    """A gate decides between a layer's answer and its input."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.change, self.gate, self.leave = (
            nn.Linear(7, 10),
            nn.Linear(10, 10),
            nn.Linear(10, 10),
            nn.Linear(10, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x).relu()
        gate = torch.sigmoid(self.gate(x))
        return self.leave(gate * self.change(x).relu() + (1 - gate) * x)


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, 8), (8, 8), (8, 12)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2)] if after == 12 or len(layers) > 3 else []
    classifier = [nn.Linear(108, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 5)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), *classifier)


def basic() -> nn.Module:
    return ResNet(Basic(8, 8), Basic(8, 8), Basic(8, 12, 2), Basic(12, 12))


def bottlenecks() -> nn.Module:
    return ResNet(Bottleneck(8, 4, 12), Bottleneck(12, 6, 12), stem=8)


def resnext() -> nn.Module:
    return ResNet(Bottleneck(8, 8, 12, groups=4), Bottleneck(12, 8, 12, groups=2))


STEM = ["bn", "blocks.0.bn2", "blocks.1.bn2"]
STAGE = ["blocks.2.bn2", "blocks.2.down.1", "blocks.3.bn2"]
WIDE = ["blocks.0.bn3", "blocks.0.down.1", "blocks.1.bn3"]

CASES: list[Case] = [
    exact("vgg, first convolution", vgg, PICTURES, "0", (1, 6), ["1"], goes=frozenset({"0", "1", "3"})),
    exact("vgg, last convolution", vgg, PICTURES, "7", (0, 5, 11), ["8"], goes=frozenset({"7", "8", "13"})),
    exact("vgg, linear layer", vgg, PICTURES, "13", range(3, 9), ["13"]),
    exact(
        "resnet, inside a block",
        basic,
        PICTURES,
        "blocks.0.conv1",
        (0, 7),
        ["blocks.0.bn1"],
        goes=frozenset({"blocks.0.conv1", "blocks.0.bn1", "blocks.0.conv2"}),
    ),
    exact("resnet, inside a downsampling block", basic, PICTURES, "blocks.2.conv1", (3,), ["blocks.2.bn1"]),
    exact("resnet, stem", basic, PICTURES, "conv", (2, 3), STEM),
    exact("resnet, end of a block: the first stage's width", basic, PICTURES, "blocks.1.conv2", (0,), STEM),
    exact("resnet, second stage's width", basic, PICTURES, "blocks.2.conv2", (1, 10), STAGE),
    exact("resnet, shortcut's convolution: the same width", basic, PICTURES, "blocks.2.down.0", (1, 10), STAGE),
    refused("resnet, all of the second stage", basic, PICTURES, "blocks.3.conv2", range(12), "all"),
    exact("bottleneck, first convolution", bottlenecks, PICTURES, "blocks.0.conv1", (2,), ["blocks.0.bn1"]),
    exact("bottleneck, second convolution", bottlenecks, PICTURES, "blocks.1.conv2", (0, 4), ["blocks.1.bn2"]),
    exact("bottleneck, width", bottlenecks, PICTURES, "blocks.0.conv3", (5, 6), WIDE),
    exact("bottleneck, stem in front of a shortcut's convolution", bottlenecks, PICTURES, "conv", (4,), ["bn"]),
    exact("resnext, width", resnext, PICTURES, "blocks.1.conv3", (5, 6), WIDE),
    exact("resnext, one of each group", resnext, PICTURES, "blocks.1.conv2", (0, 4), ["blocks.1.bn2"]),
    Case(
        "norm first, inside",
        lambda: ResNet(PreActivation(8), PreActivation(8), out=8),
        PICTURES,
        "blocks.0.conv1",
        (1, 9),
        silent={"blocks.0.bn2": None},
    ),
    exact(
        "norm first, width",
        lambda: ResNet(PreActivation(8), PreActivation(8), out=8),
        PICTURES,
        "conv",
        (0, 3),
        ["bn", "blocks.0.bn1", "blocks.1.bn1", "blocks.0.conv2", "blocks.1.conv2"],
    ),
    exact("densenet, first convolution", DenseNet, PICTURES, "conv", (0, 5), ["norms.0", "norms.1", "norms.2", "norm"]),
    exact(
        "densenet, layer in the middle", DenseNet, PICTURES, "layers.1", (1, 3), {"norms.2": (11, 13), "norm": (11, 13)}
    ),
    exact("densenet, last layer", DenseNet, PICTURES, "layers.2", (0,), {"norm": (14,)}),
    exact("densenet, transition", DenseNet, PICTURES, "transition", (0, 8), ["transition"]),
    exact("inception, one branch", Inception, PICTURES, "three", (0, 4), ["three"]),
    exact("inception, all of a branch but one", Inception, PICTURES, "one", (0, 1, 3), ["one"]),
    exact("inception, branch behind a pool", Inception, PICTURES, "pooled.1", (2,), ["pooled.2"]),
    exact("inception, stem", Inception, PICTURES, "stem", (1, 4), ["stem"]),
    exact("highway", Highway, images(3, 7), "change", (2, 9), ["enter", "change"]),
    exact("highway, gate", Highway, images(3, 7), "gate", (0,), ["enter", "change"]),
]
