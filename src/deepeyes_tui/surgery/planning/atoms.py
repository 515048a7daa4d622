"""What is known of torch's own layers: along which axes of which tensors their units stand.

A unit is what goes as one: a filter of a convolution, an input of a linear layer, a hidden unit of an LSTM.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from deepeyes_tui.surgery.plan import Rescale, Role


@dataclass(frozen=True, slots=True)
class Slot:
    """Where units stand in a tensor: position p along `axis` is of unit `(p // repeat) % size`.

    An axis shorter than the space holds one group of a grouped convolution: unit u stands at `u % length`.
    """

    tensor: str
    axis: int
    length: int
    role: Role
    repeat: int = 1

    def positions(self, units: Iterable[int], size: int) -> tuple[int, ...]:
        """Return where `units` of a space of `size` stand along the axis, rising."""
        chosen = set(units)
        if self.length < size:
            return tuple(sorted({unit % self.length for unit in chosen}))
        return tuple(place for place in range(self.length) if (place // self.repeat) % size in chosen)


@dataclass(frozen=True, slots=True)
class Space:
    """The units that a layer writes, reads or passes on; `key` names it within a model.

    `sizes` are attributes of the module that say the size, with the factor by which they do. `groups` holds equally
    many units each. `spans`: a normalisation over the units. `fixed` is the reason why none of them can go.
    """

    key: str
    path: str
    size: int
    slots: tuple[Slot, ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()
    groups: int = 1
    spans: bool = False
    rescales: tuple[Rescale, ...] = ()
    fixed: str = ""
    filters_a_unit: int = 1


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a layer: a float tensor, whose `axis` holds the units of a space, `repeat` places each."""

    space: Space
    axis: int
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Atom:
    """A layer with known axes. Float tensors beyond the ports given are of the last port's kind.

    `written` is the space of its own filters, None where it only passes channels on.
    """

    path: str
    module: nn.Module
    entries: tuple[Port, ...]
    exits: tuple[Port, ...]
    written: Space | None = None

    @property
    def passes(self) -> bool:
        """Whether what comes in and what goes out are the same units."""
        return bool(self.entries) and self.entries[-1].space is self.exits[-1].space

    def spaces(self) -> Iterator[Space]:
        """Each space of the layer once."""
        seen: list[Space] = []
        for port in (*self.entries, *self.exits):
            if not any(port.space is one for one in seen):
                seen.append(port.space)
                yield port.space


class Names:
    """The paths of a model's tensors: a tied one goes by its first."""

    def __init__(self, model: nn.Module) -> None:
        named: list[tuple[str, Tensor]] = [*model.named_parameters(), *model.named_buffers()]
        self._paths = {id(tensor): path for path, tensor in named}
        self._kept = [tensor for _, tensor in named]

    def of(self, tensor: Tensor) -> str:
        """Return a tensor's path; nothing, where it has none."""
        return self._paths.get(id(tensor), "")
