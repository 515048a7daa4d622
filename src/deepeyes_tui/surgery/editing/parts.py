"""Several cuts and insertions of one tensor, one after the other, there and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from deepeyes_tui.surgery.editing.slices import insert_slices, remove_slices, take_slices
from deepeyes_tui.surgery.plan import Cut, Insertion, Plan

Part = Cut | Insertion
Fill = Callable[[Tensor, int], Tensor]
"""Returns the slices for the part of this number, given the tensor into which they come."""


def parts_of(plan: Plan) -> tuple[Part, ...]:
    """Return all cuts and insertions of a plan."""
    return (*plan.cuts, *plan.insertions)


def forth(tensor: Tensor, parts: Sequence[Part], fill: Fill) -> Tensor:
    """Return `tensor` with its parts cut and inserted, in their order."""
    for number, part in enumerate(parts):
        if isinstance(part, Cut):
            tensor = remove_slices(tensor, part.axis, part.indices)
        else:
            tensor = insert_slices(tensor, part.axis, part.indices, fill(tensor, number))
    return tensor


def back(tensor: Tensor, parts: Sequence[Part], fill: Fill) -> Tensor:
    """Return what `forth` has changed in its old shape: inserted slices go, cut ones come as `fill` says."""
    for number, part in reversed(list(enumerate(parts))):
        if isinstance(part, Cut):
            tensor = insert_slices(tensor, part.axis, part.indices, fill(tensor, number))
        else:
            tensor = remove_slices(tensor, part.axis, part.indices)
    return tensor


def removed(tensor: Tensor, parts: Sequence[Part]) -> list[Tensor | None]:
    """Return what each cut takes away, as it is when its turn comes; None for insertions."""
    taken: list[Tensor | None] = []
    for part in parts:
        if isinstance(part, Cut):
            taken.append(take_slices(tensor, part.axis, part.indices))
            tensor = remove_slices(tensor, part.axis, part.indices)
        else:
            taken.append(None)
    return taken


def noughts(parts: Sequence[Part]) -> Fill:
    """Return a fill of zeros."""

    def fill(tensor: Tensor, number: int) -> Tensor:
        shape = list(tensor.shape)
        shape[parts[number].axis] = len(parts[number].indices)
        return tensor.new_zeros(shape)

    return fill
