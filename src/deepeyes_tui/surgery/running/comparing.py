"""How far two outputs of a model are from each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

CLOSE = 1e-5
"""Largest difference of what is equal but for rounding, as a share of the largest magnitude, in single precision."""
_ROUNDINGS = 8
"""The same in steps of the type's precision, for types that are coarser than that."""


def output_tensors(output: Any) -> list[Tensor]:
    """Return all tensors in what a model returns: tuples, mappings, dataclasses and objects with attributes."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        return [tensor for value in output.values() for tensor in output_tensors(value)]
    if isinstance(output, list | tuple):
        return [tensor for value in output for tensor in output_tensors(value)]
    if is_dataclass(output):
        return [tensor for one in fields(output) for tensor in output_tensors(getattr(output, one.name))]
    return [value for value in getattr(output, "__dict__", {}).values() if isinstance(value, Tensor)]


def difference(one: Any, other: Any) -> float:
    """Return the largest difference of two outputs, as a share of the largest magnitude of the second.

    Infinite where they do not have the same shapes, or one is no number where the other is.
    """
    first, second = output_tensors(one), output_tensors(other)
    if [tensor.shape for tensor in first] != [tensor.shape for tensor in second]:
        return float("inf")
    pairs = [(_wide(a), _wide(b)) for a, b in zip(first, second, strict=True) if a.numel()]
    return max((_distance(a, b) for a, b in pairs), default=0.0)


def tolerance(output: Any) -> float:
    """Return up to which `difference` two such outputs count as equal."""
    kinds = [tensor.dtype for tensor in output_tensors(output) if tensor.is_floating_point()]
    return max((_ROUNDINGS * torch.finfo(kind).eps for kind in kinds), default=0.0) + CLOSE


def _wide(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    tensor = tensor.to_dense() if tensor.layout is not torch.strided else tensor
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def _distance(one: Tensor, other: Tensor) -> float:
    same = (one == other) | (one.isnan() & other.isnan())
    distance = float(torch.where(same, 0.0, (one - other).abs()).max())
    if distance != distance:
        return float("inf")
    magnitude = float(torch.where(other.isfinite(), other.abs(), 0.0).max())
    return distance / magnitude if magnitude else (float("inf") if distance else 0.0)
