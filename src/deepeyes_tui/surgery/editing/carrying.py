"""A plan carried out in one model, tensor by tensor, each step with its way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.editing.fills import new_slices
from deepeyes_tui.surgery.editing.parts import Part, forth, noughts, parts_of
from deepeyes_tui.surgery.editing.replacing import put_in_place
from deepeyes_tui.surgery.editing.rescaling import derive_weights, magnitudes
from deepeyes_tui.surgery.editing.slices import insert_slices, remove_slices, replace_slices
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Attribute, Insertion, Plan


@dataclass(frozen=True, slots=True)
class Edit:
    """What became of one tensor: `parts` in their order, its values before, before each part, and after."""

    name: str
    tensor: Tensor
    parts: tuple[Part, ...]
    before: Tensor
    stages: tuple[Tensor, ...]
    after: Tensor
    gradient: Tensor | None


def carry_out(plan: Plan, model: nn.Module, back: ExitStack) -> tuple[list[Edit], list[Callable[[], None]]]:
    """Change tensors, attributes and modules of `model` (unwrapped) in place; `back` puts all back by reference.

    Returns what became of the tensors, and what puts replaced modules back.

    Raises SurgeryError, before anything is changed, where the model is not what the plan was made for.
    """
    tensors = check_fits(plan, model)
    edits = _edits(plan, tensors)
    for edit in edits:
        back.callback(put, edit.tensor, edit.before, edit.gradient)
        put(edit.tensor, edit.after, _changed_gradient(edit))
    for attribute in plan.attributes:
        module = model.get_submodule(attribute.module)
        back.callback(setattr, module, attribute.name, getattr(module, attribute.name))
        setattr(module, attribute.name, attribute.after)
    returns = [put_in_place(model, plan.replacement)] if plan.replacement is not None else []
    for one in returns:
        back.callback(one)
    derive_weights(model, plan, back)
    return edits, returns


def put(tensor: Tensor, values: Tensor, gradient: Tensor | None) -> None:
    """Let a tensor be of other values and gradient, of whatever shape. The object, its hooks and its flags stay."""
    tensor.grad = None
    tensor.data = values
    tensor.grad = gradient


def settle(tensors: Iterable[Tensor]) -> None:
    """Let autograd forget the old shapes: a loss that is still alive would hand them to the next backward pass.

    Another dtype in between makes torch drop the node that accumulates the gradient.
    """
    for tensor in tensors:
        if tensor.requires_grad:
            values, gradient = tensor.data, tensor.grad
            other = torch.float32 if tensor.dtype is torch.float64 else torch.float64
            try:
                put(tensor, torch.empty(0, dtype=other, device=tensor.device), None)
            finally:
                put(tensor, values, gradient)


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by all their names, tied ones by each."""
    tensors: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False))
    tensors.update(model.named_buffers(remove_duplicate=False))
    return tensors


def check_fits(plan: Plan, model: nn.Module) -> dict[str, Tensor]:
    """Return all tensors by name. Raises SurgeryError where a tensor or an attribute is not as the plan says."""
    tensors = tensors_of(model)
    if plan.cuts and plan.insertions:
        raise SurgeryError("a plan either cuts or inserts")
    for part in parts_of(plan):
        tensor = tensors.get(part.tensor)
        if tensor is None or part.axis >= tensor.dim() or tensor.shape[part.axis] != part.size:
            raise SurgeryError(f"the model has changed since this plan was made: {_found(part, tensor)}")
        if not part.indices or list(part.indices) != sorted({*part.indices}) or not _inside(part):
            raise SurgeryError(f"the plan names slices of {part.tensor} that there are not")
    for name in (name for one in plan.rescales for name in (one.magnitude, one.direction)):
        if name not in tensors:
            raise SurgeryError(f"the model has changed since this plan was made: there is no {name}")
    check_attributes(plan.attributes, model)
    return tensors


def check_attributes(attributes: Iterable[Attribute], model: nn.Module, *, undone: bool = False) -> None:
    """Raise SurgeryError where an attribute does not say what it said before the plan; `undone`: after it."""
    for one in attributes:
        said = one.after if undone else one.before
        try:
            found = getattr(model.get_submodule(one.module), one.name)
        except AttributeError as error:
            message = f"the model has changed since this plan was made: there is no {one.module}.{one.name}"
            raise SurgeryError(message) from error
        if not _alike(found, said):
            path = f"{one.module}.{one.name}".lstrip(".")
            raise SurgeryError(f"the model has changed since this plan was made: {path} is {found}, not {said}")


def _alike(found: Any, said: Any) -> bool:
    return bool(tuple(found) == tuple(said) if isinstance(found, tuple | list) else found == said)


def _inside(part: Part) -> bool:
    size = part.size_after if isinstance(part, Insertion) else part.size
    return part.indices[0] >= 0 and part.indices[-1] < size and part.size_after > 0


def _found(part: Part, tensor: Tensor | None) -> str:
    if tensor is None:
        return f"there is no {part.tensor}"
    return f"{part.tensor} is {'x'.join(map(str, tensor.shape))}, not {part.size} along axis {part.axis}"


def _edits(plan: Plan, tensors: dict[str, Tensor]) -> list[Edit]:
    """Return what becomes of every tensor, tied ones once, without changing any."""
    parts: dict[int, dict[int, Part]] = {}
    names: dict[int, str] = {}
    for part in parts_of(plan):
        tensor = tensors[part.tensor]
        names.setdefault(id(tensor), part.tensor)
        known = parts.setdefault(id(tensor), {}).setdefault(part.axis, part)
        if (known.indices, type(known)) != (part.indices, type(part)):
            raise SurgeryError(f"the plan contradicts itself about {part.tensor}")
    generator = torch.Generator().manual_seed(plan.seed)
    edits = {}
    for key, name in names.items():
        edits[name] = _edit(name, tensors[name], tuple(parts[key].values()), generator)
    for name, values in magnitudes(plan, tensors, {id(e.tensor): (e.parts, e.after) for e in edits.values()}).items():
        plain = edits.get(name) or _edit(name, tensors[name], (), generator)
        edits[name] = replace(plain, after=values)
    return list(edits.values())


def _edit(name: str, tensor: Tensor, parts: tuple[Part, ...], generator: torch.Generator) -> Edit:
    after = tensor.data
    stages = []
    for part in parts:
        stages.append(after)
        if isinstance(part, Insertion):
            values, changed = new_slices(after, part, generator)
            if changed is not None:
                after = replace_slices(after, part.axis, sorted({*part.sources}), changed)
            after = insert_slices(after, part.axis, part.indices, values)
        else:
            after = remove_slices(after, part.axis, part.indices)
    return Edit(name, tensor, parts, tensor.data, tuple(stages), after, tensor.grad)


def _changed_gradient(edit: Edit) -> Tensor | None:
    if edit.gradient is None or not edit.parts:
        return edit.gradient
    return forth(edit.gradient, edit.parts, noughts(edit.parts))
