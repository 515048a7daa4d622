"""Passes of a network whose known layers answer with values of ours, so that only its own code connects them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from deepeyes_tui.surgery.planning.atoms import Atom, Port
from deepeyes_tui.surgery.planning.own_tensors import positive
from deepeyes_tui.surgery.planning.reading import (
    any_per_unit,
    check_fits,
    differs,
    floats,
    is_float,
    mean_per_unit,
    per_place,
)

Units = dict[str, Tensor]
"""Which units of each space, by its key: booleans `(U,)`."""
Where = tuple[bool, str, int, int]
"""A mode (training or not), the path of a layer, its how-manyeth call, the how-manyeth tensor of it."""


def join(units: Units, more: Units) -> bool:
    """Add units to others; return whether any is new."""
    new = False
    for key, found in more.items():
        if not bool(found.any()):
            continue
        known = units.get(key)
        new = new or bool((found if known is None else found & ~known).any())
        units[key] = found.clone() if known is None else known | found
    return new


@dataclass(frozen=True, slots=True)
class Answer:
    """What a layer answers a call with: for each float tensor a value and another one that differs everywhere."""

    leaves: list[Any]
    spec: TreeSpec
    values: dict[int, tuple[Tensor, Tensor]]


@dataclass(slots=True)
class Memory:
    """What is the same in every pass."""

    chances: torch.Generator
    forwards: dict[str, Callable[..., Any]] = field(default_factory=dict)
    answers: dict[tuple[bool, str, int], Answer] = field(default_factory=dict)
    calls: Counter[tuple[bool, str]] = field(default_factory=Counter)
    weights: dict[Where, Tensor] = field(default_factory=dict)

    def weighted(self, tensor: Tensor, port: Port, where: Where) -> Tensor:
        """Return the mean of each unit, weighted at random, but in every pass alike."""
        weights = self.weights.get(where)
        if weights is None or weights.shape != tensor.shape:
            kind = tensor if tensor.dtype == torch.float64 else torch.empty_like(tensor, dtype=torch.float32)
            weights = self.weights[where] = positive(kind, self.chances)
        return mean_per_unit(tensor, weights, port)

    def remember(self, mode: bool, path: str, call: int, output: Any) -> Answer:
        """Keep the shape of a layer's real output, with values of ours."""
        leaves, spec = tree_flatten(output)
        values = {n: self._two(leaf) for n, leaf in enumerate(leaves) if is_float(leaf)}
        answer = Answer([None if n in values else leaf for n, leaf in enumerate(leaves)], spec, values)
        self.answers[mode, path, call] = answer
        return answer

    def _two(self, leaf: Tensor) -> tuple[Tensor, Tensor]:
        """What was small becomes the largest, what was large the smallest: units change their places in any order."""
        value = positive(leaf, self.chances)
        return value, torch.where(value < 1, value + 3, value / 8)


class Pass(ABC):
    """One pass: what comes into known layers is read, what they answer is ours."""

    def __init__(self, memory: Memory, mode: bool) -> None:
        self.memory = memory
        self.mode = mode
        self.calls: Counter[str] = Counter()
        self.unknown_calls = 0

    def call(self, atom: Atom, args: Any, kwargs: Any) -> Any:
        """Stand in for the forward pass of a layer."""
        number = self._number(atom.path)
        answer = self.memory.answers.get((self.mode, atom.path, number))
        if answer is None:
            answer = self._really(atom, number, args, kwargs)
        for n, (port, tensor) in enumerate(_ported(atom.entries, floats(args, kwargs))):
            check_fits(tensor, port)
            self.read(tensor, port, (self.mode, atom.path, number, n))
        leaves = list(answer.leaves)
        for (n, pair), port in zip(answer.values.items(), _ports(atom.exits), strict=False):
            check_fits(pair[0], port)
            leaves[n] = self.write(pair, port, (self.mode, atom.path, number, n))
        return tree_unflatten(leaves, answer.spec)

    def _number(self, path: str) -> int:
        """The how-manyeth call this is; calls beyond the known ones compute known ones anew (checkpointing)."""
        number, known = self.calls[path], self.memory.calls[self.mode, path]
        self.calls[path] += 1
        return number % known if known else number

    def _really(self, atom: Atom, number: int, args: Any, kwargs: Any) -> Answer:
        other = self.memory.answers.get((not self.mode, atom.path, number))
        if other is not None:
            self.memory.answers[self.mode, atom.path, number] = other
            return other
        self.unknown_calls += 1
        with torch.no_grad():
            output = self.memory.forwards[atom.path](*args, **kwargs)
        return self.memory.remember(self.mode, atom.path, number, output)

    @abstractmethod
    def read(self, tensor: Tensor, port: Port, where: Where) -> None:
        """Take notice of what comes into a layer."""

    @abstractmethod
    def write(self, pair: tuple[Tensor, Tensor], port: Port, where: Where) -> Tensor:
        """Return what goes out of a layer."""


