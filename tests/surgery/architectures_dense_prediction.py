"""Maps in, maps out: U-Net, learned upsampling, autoencoders, attention gates; one and three dimensions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .architectures_case import Case, Expect, exact, images, refused


class UNet(nn.Module):
    """Down twice, up twice by transposed convolutions, skips concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = (
            nn.Conv2d(1, 6, 3, padding=1),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.Conv2d(8, 10, 3, padding=1),
        )
        self.norm = nn.BatchNorm2d(8)
        self.up2, self.up1 = nn.ConvTranspose2d(10, 8, 2, stride=2), nn.ConvTranspose2d(7, 6, 2, stride=2)
        self.merge2, self.merge1 = nn.Conv2d(16, 7, 3, padding=1), nn.Conv2d(12, 5, 3, padding=1)
        self.out = nn.Conv2d(5, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = functional.relu(self.down1(x))
        two = functional.relu(self.norm(self.down2(functional.max_pool2d(one, 2))))
        x = functional.relu(self.bottom(functional.max_pool2d(two, 2)))
        x = functional.relu(self.merge2(torch.cat((two, self.up2(x)), 1)))
        x = functional.relu(self.merge1(torch.cat((one, self.up1(x)), 1)))
        return self.out(x)


class Gated(nn.Module):
    """A skip, weighed at each place by attention (Attention U-Net's gate)."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.deep = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.theta, self.phi, self.psi = nn.Conv2d(6, 4, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 1, 1)
        self.out = nn.Conv2d(14, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.enter(x).relu()
        deep = self.deep(skip).relu()
        gate = torch.sigmoid(self.psi((self.theta(skip) + self.phi(deep)).relu()))
        return self.out(torch.cat((skip * gate, deep), 1))


class Pyramid(nn.Module):
    """Features of two depths are brought to one width and summed, as feature pyramids do."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 9, 3, stride=2, padding=1)
        self.l1, self.l2, self.head = nn.Conv2d(6, 8, 1), nn.Conv2d(9, 8, 1), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        one = self.c1(x).relu()
        low = self.l2(self.c2(one).relu())
        high = self.l1(one) + functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return self.head(high), self.head(low)


def autoencoder() -> nn.Module:
    """Its output is as large as its input."""
    return nn.Sequential(nn.Linear(20, 12), nn.ReLU(), nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 12), nn.Sigmoid(),
                         nn.Linear(12, 20))  # fmt: skip


def generator() -> nn.Module:
    """DCGAN: from a vector to maps."""
    return nn.Sequential(
        nn.Linear(10, 6 * 16), nn.Unflatten(1, (6, 4, 4)), nn.BatchNorm2d(6), nn.ReLU(),
        nn.ConvTranspose2d(6, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def one_dimensional() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(4, 8, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 6, 3, dilation=2), nn.MaxPool1d(2),
        nn.ConvTranspose1d(6, 7, 2, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(70, 3),
    )  # fmt: skip


def three_dimensional() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(1, 6, 3), nn.BatchNorm3d(6), nn.ReLU(), nn.AvgPool3d(2), nn.ConvTranspose3d(6, 8, 2), nn.ReLU(),
        nn.Conv3d(8, 4, 2), nn.Flatten(), nn.Linear(4 * 27, 3),
    )  # fmt: skip


def transposed(groups: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 12, 2, stride=2, groups=groups),
                         nn.ReLU(), nn.Conv2d(12, 5, 3), nn.Flatten(), nn.Linear(5 * 18 * 18, 3))  # fmt: skip


MAPS, SIGNALS, CUBES, SMALL = images(2, 1, 16, 16), images(3, 4, 16), images(3, 1, 8, 8, 8), images(2, 1, 12, 12)

CASES: list[Case] = [
    exact("unet, first skip", UNet, MAPS, "down1", (0, 5), ["down1"], goes=frozenset({"down1", "down2", "merge1"})),
    exact(
        "unet, second skip, with a norm",
        UNet,
        MAPS,
        "down2",
        (3,),
        ["norm"],
        goes=frozenset({"down2", "norm", "bottom", "merge2"}),
    ),
    exact("unet, bottom", UNet, MAPS, "bottom", (9, 1), ["bottom"], goes=frozenset({"bottom", "up2"})),
    exact("unet, transposed convolution", UNet, MAPS, "up2", (0, 7), ["up2"], goes=frozenset({"up2", "merge2"})),
    exact("unet, after a skip", UNet, MAPS, "merge2", (6,), ["merge2"], goes=frozenset({"merge2", "up1"})),
    exact("unet, last before the output", UNet, MAPS, "merge1", (2,), ["merge1"]),
    refused("unet, output", UNet, MAPS, "out", (0,), "output"),
    exact("attention gate, skip", Gated, MAPS, "enter", (0, 4), ["enter"]),
    exact("attention gate, inside", Gated, MAPS, "theta", (0, 2), ["theta", "phi"]),
    refused("attention gate, its one channel", Gated, MAPS, "psi", (0,), "all"),
    exact("feature pyramid, width", Pyramid, MAPS, "l1", (0, 7), ["l1", "l2"]),
    exact("feature pyramid, deep layer", Pyramid, MAPS, "c2", (8,), ["c2"]),
    exact("autoencoder, code", autoencoder, images(3, 20), "2", (3,), ["2"]),
    exact("autoencoder, decoder with sigmoid", autoencoder, images(3, 20), "4", (0, 11)),
    refused("autoencoder, output as large as the input", autoencoder, images(3, 20), "6", (0,), "output"),
    exact("generator, transposed convolution", generator, images(3, 10), "4", (0, 6), ["5"]),
    Case(
        "generator, whole maps of a vector with a fixed shape",
        generator,
        images(3, 10),
        "0",
        range(16, 32),
        Expect.EITHER,
        "size",
        {"2": (1,)},
    ),
    refused("generator, output", generator, images(3, 10), "7", (0,), "output"),
    exact("one dimension, first", one_dimensional, SIGNALS, "0", (1, 7), ["1"]),
    exact("one dimension, into the transposed", one_dimensional, SIGNALS, "3", (0,), ["3"]),
    exact("one dimension, transposed", one_dimensional, SIGNALS, "5", (2, 6), ["5"]),
    exact("three dimensions, first", three_dimensional, CUBES, "0", (1, 5), ["1"]),
    exact("three dimensions, transposed", three_dimensional, CUBES, "4", (0, 3), ["4"]),
    exact("three dimensions, last", three_dimensional, CUBES, "6", (3,), ["6"]),
    exact("grouped transposed convolution, the same places", lambda: transposed(2), SMALL, "2", (1, 7), ["2"]),
    Case(
        "grouped transposed convolution, other places",
        lambda: transposed(2),
        SMALL,
        "2",
        (0, 7),
        Expect.EITHER,
        "group",
        {"2": None},
    ),
    exact("in front of a grouped transposed convolution", lambda: transposed(2), SMALL, "0", (0, 6), ["0"]),
    refused(
        "in front of a grouped transposed convolution, one group's", lambda: transposed(2), SMALL, "0", (0, 1), "group"
    ),
    exact(
        "depthwise transposed convolution",
        lambda: nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.ConvTranspose2d(8, 8, 2, groups=8),
            nn.ReLU(),
            nn.Conv2d(8, 4, 3),
            nn.Flatten(),
            nn.Linear(324, 3),
        ),
        SMALL,
        "0",
        (0, 3),
        ["1"],
    ),
]
