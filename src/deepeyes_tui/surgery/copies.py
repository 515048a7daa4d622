"""Copies of a model that live beside it, such as averages of its weights."""

from __future__ import annotations

import gc
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from deepeyes_tui.surgery.running.optimizers import find_optimizers
from deepeyes_tui.surgery.running.wrappers import unwrapped

_ALIKE = 0.5
"""Largest distance of weights to the model's, as a share of their norm; that of two made by chance is about 1.4."""
_ENOUGH = 1 << 20
"""Values that are compared."""


def find_copies(model: nn.Module) -> list[nn.Module]:
    """Return the live modules of the model's class, with tensors of the same names and shapes, that follow it.

    Those are what `AveragedModel` averages in, and what no optimizer trains and has weights close to the model's. What
    shares a tensor with the model is no copy, nor is a network that learns beside it, or a teacher of its own.
    """
    model = unwrapped(model)
    wanted = _signature(model)
    if wanted is None:
        return []
    own = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    kind = type(model)
    # An object refers to its class: asking for referrers takes half the time of going through all objects.
    alike = [one for one in gc.get_referrers(kind) if type(one) is kind and one is not model]
    found = [one for one in alike if _signature(one) == wanted and not own & _ids(one)]
    averages = {id(one.module) for one in gc.get_referrers(AveragedModel) if _has_module(one)} if found else set()
    trained = {id(one) for one in found if id(one) not in averages and find_optimizers(one)}
    certain = averages if not trained else set()  # beside two networks in training, whose average is it?
    return [one for one in found if id(one) in certain or (id(one) not in trained and _is_close(one, model))]


def _has_module(thing: Any) -> bool:
    return type(thing) is AveragedModel and "module" in thing._modules


def _is_close(one: nn.Module, model: nn.Module) -> bool:
    """Compare weights, as far as they have the dimensions of such: all norms begin alike."""
    difference = norm = 0.0
    count = 0
    for mine, other in zip(_weights(one), _weights(model), strict=True):
        if count < _ENOUGH:
            values = other.detach().to("cpu", torch.float64)
            difference += float((mine.detach().to("cpu", torch.float64) - values).square().sum())
            norm += float(values.square().sum())
            count += values.numel()
    return difference <= _ALIKE**2 * norm


def _weights(model: nn.Module) -> list[Tensor]:
    tensors = [tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point()]
    return [tensor for tensor in tensors if tensor.dim() > 1] or tensors


def _signature(model: nn.Module) -> dict[str, torch.Size] | None:
    """Return the shapes of all tensors by name; None for a module that is not made yet, or has none."""
    try:
        tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        return {name: tensor.shape for name, tensor in tensors.items()} or None
    except (AttributeError, RuntimeError, TypeError):
        return None


def _ids(model: nn.Module) -> set[int]:
    return {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
