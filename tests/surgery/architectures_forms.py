"""Forms of models: several inputs and outputs, shared, frozen, checkpointed, detached layers, types, own parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from .architectures_case import Case, Expect, exact, images, refused

VECTORS = images(3, 6)


class TwoInputs(nn.Module):
    """A picture and numbers, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.numbers = nn.Conv2d(1, 6, 3), nn.Linear(5, 4)
        self.join = nn.Linear(6 * 16 + 4, 3)

    def forward(self, picture: Tensor, numbers: Tensor) -> Tensor:
        return self.join(torch.cat((self.conv(picture).relu().flatten(1), self.numbers(numbers).relu()), 1))


@dataclass
class Answer:
    classes: Tensor
    place: Tensor


class Trunk(nn.Module):
    """Two heads on one trunk; the answer comes in the form that is asked for."""

    def __init__(self, form: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.trunk, self.classes, self.place = nn.Linear(6, 10), nn.Linear(10, 4), nn.Linear(10, 2)
        self.form = form

    def forward(self, x: Tensor) -> object:
        x = self.trunk(x).relu()
        return self.form(self.classes(x), self.place(x))


class Tapped(nn.Module):
    """A hidden layer's answer is an output too."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(6, 8), nn.Linear(8, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.one(x).relu()
        return self.three(self.two(hidden).relu()), hidden


class Siamese(nn.Module):
    """One network looks at both."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(6, 9), nn.Linear(9, 8), nn.Linear(16, 2)

    def look(self, x: Tensor) -> Tensor:
        return self.two(self.one(x).relu()).relu()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head(torch.cat((self.look(x), self.look(y)), 1))


class Repeated(nn.Module):
    """The same block three times in a row, each time added."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.block, self.bn = (
            nn.Conv2d(1, 6, 3, padding=1),
            nn.Conv2d(6, 6, 3, padding=1),
            nn.BatchNorm2d(6),
        )
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x).relu()
        for _ in range(3):
            x = x + self.bn(self.block(x)).relu()
        return self.head(x.mean((2, 3)))


class TwoPlaces(nn.Module):
    """One layer reads two others, whose units it couples."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.shared = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.shared(self.left(x).relu()) - self.shared(self.right(x).tanh())


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 9), nn.Linear(9, 8)
        self.head, self.reentrant = nn.Linear(8, 3), reentrant

    def forward(self, x: Tensor) -> Tensor:
        x = checkpoint(lambda x: self.two(self.one(x).relu()).relu(), x, use_reentrant=self.reentrant)
        return self.head(x)


class Detached(nn.Module):
    """A branch that learns nothing through its input; its target is detached, or without gradients."""

    def __init__(self, no_grad: bool = False) -> None:
        super().__init__()
        self.trunk, self.main, self.side = nn.Linear(6, 9), nn.Linear(9, 5), nn.Linear(9, 5)
        self.out, self.no_grad = nn.Linear(5, 3), no_grad

    def forward(self, x: Tensor) -> Tensor:
        x = self.trunk(x).relu()
        if not self.no_grad:
            return self.out(self.main(x).relu() + self.side(x.detach()).relu())
        with torch.no_grad():
            side = self.side(x).relu()
        return self.out(self.main(x).relu() + side)


class OwnWeights(nn.Module):
    """Parameters of its own, used by functions; a scale and a shift a channel."""

    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.enter, self.whole = nn.Linear(6, 8), whole
        self.scale, self.shift = nn.Parameter(torch.rand(8)), nn.Parameter(torch.rand(8))
        self.weight, self.head = nn.Parameter(torch.randn(7, 8)), nn.Linear(7, 3)
        self.plain = nn.Linear(8, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = (self.enter(x) * self.scale + self.shift).relu()
        return self.head(functional.linear(x, self.weight) if self.whole else self.plain(x))


class Normalised(nn.Module):
    """Channels are mixed by code: each vector is brought to length one, or its mean is taken away."""

    def __init__(self, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.one, self.two, self.how = nn.Linear(6, 8), nn.Linear(8, 3), how

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.how(self.one(x)))


class Gathered(nn.Module):
    """Channels are picked by number, turned round, rolled."""

    def __init__(self, how: Callable[[Tensor], Tensor], left: int) -> None:
        super().__init__()
        self.one, self.two, self.how = nn.Linear(6, 8), nn.Linear(left, 3), how

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.how(self.one(x).relu()))


