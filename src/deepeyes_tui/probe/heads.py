"""Attention heads in hand-written attention, recognised by the numbers that they leave side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Attended:
    """A tensor that may be the output of attention, and the path of the module that worked it out."""

    values: Tensor
    place: str


def head_size(attended: Tensor, entering: Tensor) -> int | None:
    """Return the length of a head if `entering (N, T, C)` holds the heads of `attended` side by side, else None.

    Attended values are `(N, h, T, d)`, `(N, T, h, d)` or `(N h, T, d)` with `h d = C` and more than one head; entering
    ones may be `(T, N, C)` as well.
    """
    size = attended.shape[-1]
    if entering.dim() != 3 or attended.numel() != entering.numel() or size == 0 or entering.shape[-1] % size:
        return None
    fits = _side_by_side(attended, entering) or _side_by_side(attended, entering.transpose(0, 1))
    return size if fits else None


def _side_by_side(attended: Tensor, entering: Tensor) -> bool:
    size = attended.shape[-1]
    batch, places, width = entering.shape
    heads = width // size
    split = entering.reshape(batch, places, heads, size)
    by_head = attended.shape in ((batch, heads, places, size), (batch * heads, places, size))
    same = (by_head and torch.equal(attended.reshape(batch, heads, places, size), split.transpose(1, 2))) or (
        attended.shape == split.shape and torch.equal(attended, split)
    )
    return heads > 1 and same
