"""Layers and parameters that the network does not use on the sample, and that other batches or a loss may use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Cut
from deepeyes_tui.surgery.planning.asking import Asker


def warnings_of_unread(asker: Asker, layer: str, cuts: Sequence[Cut], known: Iterable[str]) -> list[str]:
    """Return what to say of layers, beside those `known`, and of parameters that were not used.

    Raises SurgeryError where such a layer has the size to read or to join what is cut of `layer`.
    """
    sizes, found = {cut.size for cut in cuts}, set(known)
    silent = [path for path in asker.silent if path not in found]
    for path in silent:
        if _may_read(asker, path, sizes) and not _is_used(asker, _below(asker, path)):
            why = f"{path} did not run on the sample and may read these filters: give a batch on which it runs"
            raise SurgeryError(f"filters of {layer} cannot go: {why}")
    return [*_silent(silent), *_unread(_loose(asker, sizes, cuts))]


def _may_read(asker: Asker, path: str, sizes: set[int]) -> bool:
    """Tell whether a layer's weights stand for as many channels, or for some multiple."""
    module = next(atom.module for atom in asker.atoms if atom.path == path)
    lengths = {length for tensor in module.parameters() for length in tensor.shape[:2]}
    lengths |= {space.size for atom in asker.atoms if atom.path == path for space in atom.spaces()}
    return any(length % size == 0 for length in lengths for size in sizes)


def _below(asker: Asker, path: str) -> list[str]:
    return [name for name in asker.own.shapes if name.startswith(f"{path}.")]


def _is_used(asker: Asker, paths: list[str]) -> bool:
    """Tell whether the network's own code reads any of its tensors, as with `F.linear(x, layer.weight)`."""
    shapes = [(path, asker.own.shapes[path]) for path in paths if asker.own.shapes[path]]
    whole = {path: (0, torch.ones(shape[0], dtype=torch.bool)) for path, shape in shapes}
    found = asker.reached({}, whole)
    return found.output or bool(found.units)


def _loose(asker: Asker, sizes: set[int], cuts: Sequence[Cut]) -> list[str]:
    """Return parameters of the network's own code that are not used, and have one value for each channel."""
    ours = {name for path in asker.silent for name in _below(asker, path)} | {cut.tensor for cut in cuts}
    named = [(path, shape) for path, shape in asker.own.shapes.items() if path not in ours]
    fitting = [path for path, shape in named if asker.own.learns(path) and sizes & set(shape)]
    return [path for path in fitting if not _is_used(asker, [path])]


def _silent(paths: list[str]) -> list[str]:
    if not paths:
        return []
    named = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return [f"on the sample {named} did not run: nobody knows whether the filters are read there"]


def _unread(paths: list[str]) -> list[str]:
    said = (
        "is not read by the forward pass and stays as it is: if a loss reads it with these filters, that will not run"
    )
    return [f"{path} {said}" for path in paths]


def gradient_hooks(model: nn.Module, cuts: Sequence[Cut]) -> list[str]:
    """Return a warning for each tensor that is cut and whose gradient goes through hooks of the user's."""
    tensors = dict(model.named_parameters(remove_duplicate=False))
    hooked = [path for path in dict.fromkeys(cut.tensor for cut in cuts) if _has_hooks(tensors.get(path))]
    return [f"the gradient of {path} goes through a hook, which must not count on its size" for path in hooked]


def _has_hooks(tensor: torch.Tensor | None) -> bool:
    hooks = (getattr(tensor, "_backward_hooks", None) or {}).values()
    return any(not str(getattr(hook, "__module__", "")).startswith("deepeyes_tui.") for hook in hooks)
