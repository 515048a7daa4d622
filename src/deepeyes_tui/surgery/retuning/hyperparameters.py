"""Hyper-parameters of a training that goes on: what they are, and setting them so that they stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from deepeyes_tui.link.messages import HYPERPARAMETERS, JSON
from deepeyes_tui.link.preview import Setting
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.retuning.batch_size import (
    batch_size_refusal,
    read_batch_size,
    set_batch_size,
    training_loader,
)
from deepeyes_tui.surgery.retuning.parameter_groups import group_values, set_betas, set_decay, set_momentum, set_rate
from deepeyes_tui.surgery.retuning.schedulers import find_momentum_cycle

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


def read_settings(optimizer: Optimizer | None, loaders: Loaders = ()) -> tuple[Setting, ...]:
    """Return all of `HYPERPARAMETERS`, each with its values or with why it cannot be set."""
    return tuple(_read(optimizer, loaders, name) for name in HYPERPARAMETERS)


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


def _read(optimizer: Optimizer | None, loaders: Loaders, name: str) -> Setting:
    if name == "batch_size":
        return Setting(name, read_batch_size(loaders), batch_size_refusal(loaders))
    try:
        usable = _usable(optimizer, name)
    except SurgeryError as refusal:
        return Setting(name, (), str(refusal))
    return Setting(name, group_values(usable, name), _refusal(usable, name))


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
    before = group_values(optimizer, name)
    setters: dict[str, Callable[[Optimizer, JSON], tuple[str, ...]]] = {
        "lr": set_rate,
        "momentum": set_momentum,
        "betas": set_betas,
        "weight_decay": set_decay,
    }
    notes = setters[name](optimizer, value)
    return Change(name, before, group_values(optimizer, name), notes)
