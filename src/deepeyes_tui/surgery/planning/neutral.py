"""Normalisations that only weight their channels: without them, a network can be compared with its masked self."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def neutral(model: nn.Module, paths: Sequence[str]) -> Iterator[None]:
    """Let the LayerNorms, RMSNorms and GroupNorms at `paths` multiply and add, channel by channel, and do no more."""
    modules = [model.get_submodule(path) for path in paths]
    before = [module.__dict__.get("forward") for module in modules]
    for module in modules:
        module.__dict__["forward"] = _weighting(module)
    try:
        yield
    finally:
        for module, forward in zip(modules, before, strict=True):
            if forward is None:
                module.__dict__.pop("forward", None)
            else:
                module.__dict__["forward"] = forward


def _weighting(module: nn.Module) -> Callable[[Tensor], Tensor]:
    def forward(given: Tensor) -> Tensor:
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if isinstance(module, nn.GroupNorm):
            shape = (-1, *[1] * (given.dim() - 2))
            weight, bias = (None if one is None else one.reshape(shape) for one in (weight, bias))
        given = given if weight is None else given * weight
        return given if bias is None else given + bias

    return forward
