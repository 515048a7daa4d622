"""A reference architecture: a small network, a cut, and what is to come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from deepeyes_tui.surgery.sample import Sample


class Expect(StrEnum):
    EXACT = "equals the model with the same channels masked"
    INEXACT = "a norm spans the cut: changes, and says so"
    REFUSED = "refused, with the reason"
    EITHER = "exact or refused, never wrong"


@dataclass(frozen=True)
class Case:
    """`silent`: the modules whose outputs are without the filters once these are gone, found by hand: module path ->
    the channels (None: those that were chosen). None where a mask there would say something else.

    `word`: what a refusal has to say. `goes`: all modules that lose something, where that is worth a look.
    """

    name: str
    build: Callable[[], nn.Module]
    sample: Callable[[], Any]
    layer: str
    filters: tuple[int, ...]
    expect: Expect = Expect.EXACT
    word: str = ""
    silent: Mapping[str, Sequence[int] | None] = field(default_factory=dict)
    goes: frozenset[str] = frozenset()
    tolerance: float = 1e-6

    def model(self) -> nn.Module:
        """Return the network, the same each time, in training mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return lively(self.build()).train()

    def batch(self) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            return self.sample()


class Do(nn.Module):
    """Code without parameters on the way."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


def lively(model: nn.Module) -> nn.Module:
    """Return the model with values that nothing hides behind: no parameter is all zeros or all ones, statistics too."""
    for module in model.modules():
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if tensor.is_floating_point() and (tensor == tensor.flatten()[0]).all():
                with torch.no_grad():
                    low = 0.5 if name in ("weight", "running_var", "weight_g") else -0.5
                    tensor.copy_(torch.rand_like(tensor) + low)
    return model


def images(*shape: int, dtype: torch.dtype = torch.float32) -> Callable[[], Tensor]:
    return lambda: torch.randn(shape).to(dtype)


def tokens(*shape: int, words: int = 11) -> Callable[[], Tensor]:
    return lambda: torch.randint(words, shape)


def exact(
    name: str,
    build: Callable[[], nn.Module],
    sample: Callable[[], Any],
    layer: str,
    filters: Sequence[int],
    silent: Sequence[str] | Mapping[str, Sequence[int] | None] = (),
    **more: Any,
) -> Case:
    """Return a case that is exact unless `more` says something else."""
    mask = dict(silent) if isinstance(silent, Mapping) else dict.fromkeys(silent)
    return Case(name, build, sample, layer, tuple(filters), silent=mask, **more)


def refused(
    name: str,
    build: Callable[[], nn.Module],
    sample: Callable[[], Any],
    layer: str,
    filters: Sequence[int],
    word: str,
    silent: Mapping[str, Sequence[int] | None] | None = None,
) -> Case:
    """Return a case that is refused; `silent` judges other tools, which may cut."""
    return Case(name, build, sample, layer, tuple(filters), Expect.REFUSED, word, silent or {})


def step(model: nn.Module, batch: Any, optimizer: torch.optim.Optimizer) -> None:
    """Train one step on the batch."""
    optimizer.zero_grad()
    backward(model, batch)
    optimizer.step()


def backward(model: nn.Module, batch: Any) -> None:
    """Add the gradients of a loss that is made of all of the output."""
    sample = Sample.of(batch)
    answer = model(*sample.args, **sample.kwargs)
    answer = vars(answer) if hasattr(answer, "__dict__") and not isinstance(answer, Tensor) else answer
    sum((leaf.float() ** 2).mean() for leaf in tree_leaves(answer) if isinstance(leaf, Tensor)).backward()
