"""Hyper-parameters of a training that goes on: what they are, and setting them so that they stay."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from deepeyes_tui.link.messages import HYPERPARAMETERS, JSON
from deepeyes_tui.link.preview import Setting
from deepeyes_tui.surgery.batch_size import batch_size_refusal, read_batch_size, set_batch_size, training_loader
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.schedulers import find_momentum_cycle, find_schedulers, is_of_torch, scale_rates

Loaders = Sequence[DataLoader[Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """A hyper-parameter that was set: its values by parameter group, one where all agree."""

    name: str
    before: tuple[JSON, ...]
    after: tuple[JSON, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {format_values(self.before)} -> {format_values(self.after)}"


def read_settings(
    optimizer: Optimizer | None, loaders: Loaders = (), model: nn.Module | None = None
) -> tuple[Setting, ...]:
    """Return all of `HYPERPARAMETERS`, each with its values or with why it cannot be set."""
    return tuple(_read(optimizer, loaders, model, name) for name in HYPERPARAMETERS)


def set_hyperparameter(
    optimizer: Optimizer | None, name: str, value: JSON, loaders: Loaders = (), model: nn.Module | None = None
) -> Change:
    """Set one of `HYPERPARAMETERS` in every parameter group. Raises SurgeryError, with nothing changed.

    Learning rates and weight decays that differ between groups keep their ratios: `value` is for the first that is not
    nought. Schedulers go on from the new learning rate. For the batch size, `loaders` are those that may be the
    training's, and the BatchNorms of `model` are asked whether it is large enough.
    """
    if name not in HYPERPARAMETERS:
        raise SurgeryError(f"there is no hyper-parameter {name!r}: choose one of {', '.join(HYPERPARAMETERS)}")
    if name == "batch_size":
        loader = training_loader(loaders)
        before = read_batch_size(loaders)
        notes = set_batch_size(loader, value, model)
        return Change(name, before, read_batch_size(loaders), notes)
    return _set(_usable(optimizer, name), name, value)


def format_values(values: Sequence[JSON]) -> str:
    """Return the values of a setting as a user reads them: `0.1`, `0.9 0.999`, by group `0.1 | 0.01`."""
    return " | ".join(_format(value) for value in values)


def _format(value: JSON) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_format, value))
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _read(optimizer: Optimizer | None, loaders: Loaders, model: nn.Module | None, name: str) -> Setting:
    if name == "batch_size":
        return Setting(name, read_batch_size(loaders), batch_size_refusal(loaders))
    try:
        return Setting(name, _values(_usable(optimizer, name), name), _refusal(_usable(optimizer, name), name))
    except SurgeryError as refusal:
        return Setting(name, (), str(refusal))


def _usable(optimizer: Optimizer | None, name: str) -> Optimizer:
    """Return the optimizer, if it has this hyper-parameter."""
    if optimizer is None:
        raise SurgeryError("no optimizer is known: pass it as watch(model, optimizer=optimizer)")
    if not any(name in group for group in optimizer.param_groups):
        raise SurgeryError(f"{type(optimizer).__name__} has no {name.replace('_', ' ')}")
    return optimizer


def _refusal(optimizer: Optimizer, name: str) -> str:
    """Return why no other value would have an effect that lasts; nothing where one would."""
    if name == "lr" and isinstance(optimizer, torch.optim.Rprop):
        return "Rprop takes its learning rate for the first step alone, then each weight has a step size of its own"
    cycle = find_momentum_cycle(optimizer) if name == "momentum" else None
    return f"the momentum follows {type(cycle).__name__}, which would set it back" if cycle else ""


def _set(optimizer: Optimizer, name: str, value: JSON) -> Change:
    refusal = _refusal(optimizer, name)
    if refusal:
        raise SurgeryError(refusal)
    before = _values(optimizer, name)
    setters: dict[str, Callable[[Optimizer, JSON], tuple[str, ...]]] = {
        "lr": _set_rate,
        "momentum": _set_momentum,
        "betas": _set_betas,
        "weight_decay": _set_decay,
    }
    notes = setters[name](optimizer, value)
    return Change(name, before, _values(optimizer, name), notes)


def _set_rate(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
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


def _set_momentum(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
    momentum = _number(value, "the momentum")
    if not 0 <= momentum < 1:
        raise SurgeryError(f"the momentum is to be from 0 to below 1, not {momentum:g}")
    if momentum == 0 and any(group.get("nesterov") for group in optimizer.param_groups):
        raise SurgeryError("Nesterov's momentum cannot be 0")
    before = _values(optimizer, "momentum")
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


def _set_betas(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise SurgeryError("the betas are two numbers, such as 0.9 and 0.999")
    betas = [_number(one, "a beta") for one in value]
    if not all(0 <= beta < 1 for beta in betas):
        raise SurgeryError(f"betas are to be from 0 to below 1, not {betas[0]:g} and {betas[1]:g}")
    cycle = find_momentum_cycle(optimizer)
    before = _values(optimizer, "betas")
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


def _set_decay(optimizer: Optimizer, value: JSON) -> tuple[str, ...]:
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


def _values(optimizer: Optimizer, name: str) -> tuple[JSON, ...]:
    """Return the values by group; one where all agree."""
    values = [_plain(group[name]) for group in optimizer.param_groups if name in group]
    return (values[0],) if all(value == values[0] for value in values) else tuple(values)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Tensor):
        return float(f"{value.item():.7g}")
    return value
