"""Tensors that a script keeps beside its model, by the model's names or in its order: averages, best states."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn


def find_kept_tensors(model: nn.Module) -> int:
    """Return how many dicts and lists in this process hold tensors of all shapes of the model's parameters that are
    not the model's own.

    Surgery does not change them: what compares them with the model, or loads them into it, does not fit afterwards.
    """
    named = dict(model.named_parameters())
    if not named:
        return 0
    own = {id(tensor) for tensor in named.values()} | {tensor.data_ptr() for tensor in named.values()}
    first, shapes = next(iter(named)), [tensor.shape for tensor in named.values()]
    found = 0
    for thing in gc.get_objects():
        kind = type(thing)
        if kind is dict or (issubclass(kind, dict) and len(thing) >= len(named)):
            found += first in thing and _is_kept([thing.get(name) for name in named], shapes, own)
        elif kind is list and len(thing) == len(named):
            found += _is_kept(thing, shapes, own)
    return found


def kept_warning(count: int) -> str:
    """Return what a user is to know of them."""
    what = "a dict or list" if count == 1 else f"{count} dicts or lists"
    return (
        f"the script keeps {what} of tensors shaped as the model's (an average, a best state?): not changed along, "
        "and no longer fitting"
    )


def _is_kept(tensors: Sequence[Any] | Mapping[str, Any], shapes: Sequence[Any], own: set[int]) -> bool:
    return all(
        isinstance(tensor, Tensor) and tensor.shape == shape and id(tensor) not in own and tensor.data_ptr() not in own
        for tensor, shape in zip(tensors, shapes, strict=True)
    )