class Recommender(nn.Module):
    """Dot products of two embeddings: their width is shared."""

    def __init__(self) -> None:
        super().__init__()
        self.users, self.things = nn.Embedding(11, 8), nn.Embedding(11, 8)
        self.user = nn.Linear(8, 6)
        self.thing = nn.Linear(8, 6)

    def forward(self, users: Tensor, things: Tensor) -> Tensor:
        return (self.user(self.users(users)) * self.thing(self.things(things))).sum(-1)


class Idle(nn.Module):
    """One layer stands by."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.idle = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x).relu())


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.Flatten(),
                         nn.Linear(5 * 16, 3))  # fmt: skip


def frozen(*layers: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        model = convolutional()
        for layer in layers:
            model.get_submodule(layer).requires_grad_(False)
        return model

    return build


def half_eval() -> nn.Module:
    """Its norm is in eval mode while the rest trains; the case sets it."""
    model = convolutional()
    model[1].train = lambda mode=True: nn.Module.train(model[1], False)  # type: ignore[method-assign]
    return model


def tied_layers() -> nn.Module:
    """A decoder's weight is the encoder's; no view, the very parameter: square."""
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    model[2].weight = model[0].weight
    return model


def numbers() -> tuple[Tensor, Tensor]:
    return torch.randn(3, 1, 6, 6), torch.randn(3, 5)


def pairs() -> tuple[Tensor, Tensor]:
    return torch.randn(3, 6), torch.randn(3, 6)


def ids() -> tuple[Tensor, Tensor]:
    return torch.randint(11, (5,)), torch.randint(11, (5,))


def learned() -> Tensor:
    """Return vectors that want a gradient, without which the older checkpointing gives none to the layers."""
    return torch.randn(3, 6, requires_grad=True)


def named() -> dict[str, Tensor]:
    picture, values = numbers()
    return {"picture": picture, "numbers": values}


PICTURES = images(3, 1, 8, 8)
CASES: list[Case] = [
    exact("two inputs, picture", TwoInputs, numbers, "conv", (0, 5), ["conv"], goes=frozenset({"conv", "join"})),
    exact("two inputs, numbers, by name", TwoInputs, named, "numbers", (1,), ["numbers"]),
    exact("two heads in a tuple", lambda: Trunk(lambda a, b: (a, b)), VECTORS, "trunk", (0, 9), ["trunk"]),
    exact("two heads in a dict", lambda: Trunk(lambda a, b: {"a": a, "b": [b]}), VECTORS, "trunk", (1,), ["trunk"]),
    exact("two heads in an object", lambda: Trunk(Answer), VECTORS, "trunk", (1,), ["trunk"]),
    refused(
        "one of two heads in a dict", lambda: Trunk(lambda a, b: {"a": a, "b": [b]}), VECTORS, "place", (1,), "output"
    ),
    refused("one of two heads in an object", lambda: Trunk(Answer), VECTORS, "place", (1,), "output"),
    refused("hidden layer that is an output too", Tapped, VECTORS, "one", (1,), "output"),
    exact("layer behind one that is an output too", Tapped, VECTORS, "two", (0, 1, 2), ["two"]),
    exact("siamese, first layer", Siamese, pairs, "one", (0, 8), ["one"]),
    exact("siamese, last layer", Siamese, pairs, "two", (0, 5), ["two"]),
    exact(
        "one block three times",
        Repeated,
        PICTURES,
        "block",
        (1, 4),
        ["enter", "bn"],
        goes=frozenset({"enter", "block", "bn", "head"}),
    ),
    exact("one reader of two layers", TwoPlaces, VECTORS, "left", (1, 6), ["left", "right"]),
    exact("checkpointing", lambda: Checkpointed(False), VECTORS, "one", (0, 8), ["one"]),
    exact("checkpointing, end of the segment", lambda: Checkpointed(False), VECTORS, "two", (0, 7), ["two"]),
    exact("checkpointing of the older kind", lambda: Checkpointed(True), learned, "one", (0, 8), ["one"]),
    exact("detached branch, trunk", Detached, VECTORS, "trunk", (0, 8), ["trunk"]),
    exact("detached branch, sum", Detached, VECTORS, "main", (2,), ["main", "side"]),
    exact("branch without gradients, trunk", lambda: Detached(True), VECTORS, "trunk", (0, 3), ["trunk"]),
    exact("branch without gradients, sum", lambda: Detached(True), VECTORS, "side", (3,), ["main", "side"]),
    exact("own scale and shift", lambda: OwnWeights(False), VECTORS, "enter", (0, 7)),
    Case("own matrix", lambda: OwnWeights(True), VECTORS, "enter", (0, 7), Expect.EITHER),
    refused(
        "vectors brought to length one",
        lambda: Normalised(lambda x: functional.normalize(x, dim=-1)),
        VECTORS,
        "one",
        (1,),
        "",
    ),
    refused("mean taken away", lambda: Normalised(lambda x: x - x.mean(-1, keepdim=True)), VECTORS, "one", (1,), ""),
    refused(
        "layer norm by a function",
        lambda: Normalised(lambda x: functional.layer_norm(x, x.shape[-1:])),
        VECTORS,
        "one",
        (1,),
        "",
    ),
    Case(
        "cumulative sum over channels", lambda: Normalised(lambda x: x.cumsum(-1)), VECTORS, "one", (1,), Expect.EITHER
    ),
    exact("channels turned round", lambda: Gathered(lambda x: x.flip(-1), 8), VECTORS, "one", (0, 2), ["one"]),
    exact("channels rolled", lambda: Gathered(lambda x: x.roll(3, -1), 8), VECTORS, "one", (0,), ["one"]),
    Case(
        "channels picked by number",
        lambda: Gathered(lambda x: x[:, [5, 1, 3, 3]], 4),
        VECTORS,
        "one",
        (5,),
        Expect.EITHER,
        "",
        {"one": None},
    ),
    Case("channels that nobody reads", lambda: Gathered(lambda x: x[:, :4], 4), VECTORS, "one", (6,), Expect.EITHER),
    exact(
        "every second channel and the others",
        lambda: Gathered(lambda x: torch.cat((x[:, ::2], x[:, 1::2]), 1), 8),
        VECTORS,
        "one",
        (1, 2),
        ["one"],
    ),
    exact("channels twice", lambda: Gathered(lambda x: torch.cat((x, -x), 1), 16), VECTORS, "one", (1, 2), ["one"]),
    Case(
        "dot product of embeddings",
        Recommender,
        ids,
        "user",
        (1, 4),
        Expect.EITHER,
        "output",
        {"user": None, "thing": None},
    ),
    exact("dot product of embeddings, their width", Recommender, ids, "users", (1, 4), ["users"]),
    exact("frozen layer, itself", frozen("0"), PICTURES, "0", (0, 5), ["1"]),
    exact("frozen layer, in front", frozen("3"), PICTURES, "0", (0, 5), ["1"]),
    exact("all frozen but the head", frozen("0", "1", "3"), PICTURES, "3", (0,), ["3"]),
    exact("norm held in eval mode", half_eval, PICTURES, "0", (0, 5), ["1"]),
    exact(
        "float64",
        lambda: convolutional().double(),
        images(3, 1, 8, 8, dtype=torch.float64),
        "0",
        (0, 5),
        ["1"],
        tolerance=1e-12,
    ),
    exact(
        "bfloat16",
        lambda: perceptron().bfloat16(),
        images(3, 6, dtype=torch.bfloat16),
        "0",
        (0, 5),
        ["0"],
        tolerance=2e-2,
    ),
    exact(
        "float16", lambda: perceptron().half(), images(3, 6, dtype=torch.float16), "2", (0, 5), ["2"], tolerance=2e-3
    ),
    exact("layers in a wrapper", lambda: nn.ModuleDict({"net": perceptron()})["net"], VECTORS, "0", (3,), ["0"]),
    Case("square weights that two layers share", tied_layers, VECTORS, "0", (1,), Expect.EITHER),
    refused("square weights that two layers share, the last of them", tied_layers, VECTORS, "4", (1,), "output"),
    refused("layer that does not run", Idle, VECTORS, "idle", (1,), "idle"),
]
