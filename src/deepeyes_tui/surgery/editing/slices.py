"""Slices of a tensor along an axis: taken, removed, put in, set to nought. Every function returns a new tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def take_slices(tensor: Tensor, axis: int, indices: Sequence[int]) -> Tensor:
    """Return the slices at `indices` along `axis`, a copy in the tensor's own memory format."""
    return _in_format_of(tensor, tensor.detach().index_select(axis, _positions(indices, tensor)))


def remove_slices(tensor: Tensor, axis: int, indices: Sequence[int]) -> Tensor:
    """Return `tensor` without the slices at `indices` along `axis`; the others keep their order."""
    return take_slices(tensor, axis, _others(tensor.shape[axis], indices))


def insert_slices(tensor: Tensor, axis: int, indices: Sequence[int], values: Tensor) -> Tensor:
    """Return `tensor` with `values`, `len(indices)` long along `axis`, standing at `indices` of what is returned.

    Undoes `remove_slices`: the slices of `tensor` fill the other places in their order.
    """
    together = torch.cat([tensor.detach(), values.detach().to(tensor)], axis)
    size = tensor.shape[axis]
    places = [0] * (size + len(indices))
    for place, source in zip(_others(len(places), indices), range(size), strict=True):
        places[place] = source
    for number, place in enumerate(indices):
        places[place] = size + number
    return _in_format_of(tensor, together.index_select(axis, _positions(places, tensor)))


def replace_slices(tensor: Tensor, axis: int, indices: Sequence[int], values: Tensor) -> Tensor:
    """Return `tensor` with `values` in the place of the slices at `indices` along `axis`."""
    changed = tensor.detach().clone()
    return changed.index_copy_(axis, _positions(indices, tensor), values.to(changed))


def clear_slices(tensor: Tensor, axis: int, indices: Sequence[int]) -> Tensor:
    """Return `tensor` with noughts in the place of the slices at `indices` along `axis`."""
    return tensor.detach().clone().index_fill_(axis, _positions(indices, tensor), 0)


def _others(size: int, indices: Sequence[int]) -> list[int]:
    gone = set(indices)
    return [place for place in range(size) if place not in gone]


def _positions(indices: Sequence[int], tensor: Tensor) -> Tensor:
    return torch.tensor(indices, dtype=torch.long, device=tensor.device)


def _in_format_of(model: Tensor, tensor: Tensor) -> Tensor:
    """Return `tensor` with its dimensions in the order in memory in which those of `model` are: channels last stays."""
    if model.layout is not torch.strided or model.dim() < 3:
        return tensor
    strides = model.stride()
    # Of axes with the same stride, those of one slice lie inside: a single channel in channels last.
    order = sorted(range(model.dim()), key=lambda axis: (-strides[axis], model.shape[axis] == 1))
    if order == list(range(model.dim())):
        return tensor.contiguous()
    return torch.empty_permuted(tensor.shape, order, dtype=tensor.dtype, device=tensor.device).copy_(tensor)
