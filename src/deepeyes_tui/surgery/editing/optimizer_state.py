"""What an optimizer keeps for a parameter follows the parameter: the same slices go, new ones start sensibly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from deepeyes_tui.surgery.editing.parts import Fill, Part, back, forth, noughts, removed
from deepeyes_tui.surgery.editing.slices import replace_slices, take_slices
from deepeyes_tui.surgery.errors import SurgeryError

_KNOWN = {
    getattr(torch.optim, name)
    for name in (
        *("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "RAdam"),
        *("RMSprop", "Rprop", "SGD", "SparseAdam"),
    )
    if hasattr(torch.optim, name)
}
_trusted: set[type[Optimizer]] = set()
_AVERAGES = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta", "sum", "exp_inf", "variance", "step_size"}
"""Second moments and step sizes, which divide or drive the step: new slices start with the tensor's mean, not 0."""
_WEIGHTS = {"ax"}
"""Averages of the weights: new slices start with the new weights."""
_FACTORED = "row_var"


@dataclass(slots=True)
class StateMemory:
    """What brings back what one optimizer keeps for one parameter. `whole`: all of it, where it had to be reset."""

    optimizer: Optimizer
    tensor: Tensor
    slices: dict[str, list[Tensor | None]] = field(default_factory=dict)
    whole: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """What the optimizer keeps by now; nothing is made where it keeps nothing."""
        kept: dict[str, Any] = self.optimizer.state.get(self.tensor, {})
        return kept


def trust_optimizer(cls: type[Optimizer]) -> None:
    """Let surgery change the state of optimizers of a class that is not torch's own.

    Of each parameter's state, tensors of the parameter's shape are cut with it, scalars stay; anything else is still
    refused. Trust only optimizers that hold the model's own parameters, and nothing about them outside of `state`.
    """
    if not (isinstance(cls, type) and issubclass(cls, Optimizer)):
        raise SurgeryError("what is to be trusted has to be a subclass of torch.optim.Optimizer")
    _trusted.add(cls)


def check_optimizer(optimizer: Optimizer) -> None:
    """Raise SurgeryError where it is not known what the optimizer keeps."""
    cls = type(optimizer)
    if cls is torch.optim.LBFGS:
        raise SurgeryError("LBFGS keeps a history of all parameters in one long vector, which cannot be cut")
    if cls not in _KNOWN and cls not in _trusted:
        raise SurgeryError(
            f"{cls.__name__} is no optimizer of torch's own: if its state holds but scalars and tensors of the "
            f"parameters' shapes, allow it with deepeyes_tui.surgery.trust_optimizer({cls.__name__})"
        )


def check_state(name: str, shape: torch.Size, state: dict[str, Any]) -> None:
    """Raise SurgeryError for a state that holds what can neither be cut nor kept."""
    for key, value in state.items():
        if not (_is_factored(state) or _follows(value, shape) or _is_scalar(value)):
            raise SurgeryError(f"the optimizer keeps a {key} for {name} that surgery does not know how to cut")


def change_state(memory: StateMemory, before: Tensor, after: Tensor, parts: Sequence[Part]) -> None:
    """Cut and fill the state of a parameter in place as its values went from `before` to `after`."""
    state = memory.state
    if _is_factored(state):
        memory.whole = dict(state)
        state.clear()
        return
    for key, value in _following(state, before.shape):
        memory.slices[key] = removed(value, parts)
        state[key] = _with_weights(key, forth(value, parts, _fresh(key, parts)), after, parts)


def restore_state(memory: StateMemory, now: Tensor, then: Tensor, parts: Sequence[Part]) -> None:
    """Bring the state of a parameter back in place as its values go back from `now` to `then`.

    What was cut comes back as it was, what came goes, and the rest is what training has made of it.
    """
    state = memory.state
    if memory.whole is not None or _is_factored(state):
        refill(state, {} if state else dict(memory.whole or {}))
        return
    for key, value in _following(state, now.shape):
        kept = memory.slices.get(key)
        returned = back(value, parts, _kept(kept) if kept else _fresh(key, parts))
        state[key] = returned if kept else _with_weights(key, returned, then, parts)


def refill(state: dict[str, Any], entries: dict[str, Any]) -> None:
    """Let a state hold `entries` and nothing else."""
    state.clear()
    state.update(entries)


def _following(state: dict[str, Any], shape: torch.Size) -> list[tuple[str, Tensor]]:
    return [(key, value) for key, value in state.items() if _follows(value, shape)]


def _follows(value: Any, shape: torch.Size) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0 and value.shape == shape


def _is_scalar(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1
    return value is None or isinstance(value, int | float | complex | str)


def _is_factored(state: dict[str, Any]) -> bool:
    return _FACTORED in state


def _kept(slices: list[Tensor | None]) -> Fill:
    def fill(tensor: Tensor, number: int) -> Tensor:
        values = slices[number]
        assert values is not None, "only cuts are filled on the way back"
        return values

    return fill


def _fresh(key: str, parts: Sequence[Part]) -> Fill:
    """Return the fill of slices that have no history."""
    empty = noughts(parts)

    def fill(tensor: Tensor, number: int) -> Tensor:
        values = empty(tensor, number)
        return values.fill_(tensor.mean()) if key in _AVERAGES and tensor.numel() else values

    return fill


def _with_weights(key: str, value: Tensor, weights: Tensor, parts: Sequence[Part]) -> Tensor:
    """Return the state with the parameter's own values where slices of weights are new."""
    if key not in _WEIGHTS:
        return value
    for part in parts:
        if value.shape[part.axis] > min(part.size, part.size_after):
            value = replace_slices(value, part.axis, part.indices, take_slices(weights, part.axis, part.indices))
    return value
