"""A copy of the user's model that may be asked anything, and small inputs for it."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_flatten, tree_map_only

from deepeyes_tui.probe.sharing import own_tensors, shared_with_copies

SAMPLES = 2


def cpu_copy(model: nn.Module) -> nn.Module:
    """Copy a model to the CPU as float32, in evaluation mode, without its hooks and without room on its device.

    What else hangs on it, such as data and whatever has its own ways of being copied, the copy shares.
    """
    memo: dict[int, Any] = {id(value): value for value in shared_with_copies(model)}
    for module in model.modules():
        for value in own_tensors(module):
            if id(value) not in memo and not is_lazy(value):
                memo[id(value)] = _cpu_tensor(value)
        if not any(is_lazy(p) for p in module.parameters(recurse=False)):  # their hooks are what makes their weights
            for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks):
                memo[id(hooks)] = OrderedDict()
    return copy.deepcopy(model, memo).eval()


def _cpu_tensor(value: Tensor) -> Tensor:
    plain = value.detach().to("cpu", torch.float32 if value.is_floating_point() else value.dtype, copy=True)
    return nn.Parameter(plain, requires_grad=False) if isinstance(value, nn.Parameter) else plain


def modules_by_path(model: nn.Module, preferred: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Return every module once, under the path that is `preferred` if it has one, else under its first."""
    paths: dict[int, str] = {}
    modules = dict(model.named_modules(remove_duplicate=False))
    for path, module in modules.items():
        if id(module) not in paths or path in preferred:
            paths[id(module)] = path
    return {path: modules[path] for path in paths.values()}


def first_tensor(tree: Any) -> Tensor | None:
    """Return the first tensor of the inputs that has axes."""
    return next((leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor) and leaf.dim()), None)


def batch_size(tree: Any, axis: int = 0) -> int:
    """Return how many samples the first tensor has along an axis, 0 without any."""
    first = first_tensor(tree)
    return first.shape[axis] if first is not None and first.dim() > axis else 0


def few(tree: Any, axis: int = 0, most: int = SAMPLES, *, alone: bool = False) -> Any:
    """Return the inputs with their first samples along an axis alone, as float32 on the CPU.

    What has not as many of them as the first tensor, such as a mask, stays whole; so does all but the first tensor if
    that is `alone`.
    """
    batch, leading = batch_size(tree, axis), first_tensor(tree)

    def first(tensor: Tensor) -> Tensor:
        fits = tensor is leading or (not alone and tensor.dim() > axis and tensor.shape[axis] == batch)
        taken = tensor.detach().narrow(axis, 0, min(most, batch)) if fits else tensor.detach()
        return taken.to("cpu", torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)

    return tree_map_only(Tensor, first, tree)


def repeated(tree: Any, axis: int, count: int) -> Any:
    """Repeat the first sample along an axis `count` times, of every tensor that has as many of them as the first."""
    batch = batch_size(tree, axis)

    def many(tensor: Tensor) -> Tensor:
        fits = tensor.dim() > axis and tensor.shape[axis] == batch
        return tensor.narrow(axis, 0, 1).repeat_interleave(count, axis) if fits else tensor

    return tree_map_only(Tensor, many, tree)
