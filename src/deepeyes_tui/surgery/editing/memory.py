"""What is kept of surgery so that it can be taken back after further training: the slices that went, not the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.editing.carrying import Edit
from deepeyes_tui.surgery.editing.optimizer_state import StateMemory
from deepeyes_tui.surgery.editing.parts import Part, back, noughts, removed
from deepeyes_tui.surgery.editing.rescaling import rescaled_back
from deepeyes_tui.surgery.editing.slices import replace_slices, take_slices
from deepeyes_tui.surgery.plan import Fill, Insertion


@dataclass(frozen=True, slots=True)
class TensorMemory:
    """What brings one tensor back.

    `slices` and `gradients`: what each part cut away. `shares`: slices that were divided. `magnitude`: of a
    weight-normalised layer, before and after.
    """

    name: str
    tensor: Tensor
    parts: tuple[Part, ...]
    shape: torch.Size
    slices: list[Tensor | None]
    gradients: list[Tensor | None] | None
    shares: tuple[Share, ...]
    magnitude: tuple[Tensor, Tensor] | None
    states: list[StateMemory] = field(default_factory=list)

    def values(self) -> Tensor:
        """Return the values that the tensor had, where they went, and what training has made of them, where not."""
        if self.magnitude is not None and torch.equal(self.tensor.data, self.magnitude[1].to(self.tensor.data)):
            return self.magnitude[0].to(self.tensor.data).clone()
        values = self.tensor.data
        for number, part in reversed(list(enumerate(self.parts))):
            for share in self.shares:
                values = share.gathered(values) if share.part is part else values
            values = back(values, (part,), _known(self.slices[number : number + 1]))
        return values

    def gradient(self) -> Tensor | None:
        """Return the gradient in the old shape; slices that had none get noughts."""
        if self.tensor.grad is None or not self.parts:
            return self.tensor.grad
        known = _known(self.gradients) if self.gradients else noughts(self.parts)
        return back(self.tensor.grad, self.parts, known)


@dataclass(frozen=True, slots=True)
class Share:
    """Slices that were divided between themselves and their copies: `old`, and `new` what each of them became."""

    part: Insertion
    sources: tuple[int, ...]
    places: tuple[int, ...]
    old: Tensor
    new: Tensor
    copies: Tensor

    def gathered(self, values: Tensor) -> Tensor:
        """Return grown `values` with the copies' shares returned: just the old ones, where nothing was trained."""
        axis = self.part.axis
        now, copies = take_slices(values, axis, self.places), take_slices(values, axis, self.part.indices)
        if torch.equal(now, self.new.to(now)) and torch.equal(copies, self.copies.to(now)):
            return replace_slices(values, axis, self.places, self.old)
        owners = torch.tensor([self.sources.index(one) for one in self.part.sources], device=now.device)
        return replace_slices(values, axis, self.places, now.index_add(axis, owners, copies))


@dataclass(slots=True)
class ModelMemory:
    """What brings one model back: its tensors, the modules that were replaced, and the optimizers' groups."""

    model: nn.Module
    tensors: list[TensorMemory]
    steps: list[Callable[[], None]] = field(default_factory=list)


def remember(edit: Edit, states: list[StateMemory], rescaled: bool) -> TensorMemory:
    """Return what brings the tensor of an edit back."""
    gradients = removed(edit.gradient, edit.parts) if edit.gradient is not None else None
    return TensorMemory(
        name=edit.name,
        tensor=edit.tensor,
        parts=edit.parts,
        shape=edit.after.shape,
        slices=removed(edit.before, edit.parts),
        gradients=gradients,
        shares=tuple(_shares(edit)),
        magnitude=(edit.before, edit.after.clone()) if rescaled else None,
        states=states,
    )


def magnitude_values(memory: TensorMemory, direction: TensorMemory, then: Tensor) -> Tensor:
    """Return the magnitude of a weight-normalised layer whose direction goes back to `then`."""
    assert memory.magnitude is not None, "only magnitudes are asked for"
    values = memory.values()
    if torch.equal(memory.tensor.data, memory.magnitude[1].to(memory.tensor.data)):
        return values
    return rescaled_back(values, direction.tensor.data, then, direction.parts)


def _shares(edit: Edit) -> list[Share]:
    stages = (*edit.stages, edit.after)
    return [
        _share(part, stages[number], stages[number + 1])
        for number, part in enumerate(edit.parts)
        if isinstance(part, Insertion) and part.fill is Fill.SHARED
    ]


def _share(part: Insertion, before: Tensor, grown: Tensor) -> Share:
    sources = tuple(sorted({*part.sources}))
    olds = [place for place in range(part.size_after) if place not in {*part.indices}]
    places = tuple(olds[source] for source in sources)
    axis = part.axis
    old, new = take_slices(before, axis, sources), take_slices(grown, axis, places)
    return Share(part, sources, places, old, new, take_slices(grown, axis, part.indices))


def _known(slices: Sequence[Tensor | None]) -> Callable[[Tensor, int], Tensor]:
    def fill(tensor: Tensor, number: int) -> Tensor:
        values = slices[number]
        assert values is not None, "only cuts are filled on the way back"
        return values

    return fill
