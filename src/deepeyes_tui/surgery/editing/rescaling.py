"""Weight-normalised layers keep the values of their weights when their directions are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from torch.nn.utils.weight_norm import WeightNorm

from deepeyes_tui.surgery.editing.parts import Part, back, forth, noughts, parts_of
from deepeyes_tui.surgery.plan import Plan

Changed = Mapping[int, tuple[Sequence[Part], Tensor]]
"""Parts and new values of tensors, by their ids."""


def magnitudes(plan: Plan, tensors: Mapping[str, Tensor], changed: Changed) -> dict[str, Tensor]:
    """Return new magnitudes by name, such that magnitude x direction / norm stays what it was for all that stays.

    Salimans & Kingma 2016, "Weight Normalization", equation 2.
    """
    scaled = {}
    for one in plan.rescales:
        magnitude, direction = tensors[one.magnitude], tensors[one.direction]
        if id(direction) not in changed:
            continue
        parts, after = changed[id(direction)]
        values = changed[id(magnitude)][1] if id(magnitude) in changed else magnitude.data
        scaled[one.magnitude] = _rescaled(values, direction.data, after, parts)
    return scaled


def rescaled_back(magnitude: Tensor, now: Tensor, then: Tensor, parts: Sequence[Part]) -> Tensor:
    """Return the magnitude, of its old shape by now, for a direction that goes back from `now` to `then`."""
    across = _across(magnitude, parts)
    along = [part for part in parts if part not in across]
    kept = back(now, along, noughts(along))
    ratio = _norm(then, magnitude) / _norm(kept, magnitude)
    return (magnitude * torch.where(ratio.isfinite(), ratio, 1.0)).to(magnitude)


def _rescaled(magnitude: Tensor, before: Tensor, after: Tensor, parts: Sequence[Part]) -> Tensor:
    across = _across(magnitude, parts)
    kept = forth(before, [part for part in parts if part not in across], noughts([p for p in parts if p not in across]))
    ratio = _norm(after, magnitude) / _norm(kept, magnitude)
    return (magnitude * ratio).to(magnitude)


def _across(magnitude: Tensor, parts: Sequence[Part]) -> list[Part]:
    """Return the parts along the axes that the norm is taken over."""
    return [part for part in parts if not magnitude.dim() or magnitude.shape[part.axis] == 1]


def _norm(direction: Tensor, magnitude: Tensor) -> Tensor:
    """Return the norm over the axes along which the magnitude has one value."""
    axes = [axis for axis in range(direction.dim()) if not magnitude.dim() or magnitude.shape[axis] == 1]
    norm: Tensor = torch.linalg.vector_norm(direction.double(), dim=axes, keepdim=True)
    return norm if magnitude.dim() else norm.reshape(())


def derive_weights(model: nn.Module, plan: Plan, back: ExitStack) -> None:
    """Make the `weight` anew that a weight-normalising hook keeps beside its parameters; `back` brings the old one."""
    touched = {part.tensor.rpartition(".")[0] for part in parts_of(plan)}
    for path in touched | {one.magnitude.rpartition(".")[0] for one in plan.rescales}:
        module = model.get_submodule(path)
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                back.callback(module.__dict__.__setitem__, hook.name, module.__dict__.get(hook.name))
                setattr(module, hook.name, hook.compute_weight(module))
