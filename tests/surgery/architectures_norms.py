"""Norms of all kinds, weight norm, spectral norm."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from .architectures_case import Case, Expect, exact, images, refused

PICTURES = images(3, 3, 10, 10)
VECTORS = images(3, 6)


def normed(norm: Callable[[], nn.Module], wrap: Callable[[nn.Module], nn.Module] = lambda x: x) -> Callable:
    """Return a network whose norm, `1`, stands behind its convolution `0` and in front of `3`."""
    return lambda: nn.Sequential(
        wrap(nn.Conv2d(3, 8, 3)), norm(), nn.ReLU(), wrap(nn.Conv2d(8, 6, 3)), nn.Flatten(), wrap(nn.Linear(216, 5))
    )


def perceptron(norm: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(6, 12), norm(), nn.GELU(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))


def folded(conv: nn.Module) -> nn.Module:
    """Return the layer with weight norm, of the old kind."""
    return weight_norm(conv)


def over_all(layer: nn.Module) -> nn.Module:
    return weight_norm(layer, dim=None)


INEXACT = Expect.INEXACT
CASES: list[Case] = [
    exact("batch norm without weights", normed(lambda: nn.BatchNorm2d(8, affine=False)), PICTURES, "0", (1, 7)),
    exact(
        "batch norm without statistics",
        normed(lambda: nn.BatchNorm2d(8, track_running_stats=False)),
        PICTURES,
        "0",
        (1, 7),
        ["1"],
    ),
    exact("batch norm of vectors", perceptron(lambda: nn.BatchNorm1d(12)), VECTORS, "0", (0, 10), ["1"]),
    exact("instance norm", normed(lambda: nn.InstanceNorm2d(8)), PICTURES, "0", (2, 3), ["1"]),
    exact(
        "instance norm with weights",
        normed(lambda: nn.InstanceNorm2d(8, affine=True)),
        PICTURES,
        "0",
        (2, 3),
        ["1"],
        goes=frozenset({"0", "1", "3"}),
    ),
    exact(
        "instance norm with statistics",
        normed(lambda: nn.InstanceNorm2d(8, affine=True, track_running_stats=True)),
        PICTURES,
        "0",
        (0, 7),
        ["1"],
    ),
    exact(
        "instance norm with statistics alone",
        normed(lambda: nn.InstanceNorm2d(8, track_running_stats=True)),
        PICTURES,
        "0",
        (0, 7),
        ["1"],
    ),
    exact("group norm, a whole group", normed(lambda: nn.GroupNorm(4, 8)), PICTURES, "0", (2, 3), ["1"]),
    exact("group norm, two whole groups", normed(lambda: nn.GroupNorm(4, 8)), PICTURES, "0", (0, 1, 6, 7), ["1"]),
    exact("group norm of single channels", normed(lambda: nn.GroupNorm(8, 8)), PICTURES, "0", (0, 5), ["1"]),
    exact("group norm, equal counts", normed(lambda: nn.GroupNorm(2, 8)), PICTURES, "0", (1, 6), expect=INEXACT),
    exact("group norm, one group", normed(lambda: nn.GroupNorm(1, 8)), PICTURES, "0", (1,), expect=INEXACT),
    refused("group norm, unequal counts", normed(lambda: nn.GroupNorm(2, 8)), PICTURES, "0", (1, 2), "group"),
    exact("layer norm of vectors", perceptron(lambda: nn.LayerNorm(12)), VECTORS, "0", (0, 11), expect=INEXACT),
    exact(
        "layer norm without weights",
        perceptron(lambda: nn.LayerNorm(12, elementwise_affine=False)),
        VECTORS,
        "0",
        (0, 11),
        expect=INEXACT,
    ),
    exact("layer norm of vectors, behind it", perceptron(lambda: nn.LayerNorm(12)), VECTORS, "3", (0, 7), ["3"]),
    exact("RMS norm", perceptron(lambda: nn.RMSNorm(12)), VECTORS, "0", (0, 11), expect=INEXACT),
    exact("weight norm", normed(nn.Identity, folded), PICTURES, "0", (1, 4), ["0"]),
    exact("weight norm, into a linear layer", normed(nn.Identity, folded), PICTURES, "3", (0,), ["3"]),
    exact(
        "weight norm as a parametrization",
        normed(nn.Identity, parametrizations.weight_norm),
        PICTURES,
        "0",
        (1, 4),
        ["0"],
    ),
    exact(
        "weight norm as a parametrization, into a linear layer",
        normed(nn.Identity, parametrizations.weight_norm),
        PICTURES,
        "3",
        (2, 5),
        ["3"],
    ),
    Case("weight norm over all", normed(nn.Identity, over_all), PICTURES, "0", (1, 4), Expect.EITHER, "", {"0": None}),
    Case("spectral norm", normed(nn.Identity, spectral_norm), PICTURES, "0", (1, 4), Expect.EITHER, "spectral"),
    Case(
        "spectral norm as a parametrization",
        normed(nn.Identity, parametrizations.spectral_norm),
        PICTURES,
        "0",
        (1, 4),
        Expect.EITHER,
        "",
    ),
    Case(
        "orthogonal layer",
        lambda: nn.Sequential(parametrizations.orthogonal(nn.Linear(6, 6)), nn.Linear(6, 3)),
        VECTORS,
        "0",
        (1,),
        Expect.EITHER,
        "",
    ),
]
