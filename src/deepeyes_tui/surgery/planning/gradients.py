"""Where what layers read comes from, told by gradients of one clean pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from deepeyes_tui.surgery.planning.own_tensors import positive
from deepeyes_tui.surgery.planning.passes import CleanPass, Units, join
from deepeyes_tui.surgery.planning.reading import any_per_unit


@dataclass(slots=True)
class Sources:
    """Where units that are read come from: units of layers, places of own tensors, the network's own input.

    `own`: by path, the elements that lead to the units asked for, and those that lead to others beside them.
    """

    units: Units = field(default_factory=dict)
    own: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    input: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """A clean pass with the leaves that its gradients lead to: own tensors by path, and the network's inputs."""

    clean: CleanPass
    own: Mapping[str, Tensor]
    inputs: list[Tensor]

    def trace(self, units: Units, chances: torch.Generator, found: Sources) -> None:
        """Add to `found` where `units` that layers read come from."""
        if not self._backward(_total(self.clean, units, chances)):
            return
        for port, leaf in self.clean.leaves.values():
            if leaf.grad is not None:
                join(found.units, {port.space.key: any_per_unit(leaf.grad != 0, port).cpu()})
        leading = [_led(tensor) for tensor in self._tensors]
        if any(bool(one.any()) for one in leading):
            self._contrast(_total(self.clean, units, chances, inside=False), leading, found)

    @property
    def _tensors(self) -> list[Tensor]:
        return [*self.own.values(), *self.inputs]

    def _contrast(self, total: Tensor | None, leading: list[Tensor], found: Sources) -> None:
        """What leads to the other units of the same layers too is shared by all, and stays."""
        self._backward(total)
        pairs = list(zip(leading, [_led(tensor) for tensor in self._tensors], strict=True))
        for path, (inner, outer) in zip(self.own, pairs, strict=False):
            before = found.own.get(path)
            found.own[path] = (inner, outer) if before is None else (before[0] | inner, before[1] | outer)
        found.input = found.input or any(bool((inner & ~outer).any()) for inner, outer in pairs[len(self.own) :])

    def _backward(self, total: Tensor | None) -> bool:
        """Gather gradients anew; return whether there are any."""
        for leaf in [*(leaf for _, leaf in self.clean.leaves.values()), *self._tensors]:
            leaf.grad = None
        if total is None:
            return False
        try:
            total.backward(retain_graph=True)
        except RuntimeError:
            return False  # what gradients do not show, marks will
        return True


def _total(clean: CleanPass, units: Units, chances: torch.Generator, inside: bool = True) -> Tensor | None:
    """Return a random combination of the units that layers read, or of the others of the same layers."""
    total: Tensor | None = None
    for where, mean in clean.means.items():
        chosen = units.get(clean.ports[where].space.key)
        if chosen is None or not mean.requires_grad:
            continue
        part = (mean * positive(mean, chances))[chosen if inside else ~chosen].sum().to("cpu", torch.float32)
        total = part if total is None else total + part
    return total


def _led(leaf: Tensor) -> Tensor:
    return torch.zeros(leaf.shape, dtype=torch.bool) if leaf.grad is None else (leaf.grad != 0).cpu()