class FirstPass(Pass):
    """Learns which layers are called, and the shapes of what they answer."""

    def read(self, tensor: Tensor, port: Port, where: Where) -> None:
        """Nothing is asked yet."""

    def write(self, pair: tuple[Tensor, Tensor], port: Port, where: Where) -> Tensor:
        """Return an ordinary answer."""
        return pair[0].clone()


class CleanPass(Pass):
    """Nothing is marked; gradients lead from what layers read back to what others wrote."""

    def __init__(self, memory: Memory, mode: bool) -> None:
        super().__init__(memory, mode)
        self.means: dict[Where, Tensor] = {}
        self.ports: dict[Where, Port] = {}
        self.leaves: dict[Where, tuple[Port, Tensor]] = {}

    def read(self, tensor: Tensor, port: Port, where: Where) -> None:
        """Keep each unit's mean."""
        mean = self.memory.weighted(tensor, port, where)
        self.means.setdefault(where, mean)
        self.ports[where] = port

    def write(self, pair: tuple[Tensor, Tensor], port: Port, where: Where) -> Tensor:
        """Return a leaf, behind which the gradients of a layer that passes units on go further, unit by unit."""
        _, leaf = self.leaves.setdefault(where, (port, pair[0].clone().requires_grad_()))
        entered = self.means.get((*where[:3], 0))
        if entered is None or self.ports[*where[:3], 0].space is not port.space:
            return leaf * 1
        link = (entered - entered.detach()).to(leaf.dtype)
        return leaf + per_place(link, port, leaf)


class MarkedPass(Pass):
    """Marked units are NaN, or differ from the clean pass: which units of other layers notice?"""

    def __init__(self, memory: Memory, mode: bool, marks: Units, clean: CleanPass | None) -> None:
        super().__init__(memory, mode)
        self.marks = marks
        self.clean = clean
        self.reached: Units = {}

    def read(self, tensor: Tensor, port: Port, where: Where) -> None:
        """Note the units that are reached."""
        found = self._found(tensor.detach(), port, where)
        if found is not None:
            known = self.reached.get(port.space.key)
            self.reached[port.space.key] = found.cpu() if known is None else known | found.cpu()

    def _found(self, tensor: Tensor, port: Port, where: Where) -> Tensor | None:
        """Which units have changed; None for a call that the clean pass did not have."""
        if self.clean is None:
            return any_per_unit(tensor.isnan(), port)
        before = self.clean.means.get(where)
        return None if before is None else differs(self.memory.weighted(tensor, port, where), before)

    def write(self, pair: tuple[Tensor, Tensor], port: Port, where: Where) -> Tensor:
        """Return an answer with the marked units, and those that were just reached, marked."""
        found = [one[port.space.key] for one in (self.marks, self.reached) if port.space.key in one]
        if not found:
            return pair[0].clone()
        mask = per_place((found[0] | found[-1]).to(pair[0].device), port, pair[0])
        return pair[0].masked_fill(mask, float("nan")) if self.clean is None else torch.where(mask, pair[1], pair[0])


def _ports(ports: tuple[Port, ...]) -> Iterator[Port]:
    """The ports in order, the last one for ever."""
    yield from ports
    while ports:
        yield ports[-1]


def _ported(ports: tuple[Port, ...], tensors: list[Tensor]) -> Iterator[tuple[Port, Tensor]]:
    return zip(_ports(ports), tensors, strict=False)
