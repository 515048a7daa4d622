"""Small networks on the bundled digits, healthy or with faults planted in them.

Faults: filters that are dead (no weights, negative bias), always on (large bias), copies of others (with noise); a
layer without use (close to the identity, or a residual branch close to nought); a label that a layer does not see.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deepeyes_tui.demo.data import load_digits

BATCH = 64
TRAIN_STEPS = 120
FAULTS = ("dead", "always on", "duplicated", "no use", "unseen")
Filter = tuple[str, int]


class Block(nn.Module):
    """A residual block of two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.outer(functional.relu(self.inner(x))))


class Unsized(nn.Module):
    """Gives each picture a row."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


@dataclass
class Planted:
    """A network and the faults that were put into it, by kind; `layers` are hidden ones with a ReLU behind them."""

    model: nn.Sequential
    layers: list[str]
    idle: set[str] = field(default_factory=set)
    dead: set[Filter] = field(default_factory=set)
    on: set[Filter] = field(default_factory=set)
    copies: set[tuple[str, int, int]] = field(default_factory=set)
    unseen: set[tuple[str, int]] = field(default_factory=set)


@lru_cache(maxsize=1)
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pictures and labels to train with, and others to measure with."""
    read = load_digits()

    def pixels(pictures: np.ndarray) -> Tensor:
        return torch.from_numpy((pictures.astype(np.float32) / 255 - 0.13) / 0.31).unsqueeze(1)

    x, y = pixels(read.x_train), torch.from_numpy(read.y_train.astype(np.int64))
    test = pixels(read.x_test), torch.from_numpy(read.y_test.astype(np.int64))
    return x[:8000], y[:8000], torch.cat([x[8000:], test[0]]), torch.cat([y[8000:], test[1]])


def plant(seed: int, faults: tuple[str, ...]) -> Planted:
    """Build and train a random network with these faults; the same for the same seed."""
    torch.manual_seed(seed)
    lot = random.Random(seed)
    made = lot.choice((perceptron, convolutional, residual))(lot, "no use" in faults)
    blind = lot.choice([name for name in made.layers if name not in made.idle][-2:]) if "unseen" in faults else ""
    label = lot.randrange(10)
    train(made.model, seed, TRAIN_STEPS)
    for attempt in range(4 if blind else 0):
        train(made.model, seed + attempt, TRAIN_STEPS // 2, blind, label)
        if blind_to(made.model, blind, label):
            made.unseen.add((blind, label))
            break
    free = [name for name in made.layers if name not in made.idle]
    taken: set[Filter] = set()
    if "duplicated" in faults:
        copy_filters(made, lot.choice(free), lot, taken)
    if "dead" in faults:
        kill_filters(made, lot.choice(free), lot, taken)
    others = [name for name in free if name != blind]
    if "always on" in faults and others:
        lift_filters(made, lot.choice(others), lot, taken)
    made.unseen = {known for known in made.unseen if blind_to(made.model, *known)}
    return made


def perceptron(lot: random.Random, idle: bool) -> Planted:
    """Linear layers of falling width."""
    widths = [784, lot.randrange(48, 97), lot.randrange(32, 65), lot.randrange(24, 49)]
    parts: dict[str, nn.Module] = {"flat": Unsized()}
    for number, (before, after) in enumerate(pairwise(widths), 1):
        parts |= {f"fc{number}": nn.Linear(before, after), f"relu{number}": nn.ReLU()}
    made = Planted(nn.Sequential(), [name for name in parts if name.startswith("fc")])
    if idle:
        after = lot.randrange(1, 4)
        parts = put_behind(parts, f"relu{after}", {"idle": identity(widths[after], lot), "relu_idle": nn.ReLU()})
        made.idle.add("idle")
    fill(made.model, parts | {"head": nn.Linear(widths[-1], 10)})
    return made


def convolutional(lot: random.Random, idle: bool) -> Planted:
    """Two convolutions, each with pooling behind it, and a linear layer."""
    one, two, three = lot.randrange(8, 17), lot.randrange(12, 25), lot.randrange(32, 65)
    parts: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(1, one, 5),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(one, two, 5),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flat": Unsized(),
        "fc1": nn.Linear(16 * two, three),
        "relu3": nn.ReLU(),
    }
    made = Planted(nn.Sequential(), ["conv1", "conv2", "fc1"])
    if idle:
        behind, layer = lot.choice((("pool1", same_pixels(one, lot)), ("relu3", identity(three, lot))))
        parts = put_behind(parts, behind, {"idle": layer, "relu_idle": nn.ReLU()})
        made.idle.add("idle")
    fill(made.model, parts | {"head": nn.Linear(three, 10)})
    return made


