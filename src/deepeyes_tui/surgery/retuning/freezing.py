"""Layers and filters that stay as they are while the rest of the network trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.nn import Parameter
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.retuning.frozen_filters import FilterFreezes
from deepeyes_tui.surgery.retuning.parameter_groups import complete_momenta
from deepeyes_tui.surgery.retuning.still import StaysInEval


@dataclass(frozen=True, slots=True)
class Frozen:
    """What was frozen or released: a layer (`filters` empty) or some of its filters; `parameters` by their paths."""

    layer: str
    filters: tuple[int, ...]
    parameters: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.layer} {format_filters(self.filters)}".rstrip()


class _Ours:
    """What was frozen here in one model, as opposed to what its script froze."""

    def __init__(self, model: nn.Module) -> None:
        self.parameters: list[Parameter] = []
        self.still: list[StaysInEval] = []
        self.filters = FilterFreezes(model)
        self.optimizer: Optimizer | None = None


_OURS: WeakKeyDictionary[nn.Module, _Ours] = WeakKeyDictionary()


def filter_freezes(model: nn.Module) -> FilterFreezes:
    """Return the keeper of a model's frozen filters, whose `after` is to be called after surgery."""
    return _ours(model).filters


def freeze(
    model: nn.Module,
    layer: str,
    filters: Sequence[int] | None = None,
    *,
    optimizer: Optimizer | None = None,
    statistics: bool = False,
) -> Frozen:
    """Freeze a layer, or filters of it: their weights stay bit-identical under any optimizer, momentum, weight decay.

    `layer` is a module's path; a block freezes as a whole. Filters need the optimizer: they are put back after each of
    its steps. Layers are better off with it: what it cannot do is refused, and its momenta are whole at `unfreeze`.
    `statistics`: the BatchNorms of the layer, and one that comes right after it, use their running statistics from now
    on and leave them as they are. Raises SurgeryError, with nothing changed.
    """
    module = find_module(model, layer)
    if filters is not None:
        return _freeze_filters(model, layer, module, filters, optimizer)
    free = [one for one in module.parameters() if one.requires_grad]
    _check_layer(model, layer, module, free, optimizer)
    ours = _ours(model)
    for parameter in free:
        parameter.requires_grad_(False)
        parameter.grad = None
    ours.parameters.extend(free)
    ours.optimizer = optimizer or ours.optimizer
    if statistics:
        ours.still.extend(StaysInEval(norm) for norm in _norms(model, module))
    return Frozen(layer, (), _paths(model, free), tuple(_shared_notes(model, module, free)))


def unfreeze(model: nn.Module, layer: str, filters: Sequence[int] | None = None) -> Frozen:
    """Let a layer, or filters of it, train again: what `freeze` froze, not what the script did. Raises SurgeryError."""
    module, ours = find_module(model, layer), _ours(model)
    if filters is not None:
        released = ours.filters.release(module, layer, filters)
        return Frozen(layer, released, _paths(model, module.parameters(recurse=False)))
    mine = {id(one) for one in module.parameters()}
    back = [one for one in ours.parameters if id(one) in mine]
    held = ours.filters.release_all(module)
    if not back and not held:
        by_script = any(not one.requires_grad for one in module.parameters())
        raise SurgeryError(f"{layer} was frozen by the script, not here" if by_script else f"{layer} is not frozen")
    for parameter in back:
        parameter.requires_grad_(True)
    if ours.optimizer is not None:
        complete_momenta(ours.optimizer)
    ours.parameters = [one for one in ours.parameters if id(one) not in mine]
    _release_norms(ours, set(_norms(model, module)))
    return Frozen(layer, (), _paths(model, back or list(module.parameters(recurse=False))))


def frozen_layers(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the layers with frozen filters, and with an empty tuple those all of whose own parameters are frozen,
    by whomever.
    """
    held = _OURS[model].filters.held() if model in _OURS else {}
    frozen: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        own = [] if "parametrizations" in name.split(".") else _own_parameters(module)
        if own and not any(parameter.requires_grad for parameter in own):
            frozen[name or type(module).__name__] = ()
        elif module in held:
            frozen[name or type(module).__name__] = held[module]
    return frozen


def find_module(model: nn.Module, layer: str) -> nn.Module:
    """Return the module at a path; a model that is one layer goes by its class's name. Raises SurgeryError."""
    modules: dict[str, nn.Module] = dict(model.named_modules(remove_duplicate=False))
    if layer and layer in modules:
        return modules[layer]
    if layer == type(model).__name__:
        return model
    raise SurgeryError(f"there is no layer {layer!r}")


def _own_parameters(module: nn.Module) -> list[Parameter]:
    """Return a layer's own parameters, with those that it computes its weights from."""
    sources = getattr(module, "parametrizations", None)
    more = sources.parameters() if isinstance(sources, nn.Module) else ()
    return [*module.parameters(recurse=False), *more]


def _ours(model: nn.Module) -> _Ours:
    return _OURS.setdefault(model, _Ours(model))


def _freeze_filters(
    model: nn.Module, layer: str, module: nn.Module, filters: Sequence[int], optimizer: Optimizer | None
) -> Frozen:
    if optimizer is None:
        raise SurgeryError(
            "filters freeze with the optimizer, which is not known: pass it as watch(..., optimizer=...)"
        )
    if not any(parameter.requires_grad for parameter in module.parameters(recurse=False)):
        raise SurgeryError(f"{layer} has no weights that train")
    kept = _ours(model).filters.hold(module, layer, filters, optimizer)
    return Frozen(layer, kept, _paths(model, module.parameters(recurse=False)))


def _check_layer(
    model: nn.Module, layer: str, module: nn.Module, free: Sequence[Parameter], optimizer: Optimizer | None
) -> None:
    if not any(True for _ in module.parameters()):
        raise SurgeryError(f"{layer} has no weights")
    if not free:
        raise SurgeryError(f"{layer} is frozen already")
    mine = {id(one) for one in free}
    if not any(one.requires_grad and id(one) not in mine for one in model.parameters()):
        raise SurgeryError(f"nothing would be left to train without {layer}")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise SurgeryError("LBFGS moves all weights together: none of them can be frozen")


def _paths(model: nn.Module, parameters: Iterator[Parameter] | Sequence[Parameter]) -> tuple[str, ...]:
    wanted = {id(one) for one in parameters}
    return tuple(name for name, one in model.named_parameters() if id(one) in wanted)


def _shared_notes(model: nn.Module, module: nn.Module, free: Sequence[Parameter]) -> Iterator[str]:
    inside, mine = set(module.modules()), {id(one) for one in free}
    for name, other in model.named_modules():
        if other not in inside and any(id(one) in mine for one in other.parameters(recurse=False)):
            yield f"{name} shares its weights and is frozen with it"


def _norms(model: nn.Module, module: nn.Module) -> list[nn.Module]:
    """Return the BatchNorms in a module, and the one registered right after it where the channels are as many."""
    inside = list(module.modules())
    every = list(model.modules())
    follows = every[every.index(inside[-1]) + 1 :][:1]
    channels = getattr(inside[-1], "out_channels", getattr(inside[-1], "out_features", None))
    near: list[nn.Module] = [one for one in follows if isinstance(one, _BatchNorm) and one.num_features == channels]
    return [*(one for one in inside if isinstance(one, _BatchNorm)), *near]


def _release_norms(ours: _Ours, norms: set[nn.Module]) -> None:
    for still in [one for one in ours.still if one.norm in norms]:
        still.release()
        ours.still.remove(still)
