"""What a layer's units see of a tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.atoms import Port

_DEEP = 6
_ROUNDING = 1e-5


def floats(*values: Any) -> list[Tensor]:
    """Return the float tensors in arguments, in order."""
    return [leaf for leaf in tree_leaves(values) if is_float(leaf)]


def is_float(value: Any) -> bool:
    """Return whether a value is a tensor that can hold NaN."""
    return isinstance(value, Tensor) and value.is_floating_point()


def outputs(value: Any, deep: int = _DEEP) -> Iterator[Tensor]:
    """Yield the float tensors of what a network returned: containers, data classes, objects with attributes."""
    if is_float(value):
        yield value
    elif deep and not isinstance(value, Tensor | str | bytes | int | float | bool | type(None)):
        for part in _parts(value):
            yield from outputs(part, deep - 1)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple | set):
        return list(value)
    if dataclasses.is_dataclass(value):
        return [getattr(value, one.name) for one in dataclasses.fields(value)]
    return list(vars(value).values()) if hasattr(value, "__dict__") else []


def per_unit(places: Tensor, port: Port) -> Tensor:
    """Sum values by place, `(L,)`, to values by unit, `(U,)`."""
    size, repeat = port.space.size, port.repeat
    if len(places) == size and repeat == 1:
        return places
    return places.reshape(-1, size, repeat).sum((0, 2))


def per_place(units: Tensor, port: Port, tensor: Tensor) -> Tensor:
    """Return values by unit, `(U,)`, shaped to be broadcast with a tensor at the port."""
    length = tensor.shape[port.axis]
    units = units.repeat_interleave(port.repeat) if port.repeat > 1 else units
    units = units.repeat(length // len(units)) if len(units) < length else units
    return units.reshape(-1, *[1] * (-port.axis - 1 if port.axis < 0 else tensor.dim() - 1 - port.axis))


def check_fits(tensor: Tensor, port: Port) -> None:
    """Raise SurgeryError where a tensor has not the units of the port along its axis."""
    fits = -tensor.dim() <= port.axis < tensor.dim()
    if not fits or tensor.shape[port.axis] % (port.space.size * port.repeat):
        raise SurgeryError(f"{port.space.path} is used in a way that its class does not know")


def others(tensor: Tensor, port: Port) -> list[int]:
    """Return every dimension of a tensor but that of the units."""
    axis = port.axis % tensor.dim()
    return [dim for dim in range(tensor.dim()) if dim != axis]


def any_per_unit(found: Tensor, port: Port) -> Tensor:
    """Return which units have anything set in a tensor of booleans."""
    dims = others(found, port)
    places = found.any(dims) if dims else found
    return per_unit(places.to(torch.int64), port) > 0


def mean_per_unit(tensor: Tensor, weights: Tensor, port: Port) -> Tensor:
    """Return a weighted mean for each unit, `(U,)`, that shows any change and lets gradients through."""
    dims = others(tensor, port)
    values = tensor.to(weights.dtype) * weights
    return per_unit(values.mean(dims) if dims else values, port)


def differs(new: Tensor, old: Tensor) -> Tensor:
    """Return where two tensors differ by more than rounding; everywhere, where their shapes do."""
    if new.shape != old.shape:
        return torch.ones(1, dtype=torch.bool)
    return ~torch.isclose(new.detach(), old.detach(), rtol=_ROUNDING, atol=0.0, equal_nan=True)