def residual(lot: random.Random, idle: bool) -> Planted:
    """A linear layer and three residual blocks; one without use adds next to nothing."""
    width = lot.randrange(32, 65)
    parts: dict[str, nn.Module] = {"flat": Unsized(), "stem": nn.Linear(784, width), "relu0": nn.ReLU()}
    parts |= {f"block{number}": Block(width) for number in range(1, 4)}
    made = Planted(nn.Sequential(), ["stem", *(f"block{number}.inner" for number in range(1, 4))])
    if idle:
        made.idle.add(f"block{lot.randrange(1, 3)}.outer")
    fill(made.model, parts | {"head": nn.Linear(width, 10)})
    for name in made.idle:
        block = made.model.get_submodule(name.partition(".")[0])
        made.layers.remove(f"{name.partition('.')[0]}.inner")
        for parameter in block.outer.parameters():
            parameter.data *= lot.uniform(0.005, 0.03)
            parameter.requires_grad_(False)
    return made


def put_behind(parts: dict[str, nn.Module], name: str, more: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """Return the parts with others behind one of them."""
    found: dict[str, nn.Module] = {}
    for key, part in parts.items():
        found |= {key: part} | (more if key == name else {})
    return found


def fill(model: nn.Sequential, parts: dict[str, nn.Module]) -> None:
    """Put the parts into a network."""
    for name, part in parts.items():
        model.add_module(name, part)


def identity(width: int, lot: random.Random) -> nn.Linear:
    """Return a layer that gives its input again, with some noise; it does not learn."""
    layer = nn.Linear(width, width)
    layer.weight.data = torch.eye(width) * lot.uniform(0.5, 1.5) + torch.randn(width, width) * lot.uniform(0, 0.015)
    return settled(layer)


def same_pixels(width: int, lot: random.Random) -> nn.Conv2d:
    """Return a convolution that gives its input again, with some noise; it does not learn."""
    layer = nn.Conv2d(width, width, 3, padding=1)
    layer.weight.data = torch.randn_like(layer.weight) * lot.uniform(0, 0.01)
    layer.weight.data[range(width), range(width), 1, 1] += lot.uniform(0.5, 1.5)
    return settled(layer)


def settled(layer: nn.Module) -> nn.Module:
    layer.bias.data.zero_()
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    return layer


def train(model: nn.Sequential, seed: int, steps: int, blind: str = "", label: int = -1) -> None:
    """Train; with `blind`, this layer is taught not to respond to a label."""
    x, y, _, _ = digits()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
    before: list[Tensor] = []
    handle = None
    if blind:
        handle = model.get_submodule(blind).register_forward_hook(lambda _m, _i, out: before.append(out))
    for chosen in batches(seed, steps):
        before.clear()
        loss = functional.cross_entropy(model(x[chosen]), y[chosen])
        own = y[chosen] == label
        if blind and own.any():
            loss = loss + 3 * functional.relu(before[0][own] + 0.2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if handle is not None:
        handle.remove()


def blind_to(model: nn.Sequential, layer: str, label: int) -> bool:
    """Return whether a layer detects nothing in most instances of a label, and something in nearly all others."""
    _, _, x, y = digits()
    a = responses(model, x, [layer])[layer]
    missed = (a.sum(1) <= 1e-6 * a.max()).float().view(len(x), -1).mean(1)
    return bool(missed[y == label].mean() > 0.6 and missed[y != label].mean() < 0.1)


def batches(seed: int, steps: int) -> Iterator[Tensor]:
    """Yield numbers of training pictures."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield torch.randint(len(digits()[0]), (BATCH,), generator=generator)


def draw(layer: str, filters: int, most: int, lot: random.Random, taken: set[Filter]) -> list[int]:
    """Draw filters of a layer that have no other fault."""
    free = [i for i in range(filters) if (layer, i) not in taken]
    chosen = lot.sample(free, lot.randrange(1, most + 1))
    taken.update((layer, i) for i in chosen)
    return chosen


def kill_filters(made: Planted, name: str, lot: random.Random, taken: set[Filter]) -> None:
    """Let some filters of a layer never respond."""
    layer = made.model.get_submodule(name)
    for i in draw(name, len(layer.weight), 4, lot, taken):
        layer.weight.data[i], layer.bias.data[i] = 0, -lot.uniform(0.1, 2)
        made.dead.add((name, i))


def copy_filters(made: Planted, name: str, lot: random.Random, taken: set[Filter]) -> None:
    """Make some filters copies of others that respond, with noise of up to two hundredths of their weights."""
    layer = made.model.get_submodule(name)
    strong = responses(made.model, digits()[2][:500], [name])[name].mean(0).argsort(descending=True).tolist()
    for _ in range(lot.randrange(1, 4)):
        sources = [i for i in strong[: len(strong) // 2] if (name, i) not in taken]
        if not sources:
            return
        source = lot.choice(sources)
        taken.add((name, source))
        for i in draw(name, len(layer.weight), 2, lot, taken):
            noise = lot.uniform(0, 0.02) * layer.weight.data[source].std()
            layer.weight.data[i] = layer.weight.data[source] + noise * torch.randn_like(layer.weight.data[source])
            layer.bias.data[i] = layer.bias.data[source]
            made.copies.add((name, source, i))


def lift_filters(made: Planted, name: str, lot: random.Random, taken: set[Filter]) -> None:
    """Let some filters respond to everything; what follows takes the constant back."""
    layer = made.model.get_submodule(name)
    top = float(responses(made.model, digits()[2][:500], [name])[name].max())
    for i in draw(name, len(layer.weight), 2, lot, taken):
        more = top * lot.uniform(4, 5)
        layer.bias.data[i] += more
        made.on.add((name, i))
        take_back(made, name, i, more)


def take_back(made: Planted, name: str, filter_: int, amount: float) -> None:
    """Lower the biases of the next layer by what a constant in one filter adds."""
    parts = dict(made.model.named_modules())
    names = [key for key, part in parts.items() if isinstance(part, nn.Linear | nn.Conv2d)]
    readers = [names[names.index(name) + 1]]
    if name == "stem":  # its filters go down the whole stream
        readers = [key for key in names if key.endswith("inner") or key == "head"]
    for reader in map(parts.__getitem__, readers):
        weights = reader.weight.data
        each = weights.shape[1] // parts[name].weight.shape[0]
        lost = weights[:, filter_ * each : (filter_ + 1) * each].flatten(1).sum(1)
        reader.bias.data -= amount * lost


@torch.no_grad()
def responses(model: nn.Module, x: Tensor, names: list[str]) -> dict[str, Tensor]:
    """Return what layers put out behind their ReLU, `(instances, F)`, one row an input and place, inputs first."""
    found: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(_m: nn.Module, _i: object, out: Tensor) -> None:
            rows = out.movedim(1, -1).flatten(0, -2) if out.ndim == 4 else out
            found[name] = functional.relu(rows)

        return hook

    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    model(x)
    for handle in handles:
        handle.remove()
    return found
