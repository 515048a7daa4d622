"""Filters that are put back after each step of the optimizer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import ref

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Cut, Insertion, Plan
from deepeyes_tui.surgery.retuning.frozen_slices import Held, own_parameters

Places = dict[nn.Module, dict[int, int]]
"""Where the filters of a layer that stay are after surgery."""


class FilterFreezes:
    """The frozen filters of a model. Neither copies of the model nor of the optimizer carry anything of this.

    After surgery `after` is to be called, before the next step of the optimizer.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = ref(model)
        self._held: list[Held] = []
        self._optimizer: Optimizer | None = None
        self._handle: RemovableHandle | None = None

    def held(self) -> dict[nn.Module, tuple[int, ...]]:
        """Return the frozen filters of each layer, rising."""
        return {one.module: one.filters for one in self._held}

    def hold(self, module: nn.Module, layer: str, filters: Sequence[int], optimizer: Optimizer) -> tuple[int, ...]:
        """Freeze filters and return those that were not frozen before. Raises SurgeryError, with nothing changed."""
        _check_filters(module, layer, filters)
        fresh = tuple(sorted(set(filters).difference(self.held().get(module, ()))))
        if not fresh:
            raise SurgeryError(f"{layer} {format_filters(filters)}: frozen already")
        self._attach(optimizer)
        held = self._entry(module)
        held.filters = tuple(sorted({*held.filters, *fresh}))
        held.take()
        return fresh

    def release(self, module: nn.Module, layer: str, filters: Sequence[int]) -> tuple[int, ...]:
        """Let filters train again. Raises SurgeryError for those that are not frozen."""
        _check_filters(module, layer, filters)
        strange = sorted(set(filters).difference(self.held().get(module, ())))
        if strange:
            raise SurgeryError(f"{layer} {format_filters(strange)}: not frozen")
        held = self._entry(module)
        held.filters = tuple(sorted(set(held.filters) - set(filters)))
        held.take()
        self._tidy()
        return tuple(sorted(set(filters)))

    def release_all(self, module: nn.Module) -> bool:
        """Let every filter of the layers in a module train again, and return whether any was frozen."""
        inside = set(module.modules())
        mine = [one for one in self._held if one.module in inside]
        for one in mine:
            one.filters = ()
            one.let_go()
        self._tidy()
        return bool(mine)

    def after(self, plan: Plan) -> Callable[[], None]:
        """Follow surgery that was carried out; the result follows its undo, once that is done.

        Filters that were cut are frozen no more, until an undo brings them back; new ones are not frozen.
        """
        model = self._model()
        places = {} if model is None else _places(plan, model)
        lost = {}
        for held in self._held:
            to = places.get(held.module, {one: one for one in held.filters})
            lost[held.module] = [one for one in held.filters if one not in to]
            held.filters = tuple(to[one] for one in held.filters if one in to)
            held.take()
        optimizer = self._optimizer
        self._tidy()
        return lambda: self._back(places, lost, optimizer)

    def _back(self, places: Places, lost: Mapping[nn.Module, list[int]], optimizer: Optimizer | None) -> None:
        for module in {**self.held(), **lost}:
            held = self._entry(module)
            back = {new: old for old, new in places.get(module, {}).items()}
            held.filters = tuple(sorted({back.get(one, one) for one in held.filters}.union(lost.get(module, ()))))
            held.take()
        if optimizer is not None:
            self._attach(optimizer)
        self._tidy()

    def _entry(self, module: nn.Module) -> Held:
        """Return what is held of a layer, made if need be."""
        held = next((one for one in self._held if one.module is module), None)
        if held is None:
            held = Held(module)
            self._held.append(held)
        return held

    def _attach(self, optimizer: Optimizer) -> None:
        if optimizer is self._optimizer and self._handle is not None:
            return
        if not hasattr(optimizer, "register_step_post_hook"):
            raise SurgeryError(
                f"{type(optimizer).__name__} does not say when it has stepped: only layers can be frozen"
            )
        if self._handle is not None:
            self._handle.remove()
        self._optimizer, self._handle = optimizer, optimizer.register_step_post_hook(self._put_back)

    def _put_back(self, *_: Any) -> None:
        """Restore all; a layer that was changed by others is let go, and said so, rather than fail the training."""
        for held in list(self._held):
            if all(one.fits() for one in held.slices):
                for one in held.slices:
                    one.put_back()
            else:
                held.filters = ()
                held.let_go()
                warnings.warn("frozen filters train again: their layer has another shape, type or device", stacklevel=2)
        self._tidy()

    def _tidy(self) -> None:
        self._held = [one for one in self._held if one.filters]
        if not self._held and self._handle is not None:
            self._handle.remove()
            self._handle = None


def _check_filters(module: nn.Module, layer: str, filters: Sequence[int]) -> None:
    if not isinstance(module, _ConvNd | nn.Linear):
        raise SurgeryError(f"{layer} is no convolution or linear layer: freeze it as a whole")
    if "weight" not in dict(module.named_parameters(recurse=False)):
        raise SurgeryError(f"the weights of {layer} are computed from others: freeze it as a whole")
    if isinstance(module, _ConvTransposeNd) and module.groups > 1:
        raise SurgeryError(f"{layer} is transposed and in groups: freeze it as a whole")
    count = module.out_channels if isinstance(module, _ConvNd) else module.out_features
    strange = [one for one in filters if type(one) is not int or not 0 <= one < count]
    if strange or not filters:
        raise SurgeryError(f"{layer} has filters 0 to {count - 1}, not {', '.join(map(str, strange)) or 'none'}")


def _places(plan: Plan, model: nn.Module) -> Places:
    """Return the layers whose filters were cut or inserted, with the new number of each old filter that stays."""
    named = dict(model.named_parameters())
    changes: list[Cut | Insertion] = [*plan.cuts, *plan.insertions]
    edits = {(id(named[one.tensor]), one.axis): one for one in changes if one.tensor in named}
    places = {}
    for module in model.modules():
        mine = [edits[id(one), axis] for one, axis in own_parameters(module) if (id(one), axis) in edits]
        if mine:
            places[module] = _renumbered(mine[0])
    return places


def _renumbered(edit: Cut | Insertion) -> dict[int, int]:
    apart = set(edit.indices)
    if isinstance(edit, Insertion):
        return dict(enumerate(one for one in range(edit.size_after) if one not in apart))
    return {old: new for new, old in enumerate(one for one in range(edit.size) if one not in apart)}
