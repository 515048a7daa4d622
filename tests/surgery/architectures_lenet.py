"""LeNet, with all the ways from maps to a vector, and what stands between its layers."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .architectures_case import Case, exact, images, refused


class LeNet(nn.Module):
    """Two convolutions and two linear layers; `flat` makes vectors of `(N, 8, 4, 4)`."""

    def __init__(
        self,
        flat: Callable[[Tensor], Tensor] = lambda x: x.flatten(1),
        act: Callable[[Tensor], Tensor] = functional.relu,
    ) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(128, 12), nn.Linear(12, 5)
        self.flat, self.act = flat, act

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.act(self.conv1(x)), 2)
        x = functional.max_pool2d(self.act(self.conv2(x)), 2)
        return self.fc2(self.act(self.fc1(self.flat(x))))


class Pooled(nn.Module):
    """Convolutions, then a mean over the map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(functional.relu(self.conv2(functional.relu(self.conv1(x)))).mean((2, 3)))


class Padded(nn.Module):
    """Channels of zeros are added to the maps, as parameterless shortcuts do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return self.conv3(functional.relu(self.conv2(x) + functional.pad(x, (0, 0, 0, 0, 0, 4)))).mean((2, 3))


def between(*middle: nn.Module, width: int = 6) -> Callable[[], nn.Module]:
    """Return a network with `middle` behind its first convolution, named 1, 2, ...; the next one is `next`."""

    def build() -> nn.Module:
        net = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), *copy.deepcopy(middle))
        net.add_module("next", nn.Conv2d(width, 4, 3))
        net.add_module("flat", nn.Flatten())
        net.add_module("head", nn.LazyLinear(5))
        net(torch.zeros(2, 1, 16, 16))
        return net

    return build


DIGITS = images(3, 1, 16, 16)
FLATS = {
    "flatten": lambda x: x.flatten(1),
    "view": lambda x: x.view(x.size(0), -1),
    "reshape": lambda x: x.reshape(len(x), -1),
    "NHWC": lambda x: x.permute(0, 2, 3, 1).flatten(1),
    "transposed": lambda x: x.permute(0, 3, 1, 2).reshape(x.shape[0], -1),
    "torch.flatten": lambda x: torch.flatten(x, start_dim=1),
    "rearranged": lambda x: x.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).flatten(1),
}


def fixed(x: Tensor) -> Tensor:
    return x.view(-1, 128)


CASES: list[Case] = [
    exact("lenet, conv1", LeNet, DIGITS, "conv1", (0, 4), ["conv1"], goes=frozenset({"conv1", "conv2"})),
    exact("lenet, fc1", LeNet, DIGITS, "fc1", (2, 3, 11), ["fc1"], goes=frozenset({"fc1", "fc2"})),
    *(
        exact(f"lenet with {name}, conv2", lambda flat=flat: LeNet(flat), DIGITS, "conv2", (1, 2, 7), ["conv2"])
        for name, flat in FLATS.items()
    ),
    refused("lenet with a fixed view, conv2", lambda: LeNet(fixed), DIGITS, "conv2", (1, 2), "size"),
    exact("lenet with a fixed view, conv1", lambda: LeNet(fixed), DIGITS, "conv1", (5,), ["conv1"]),
    exact("lenet with a fixed view, fc1", lambda: LeNet(fixed), DIGITS, "fc1", (0,), ["fc1"]),
    exact("lenet with sigmoid, conv2", lambda: LeNet(act=torch.sigmoid), DIGITS, "conv2", (0, 3)),
    exact("lenet with cosine, fc1", lambda: LeNet(act=torch.cos), DIGITS, "fc1", (0, 3)),
    exact("lenet, all but one of conv2", LeNet, DIGITS, "conv2", range(7), ["conv2"]),
    exact(
        "lenet with channels last, conv2",
        lambda: LeNet().to(memory_format=torch.channels_last),
        DIGITS,
        "conv2",
        (1, 6),
        ["conv2"],
    ),
    refused("lenet, all filters of conv1", LeNet, DIGITS, "conv1", range(6), "all"),
    refused("lenet, output layer", LeNet, DIGITS, "fc2", (1,), "output"),
    refused("lenet, filter that is not there", LeNet, DIGITS, "conv1", (1, 6), "6"),
    refused("lenet, negative filter", LeNet, DIGITS, "conv1", (-1,), "-1"),
    refused("lenet, filter named twice", LeNet, DIGITS, "conv1", (2, 2), "2"),
    refused("lenet, no filter", LeNet, DIGITS, "conv1", (), "filter"),
    refused("lenet, layer that is not there", LeNet, DIGITS, "conv9", (0,), "conv9"),
    refused("layer without filters", between(nn.ReLU()), DIGITS, "1", (0,), "filters"),
    exact("mean over the map, last convolution", Pooled, DIGITS, "conv2", (0, 7), ["conv2"]),
    exact("ReLU in place", between(nn.ReLU(inplace=True)), DIGITS, "0", (1, 2), ["0"]),
    exact("Dropout2d", between(nn.Dropout2d(0.5), nn.ELU()), DIGITS, "0", (1, 2), ["0"]),
    exact(
        "PReLU with a slope a channel",
        between(nn.PReLU(6)),
        DIGITS,
        "0",
        (1, 5),
        ["0"],
        goes=frozenset({"0", "1", "next"}),
    ),
    exact("PReLU with one slope", between(nn.PReLU()), DIGITS, "0", (1, 5), ["0"], goes=frozenset({"0", "next"})),
    exact("padding by reflection", between(nn.ReflectionPad2d(1), nn.ReLU()), DIGITS, "0", (0,), ["0"]),
    exact(
        "average pool and upsampling", between(nn.AvgPool2d(2), nn.Upsample(scale_factor=2)), DIGITS, "0", (3,), ["0"]
    ),
    refused("softmax over channels", between(nn.Softmax(1)), DIGITS, "0", (1, 2), ""),
    exact("softmax over channels, behind it", between(nn.Softmax(1)), DIGITS, "next", (1, 2), ["next"]),
    exact("softmax over places", between(nn.Softmax(3)), DIGITS, "0", (1, 2)),
    refused("local response norm", between(nn.LocalResponseNorm(3, alpha=1.0)), DIGITS, "0", (2,), ""),
    exact("shortcut padded with zeros, first half", Padded, DIGITS, "conv2", (1,), ["conv1", "conv2"]),
    refused("shortcut padded with zeros, the added half", Padded, DIGITS, "conv2", (6,), "size"),
]
