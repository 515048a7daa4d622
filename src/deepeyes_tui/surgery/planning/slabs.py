"""Along which axis of an own tensor its units stand, told by which elements lead where."""

from __future__ import annotations

import torch
from torch import Tensor

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.asking import Slab


def slab_of(path: str, layer: str, inner: Tensor, outer: Tensor) -> Slab | None:
    """Return axis and places of the tensor at `path`, given which elements lead to units that go, and to others.

    None, where every element leads to others too. Raises SurgeryError where no axis, or more than one, tells them.
    """
    only = inner & ~outer
    if not bool(only.any()):
        return None
    used = inner | outer
    slabs = [slab for axis in range(only.dim()) if (slab := _along(axis, only, used)) is not None]
    if len(slabs) != 1:
        raise SurgeryError(f"filters of {layer} cannot go: it cannot be told how {path} is used")
    return slabs[0]


def _along(axis: int, only: Tensor, used: Tensor) -> Slab | None:
    """Places along an axis, if nothing else of what is used stands there, and something stays."""
    dims = [dim for dim in range(only.dim()) if dim != axis]
    places = only.any(dims) if dims else only
    shape = [-1 if dim == axis else 1 for dim in range(only.dim())]
    alone = torch.equal(used & places.reshape(shape), only)
    return (axis, places) if alone and not bool(places.all()) else None
