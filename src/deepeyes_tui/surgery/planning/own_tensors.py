"""Parameters and float buffers that the network's own code uses, beside those of known layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.planning.atoms import Atom, Names

_Places = dict[str, Tensor | None]


@dataclass(frozen=True, slots=True)
class _Held:
    """A tensor and the dictionaries of modules that hold it."""

    places: list[tuple[_Places, str]]
    base: Tensor
    path: str
    own: bool
    learns: bool


class OwnTensors:
    """Lends the network values of ours in place of its tensors, pass by pass.

    Parameters of its own code get random positive ones: what is zero at the start would hide what it is for. Buffers
    keep their values, which may be masks or indices.
    """

    def __init__(self) -> None:
        self._held: list[_Held] = []
        self._originals: list[tuple[_Places, str, Tensor | None]] = []

    def take(self, model: nn.Module, known: list[Atom], chances: torch.Generator) -> None:
        """Find the tensors, those of `known` layers too: these are lent as they are."""
        names = Names(model)
        layers = (part for atom in known for part in atom.module.modules())
        inside = {id(tensor) for module in layers for _, _, tensor in _tensors(module)}
        held: dict[int, _Held] = {}
        for module in model.modules():
            for places, name, tensor in _tensors(module):
                if id(tensor) not in held:
                    own, learns = id(tensor) not in inside, isinstance(tensor, nn.Parameter)
                    base = positive(tensor, chances) if own and learns else tensor.detach()
                    held[id(tensor)] = _Held([], base, names.of(tensor), own, learns)
                held[id(tensor)].places.append((places, name))
        self._held = list(held.values())
        self._originals = [(places, name, places[name]) for one in self._held for places, name in one.places]

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """Shapes of the tensors of the network's own code, by path."""
        return {one.path: one.base.shape for one in self._held if one.own and one.path}

    def learns(self, path: str) -> bool:
        """Tell whether the tensor at `path`, of the network's own code, is a parameter."""
        return any(one.learns for one in self._held if one.own and one.path == path)

    def lend(self, change: Callable[[str, Tensor], Tensor] | None = None) -> None:
        """Lend values without gradients, those of own tensors as `change(path, value)` makes them."""
        for one in self._held:
            value = change(one.path, one.base) if change and one.own else one.base
            _place(one, value.clone() if one.own else value)

    def lend_leaves(self, buffers: bool = True) -> Mapping[str, Tensor]:
        """Lend values that gather gradients, without `buffers` parameters alone; return them by path."""
        self.lend()
        leaves: dict[str, Tensor] = {}
        for one in self._held:
            if one.own and not one.learns and not buffers:
                continue
            leaf = (one.base.clone() if one.own else one.base.detach()).requires_grad_()
            _place(one, leaf * 1 if one.own else leaf)
            if one.own and one.path:
                leaves[one.path] = leaf
        return leaves

    def give_back(self) -> None:
        """Put the network's own tensors back."""
        for places, name, tensor in self._originals:
            places[name] = tensor


def _place(held: _Held, value: Tensor) -> None:
    for places, name in held.places:
        places[name] = value


def _tensors(module: nn.Module) -> Iterator[tuple[_Places, str, Tensor]]:
    kinds: list[Any] = [module._parameters, module._buffers]
    for places in kinds:
        for name, tensor in list(places.items()):
            if tensor is not None and tensor.is_floating_point():
                yield places, name, tensor


def positive(like: Tensor, chances: torch.Generator) -> Tensor:
    """Return random values between 0.5 and 1.5, as `like` in shape, kind, order and device."""
    values = torch.rand(like.shape, generator=chances) + 0.5
    return torch.empty_like(like).copy_(values)
