"""Normalisations that only weight their channels: without them, a network can be compared with its masked self."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from deepeyes_tui.surgery.planning.layer_norms import channel_axis


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
    behind_channels = _behind_channels(module)

    def forward(given: Tensor) -> Tensor:
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        behind = given.dim() - 2 if isinstance(module, nn.GroupNorm) else behind_channels
        if behind:
            shape = (-1, *[1] * behind)
            weight, bias = (None if one is None else one.reshape(shape) for one in (weight, bias))
        given = given if weight is None else given * weight
        return given if bias is None else given + bias

    return forward


def _behind_channels(module: nn.Module) -> int:
    """Return how many axes stand behind those that a LayerNorm or RMSNorm norms."""
    if not isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return 0
    return -channel_axis(module) - len(module.normalized_shape)
