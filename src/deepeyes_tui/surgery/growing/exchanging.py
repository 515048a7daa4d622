"""What plans have in common that put modules in the place of others."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.rehearsal import carried_out, readable_errors, rehearse
from deepeyes_tui.surgery.running.hushed import hushed, same_chances
from deepeyes_tui.surgery.sample import Sample

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def module_at(model: nn.Module, path: str) -> nn.Module:
    """Return the module at a path below the model. Raises SurgeryError where there is none."""
    try:
        module = model.get_submodule(path)
    except AttributeError as error:
        raise SurgeryError(f"the network has no layer {path!r}") from error
    if module is model:
        raise SurgeryError("a layer is named by its path, and that is the network itself")
    return module


def check_not_inside(model: nn.Module, path: str, what: str) -> None:
    """Raise SurgeryError where the module at `path` is a part of one of torch's own, which may read its weights."""
    parent = model.get_submodule(path.rpartition(".")[0])
    if type(parent).__module__.startswith("torch.nn.") and not isinstance(parent, _CONTAINERS):
        raise SurgeryError(f"{what}: torch's own {type(parent).__name__} reads the weights of {path} itself")


def priced(plan: Plan, model: nn.Module, sample: Sample, what: str) -> Plan:
    """Return the plan with its costs and how much it changes the output. `what` is not done, where it cannot be.

    Raises SurgeryError where the changed model does not run, evaluating or, if it does as it is, training.
    """
    try:
        rehearsal = rehearse(plan, model, sample)
        with hushed(model):
            trains = _trains(model, sample)
            with carried_out(plan, model):
                why = _trains(model, sample)
    except SurgeryError as error:
        raise SurgeryError(f"{what}: {error}") from error
    if why and not trains:
        raise SurgeryError(f"{what}: the changed model does not run in training: {why}")
    return replace(plan, before=rehearsal.before, after=rehearsal.after, change=rehearsal.output_change)


def _trains(model: nn.Module, sample: Sample) -> str:
    """Return why the model does not run in training mode; nothing where it does. Within `hushed`."""
    before = [(module, module.training) for module in model.modules()]
    try:
        with readable_errors("it does not run"), torch.no_grad():
            for module, _ in before:
                module.training = True
            same_chances()
            model(*sample.args, **sample.kwargs)
    except SurgeryError as error:
        return str(error)
    finally:
        for module, training in before:
            module.training = training
    return ""
