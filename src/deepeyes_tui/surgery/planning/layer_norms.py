"""Along which axis a LayerNorm of a class of its own norms: those for images often permute before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

_OTHERS = (2, 3, 4, 5, 6)
"""Lengths of the axes that are not normed."""


def channel_axis(module: nn.LayerNorm | nn.RMSNorm) -> int:
    """Return the first axis, from the end, of what a layer norms.

    A class with a forward pass of its own is tried with channels before and behind the others: its weights act on the
    axis that it norms. It is taken for torch's where that does not tell.
    """
    plain = -len(module.normalized_shape)
    own_code = type(module).forward not in (nn.LayerNorm.forward, nn.RMSNorm.forward)
    if plain != -1 or not own_code or module._parameters.get("weight") is None:
        return plain
    ways = [(axis, dims) for dims in (4, 3, 5) for axis in (1 - dims, -1)]
    return next((axis for axis, dims in ways if _norms_along(module, axis, dims)), plain)


def _norms_along(module: nn.LayerNorm | nn.RMSNorm, axis: int, dims: int) -> bool:
    """Tell whether the layer's first channel stands at 0 along an axis of a tensor with so many dimensions."""
    size = int(module.normalized_shape[0])
    shape = [other if other != size else 7 for other in _OTHERS[:dims]]
    shape[axis] = size
    given = torch.ones(shape, dtype=module.weight.dtype, device=module.weight.device)
    try:
        found = _with_nan(module, given)
    except Exception:  # it may not take such tensors
        return False
    places = torch.zeros(size, dtype=torch.bool, device=found.device)
    places[0] = True
    expected = places.reshape([-1 if dim == axis % dims else 1 for dim in range(dims)]).expand(shape)
    return torch.equal(found, expected)


def _with_nan(module: nn.LayerNorm | nn.RMSNorm, given: Tensor) -> Tensor:
    """Return where the output is NaN when the first weight is."""
    weight, forward = module.weight, cast("Callable[..., Tensor]", type(module).forward)
    marked = weight.detach().clone()
    marked[0] = float("nan")
    try:
        module._parameters["weight"] = nn.Parameter(marked, requires_grad=False)
        with torch.no_grad():
            return forward(module, given).isnan()
    finally:
        module._parameters["weight"] = weight
