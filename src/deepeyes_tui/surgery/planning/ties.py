"""Tensors that several layers share: what goes for one goes for all."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from deepeyes_tui.surgery.plan import Cut, Role
from deepeyes_tui.surgery.planning.atoms import Slot, Space
from deepeyes_tui.surgery.planning.passes import Units

_Place = tuple[str, int]


class Ties:
    """The slots of all spaces by tensor and axis."""

    def __init__(self, spaces: Mapping[str, Space]) -> None:
        self._slots: dict[_Place, list[tuple[Space, Slot]]] = {}
        for space in spaces.values():
            for slot in space.slots:
                self._slots.setdefault((slot.tensor, slot.axis), []).append((space, slot))
        self._shared = [pairs for pairs in self._slots.values() if len({space.key for space, _ in pairs}) > 1]

    def tied(self, units: Units) -> Units:
        """Return the units of other spaces that stand where `units` do."""
        found: Units = {}
        for pairs in self._shared:
            places = self._places(pairs, units)
            for space, slot in pairs if places else ():
                one = torch.zeros(space.size, dtype=torch.bool)
                one[[(place // slot.repeat) % space.size for place in places]] = True
                found[space.key] = found[space.key] | one if space.key in found else one
        return found

    @staticmethod
    def _places(pairs: list[tuple[Space, Slot]], units: Units) -> set[int]:
        return {
            place
            for space, slot in pairs
            if space.key in units
            for place in slot.positions(units[space.key].nonzero().flatten().tolist(), space.size)
        }

    def cuts(self, units: Mapping[str, list[int]]) -> list[Cut]:
        """Return the slices that go with `units`, each tensor and axis once; what is written before what is read."""
        found = []
        for (tensor, axis), pairs in self._slots.items():
            gone = [(slot, slot.positions(units[space.key], space.size)) for space, slot in pairs if space.key in units]
            places = sorted({place for _, positions in gone for place in positions})
            if places:
                slot = min((slot for slot, _ in gone), key=lambda one: _ORDER[one.role])
                found.append(Cut(tensor, axis, slot.length, tuple(places), slot.role))
        return sorted(found, key=lambda cut: _ORDER[cut.role])


_ORDER = {Role.WRITES: 0, Role.PASSES: 1, Role.READS: 2}
