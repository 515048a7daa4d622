"""Setting what the parameter groups of an optimizer hold. Every function raises SurgeryError, with nothing changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from deepeyes_tui.link.messages import JSON
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.retuning.schedulers import find_momentum_cycle, find_schedulers, is_of_torch, scale_rates


def set_rate(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
    """Set the learning rate, for the schedulers too, and return what the user is to know."""
    rate = _number(value, "the learning rate")
    if not 0 < rate < math.inf:
        raise SurgeryError(f"the learning rate is to be above 0, not {rate:g}")
    schedulers = find_schedulers(optimizer)
    known = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
    reference = next((one for one in known if one), 0.0)
    if not reference and schedulers:
        name = type(schedulers[0]).__name__
        raise SurgeryError(f"{name} holds the learning rate at 0 at this step: set it when it has risen")
    scale_rates(optimizer, schedulers, lambda one: rate * (one / reference) if reference else rate)
    notes = [f"{name} goes on from here, its bounds scaled alike" for name in _names(schedulers, True)]
    notes += [f"{name} is not torch's own and may set the learning rate back" for name in _names(schedulers, False)]
    return (*notes, *_ratio_note(known))


def _names(schedulers: Sequence[Any], of_torch: bool) -> list[str]:
    return sorted({type(one).__name__ for one in schedulers if is_of_torch(one) is of_torch})


def set_momentum(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
    """Set the momentum in every group."""
    momentum = _number(value, "the momentum")
    if not 0 <= momentum < 1:
        raise SurgeryError(f"the momentum is to be from 0 to below 1, not {momentum:g}")
    if momentum == 0 and any(group.get("nesterov") for group in optimizer.param_groups):
        raise SurgeryError("Nesterov's momentum cannot be 0")
    before = group_values(optimizer, "momentum")
    for group in optimizer.param_groups:
        if "momentum" in group:
            group["momentum"] = momentum
    if isinstance(optimizer, torch.optim.RMSprop) and momentum:
        _fill_momenta(optimizer)
    return _alike_note(before)


def _fill_momenta(optimizer: Optimizer) -> None:
    """RMSprop makes its buffers at the first step alone, and none where the momentum was 0 then."""
    for parameter, state in optimizer.state.items():
        if state and "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)


def complete_momenta(optimizer: Optimizer) -> None:
    """Give momenta of nought to what trains without any beside others: fused SGD takes all or none."""
    for group in optimizer.param_groups if isinstance(optimizer, torch.optim.SGD) else ():
        training = [one for one in group["params"] if one.requires_grad]
        without = [one for one in training if optimizer.state.get(one, {}).get("momentum_buffer") is None]
        if group.get("fused") and len(without) < len(training):
            for one in without:
                optimizer.state[one]["momentum_buffer"] = torch.zeros_like(one, memory_format=torch.preserve_format)


def set_betas(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
    """Set the betas in every group; a first beta that a scheduler cycles stays as it is."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise SurgeryError("the betas are two numbers, such as 0.9 and 0.999")
    betas = [_number(one, "a beta") for one in value]
    if not all(0 <= beta < 1 for beta in betas):
        raise SurgeryError(f"betas are to be from 0 to below 1, not {betas[0]:g} and {betas[1]:g}")
    cycle = find_momentum_cycle(optimizer)
    before = group_values(optimizer, "betas")
    for group in optimizer.param_groups:
        if "betas" in group:
            _check_cycle(cycle, _plain(group["betas"][0]), betas[0])
    for group in optimizer.param_groups:
        if "betas" in group:
            old = group["betas"]
            group["betas"] = (old[0] if cycle else _like(old[0], betas[0]), _like(old[1], betas[1]), *old[2:])
    return _alike_note(before)


def _check_cycle(cycle: Any, current: float, wanted: float) -> None:
    if cycle and not math.isclose(current, wanted, abs_tol=1e-4):
        name = type(cycle).__name__
        raise SurgeryError(f"the first beta follows {name}, which would set it back: leave it at {current:.4g}")


def _like(old: Any, new: float) -> Any:
    return old.fill_(new) if isinstance(old, Tensor) else new


def set_decay(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
    """Set the weight decay of the groups that have any; of all, where none has."""
    decay = _number(value, "the weight decay")
    if not 0 <= decay < math.inf:
        raise SurgeryError(f"the weight decay is to be 0 or more, not {decay:g}")
    known = [float(group["weight_decay"]) for group in optimizer.param_groups if "weight_decay" in group]
    reference = next((one for one in known if one), 0.0)
    for group in optimizer.param_groups:
        if "weight_decay" in group:
            old = group["weight_decay"]
            group["weight_decay"] = _like(old, decay * (float(old) / reference) if reference else decay)
    if reference and not decay and len(set(known)) > 1:
        return ("the groups are alike from now on, those without weight decay before as well",)
    return _ratio_note(known)


def _ratio_note(known: Sequence[float]) -> tuple[str, ...]:
    """Return what a user is to know where groups differed."""
    return ("the groups keep their ratios",) if len(set(known)) > 1 else ()


def _alike_note(before: tuple[JSON, ...]) -> tuple[str, ...]:
    return ("the groups differed and are alike now",) if len(before) > 1 else ()


def _number(value: JSON, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise SurgeryError(f"{what} is a number, not {value!r}")
    return float(value)


def group_values(optimizer: Optimizer, name: str) -> tuple[JSON, ...]:
    """Return the values by group; one where all agree."""
    values = [_plain(group[name]) for group in optimizer.param_groups if name in group]
    return (values[0],) if all(value == values[0] for value in values) else tuple(values)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Tensor):
        return float(f"{value.item():.7g}")
    return value
