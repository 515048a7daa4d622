"""What a prune costs, and what it saves: seconds of plan and apply, steps a second before and after.

All on one thread, in CPU time, which other work on the machine disturbs little.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from statistics import median

import torch
from tests.surgery.architectures_case import Case
from tests.surgery.architectures_residual import Basic
from torch import Tensor, nn
from torch.nn import functional

from pruning.tools import TOOLS, Prune

BATCH = 64
Network = tuple[Callable[[], nn.Module], Tensor, str, tuple[int, ...]]


class ResNet18(nn.Module):
    """At full width."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, 2, 1)
        widths = ((64, 64), (64, 128), (128, 256), (256, 512))
        self.stages = nn.Sequential(*(nn.Sequential(Basic(a, b, 1 if a == b else 2), Basic(b, b)) for a, b in widths))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(self.pool(functional.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


def lenet(first: int = 20, hidden: int = 500) -> nn.Module:
    """LeNet 20-50-500-10, or narrower."""
    return nn.Sequential(
        nn.Conv2d(1, first, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, hidden), nn.ReLU(), nn.Linear(hidden, 10),
    )  # fmt: skip


def networks() -> dict[str, Network]:
    digits, small, large = torch.randn(64, 1, 28, 28), torch.randn(8, 3, 32, 32), torch.randn(4, 3, 224, 224)
    return {
        "LeNet, first convolution 20 -> 10": (lenet, digits, "0", tuple(range(10))),
        "LeNet, first linear layer 500 -> 100": (lenet, digits, "7", tuple(range(400))),
        "ResNet-18, 32 x 32, inside a block": (ResNet18, small, "stages.1.0.conv1", tuple(range(32))),
        "ResNet-18, 32 x 32, width of the first stage": (ResNet18, small, "conv1", tuple(range(8))),
        "ResNet-18, 224 x 224, inside a block": (ResNet18, large, "stages.1.0.conv1", tuple(range(32))),
        "ResNet-18, 224 x 224, width of the first stage": (ResNet18, large, "conv1", tuple(range(8))),
    }


def prune_seconds(network: Network, rounds: int) -> dict[str, float]:
    """Return the median seconds of a prune in a network under SGD with momentum, by tool, taken in turns."""
    build, batch, layer, filters = network
    whole = build()
    taken: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    for _ in range(rounds):
        for tool, prune in TOOLS.items():
            model = copy.deepcopy(whole)
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
            model(batch[:2]).mean().backward()
            optimizer.step()
            start = time.process_time()
            prune(model, optimizer, layer, filters, batch[:4])
            taken[tool].append(time.process_time() - start)
    return {tool: median(seconds) for tool, seconds in taken.items()}


def case_seconds(case: Case, prune: Prune) -> float:
    """Return the seconds of one prune of a reference case."""
    model, batch = case.model(), case.batch()
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prune(model, None, case.layer, case.filters, batch)
    return time.process_time() - start


def training_speed(rounds: int, steps: int = 40) -> dict[str, float]:
    """Return steps a second of LeNet as it was and cut, medians of turns."""
    cut = lenet()
    TOOLS["ours"](cut, None, "0", tuple(range(10)), torch.randn(4, 1, 28, 28))
    TOOLS["ours"](cut, None, "7", tuple(range(400)), torch.randn(4, 1, 28, 28))
    models = {"20-50-500-10": lenet(), "cut to 10-50-100-10": cut}
    taken: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            taken[name].append(steps / _train(model, steps))
    return {name: median(rates) for name, rates in taken.items()}


def _train(model: nn.Module, steps: int) -> float:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    x, y = torch.randn(BATCH, 1, 28, 28), torch.randint(10, (BATCH,))
    start = time.process_time()
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return time.process_time() - start
