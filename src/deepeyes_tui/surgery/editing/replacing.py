"""Whole modules put in the place of others, by descriptions from which they can be made anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Replacement

FOLLOWED = "followed"
"""`Replacement.what`: the module becomes a sequence of itself and of `options["behind"]`, made like the layer at
`options["like"]`.
"""
IDENTITY = "identity"
"""`Replacement.what`: the module, and those at `options["also"]`, hand on what they get."""

_CONVOLUTIONS: dict[str, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {
    "Conv1d": nn.Conv1d,
    "Conv2d": nn.Conv2d,
    "Conv3d": nn.Conv3d,
}
_ACTIVATIONS: dict[str, type[nn.Module]] = {"ReLU": nn.ReLU, "ReLU6": nn.ReLU6, "Hardtanh": nn.Hardtanh}


def put_in_place(model: nn.Module, replacement: Replacement) -> Callable[[], None]:
    """Carry out `replacement` in `model` and return what undoes it: the very same modules stand where they stood.

    New layers are identities, in the dtype, on the device and in the memory format of the layer they are made like.
    Raises SurgeryError where the model has no such modules, or the description says nothing that is known; then
    nothing is changed. No random number is drawn.
    """
    try:
        anew = _made(model, replacement)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise SurgeryError(f"{replacement.module} cannot be replaced: {_first_line(error)}") from error
    old = {path: model.get_submodule(path) for path in anew}
    _set(model, anew)
    return lambda: _set(model, old)


def _made(model: nn.Module, replacement: Replacement) -> dict[str, nn.Module]:
    """Return the new modules by their paths."""
    module = model.get_submodule(replacement.module)
    if not replacement.module:
        raise ValueError("it is the model itself")
    if replacement.what == IDENTITY:
        paths = (replacement.module, *replacement.options["also"])
        return {path: nn.Identity().train(model.get_submodule(path).training) for path in paths}
    if replacement.what == FOLLOWED:
        like = model.get_submodule(replacement.options["like"]).weight
        if not isinstance(like, Tensor):
            raise TypeError(f"{replacement.options['like']} has no weights")
        behind = [_new_module(one, like).train(module.training) for one in replacement.options["behind"]]
        sequence = nn.Sequential(module, *behind)
        sequence.training = module.training
        return {replacement.module: sequence}
    raise ValueError(f"nothing is known of {replacement.what!r}")


def _new_module(described: Mapping[str, Any], like: Tensor) -> nn.Module:
    options = dict(described)
    kind = options.pop("kind")
    if kind in _ACTIVATIONS:
        return _ACTIVATIONS[kind](**options)
    with torch.random.fork_rng(devices=[]):
        made = _convolution(kind, **options) if kind in _CONVOLUTIONS else _linear(kind, **options)
    made = made.to(device=like.device, dtype=like.dtype)
    if like.dim() == 4 and like.is_contiguous(memory_format=torch.channels_last) and not like.is_contiguous():
        for tensor in made.parameters():
            tensor.data = tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor.data
    return made


def _convolution(kind: str, channels: int, kernel: int) -> nn.Module:
    """Return a convolution that hands on its input; `kernel` is odd."""
    made = _CONVOLUTIONS[kind](channels, channels, kernel, padding=kernel // 2)
    nn.init.dirac_(made.weight)
    return _zero_bias(made)


def _linear(kind: str, features: int) -> nn.Module:
    """Return a linear layer that hands on its input."""
    if kind != "Linear":
        raise ValueError(f"nothing is known of a layer {kind!r}")
    made = nn.Linear(features, features)
    nn.init.eye_(made.weight)
    return _zero_bias(made)


def _zero_bias(made: nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear) -> nn.Module:
    if made.bias is not None:
        nn.init.zeros_(made.bias)
    return made


def _set(model: nn.Module, modules: Mapping[str, nn.Module]) -> None:
    """Put modules at their paths; the order among their siblings stays."""
    for path, module in modules.items():
        parent, _, name = path.rpartition(".")
        model.get_submodule(parent)._modules[name] = module


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
