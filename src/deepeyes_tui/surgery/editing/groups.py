"""The optimizers' groups follow a model whose layers come and go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from deepeyes_tui.surgery.errors import SurgeryError


def follow_model(
    model: nn.Module, layer: str, before: Sequence[Tensor], optimizers: Sequence[Optimizer], back: ExitStack
) -> list[Callable[[], None]]:
    """Put parameters that are new in `model` into the group of `layer`, and take those out that it has lost.

    `before` are its parameters as they were. Nothing is done for a model that none of the optimizers trains. Returns
    what undoes it, in the order in which it has to be called; `back` undoes it on leaving.
    """
    groups = _groups_of(model, layer, before, optimizers)
    if not groups:
        return []
    new, old = {id(p) for p in model.parameters()}, {id(p) for p in before}
    added = [(_group_for(p, groups), p) for p in model.parameters() if id(p) not in old]
    steps = [_take_out(one, p) for one in optimizers for p in before if id(p) not in new]
    steps += [_add(*owner, p) for owner, p in added]
    for step in steps:
        back.callback(step)
    return steps[::-1]


_Owner = tuple[Optimizer, dict[str, Any]]


def _groups_of(
    model: nn.Module, layer: str, before: Sequence[Tensor], optimizers: Sequence[Optimizer]
) -> list[tuple[Tensor, _Owner]]:
    """Return parameters with the group that each is in: those of the layer, then those of the model."""
    module = dict(model.named_modules()).get(layer)
    wanted = [*(module.parameters() if module else ()), *before]
    groups = [(one, group, {id(p) for p in group["params"]}) for one in optimizers for group in one.param_groups]
    return [(p, (one, group)) for p in wanted for one, group, ids in groups if id(p) in ids]


def _group_for(parameter: Tensor, groups: list[tuple[Tensor, _Owner]]) -> _Owner:
    """Return the group of the layer's first parameter; where that is Muon's, who takes matrices, of one alike.

    Raises SurgeryError where there is none.
    """
    alike = [owner for other, owner in groups if other.dim() == parameter.dim()]
    fitting = [owner for _, owner in groups[:1] if parameter.dim() == 2 or type(owner[0]).__name__ != "Muon"]
    if not fitting and not alike:
        raise SurgeryError("Muon trains matrices alone, and no other optimizer takes the new layer's biases")
    return (fitting or alike)[0]


def _add(optimizer: Optimizer, group: dict[str, Any], parameter: Tensor) -> Callable[[], None]:
    """Append a parameter to a group: with a group of its own, five of torch's schedulers would break."""
    group["params"].append(parameter)

    def remove() -> None:
        group["params"][:] = [one for one in group["params"] if one is not parameter]
        optimizer.state.pop(parameter, None)

    return remove


def _take_out(optimizer: Optimizer, parameter: Tensor) -> Callable[[], None]:
    """Take a parameter and its state out of all groups of an optimizer."""
    state = optimizer.state.pop(parameter, None)
    places = [
        (group["params"], number)
        for group in optimizer.param_groups
        for number, one in enumerate(group["params"])
        if one is parameter
    ]
    for parameters, number in places:
        del parameters[number]

    def put_back() -> None:
        for parameters, number in places:
            parameters.insert(number, parameter)
        if state is not None:
            optimizer.state[parameter] = state

    return put_back
