"""What leads to units where gradients are cut off (detach, no_grad): marks are tried, by halves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.asking import Asker, Slab
from deepeyes_tui.surgery.planning.passes import Units, join

_PATIENCE = 2000
"""Passes after which a network is too tangled."""


class Search:
    """Looks for what leads to `units`, which must not change while it does."""

    def __init__(self, asker: Asker, units: Units, layer: str) -> None:
        self._ask, self._units, self._layer = asker, units, layer
        self._left = _PATIENCE

    def leading(self, outside: Units) -> Units:
        """Return which units of `outside` lead to the units."""
        if not outside or not self._reached(outside)[0]:
            return {}
        found: Units = {}
        if len(outside) > 1:
            keys = list(outside)
            for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
                join(found, self.leading({key: outside[key] for key in half}))
            return found
        key, units = next(iter(outside.items()))
        places = units.nonzero().flatten()
        if len(places) == 1:
            return {key: units}
        for part in places.chunk(2):
            join(found, self.leading({key: _marks(len(units), part)}))
        return found

    def slab(self, path: str, shape: torch.Size) -> Slab | None:
        """Return axis and places of an own tensor that lead to nothing but the units; None, where there are none."""
        whole = torch.ones(shape[0] if shape else 1, dtype=torch.bool)
        if not shape or not self._reached({}, {path: (0, whole)})[0]:
            return None
        slabs = [(n, self._places(path, n, size, torch.arange(size))) for n, size in enumerate(shape) if size > 1]
        proper = [(axis, _marks(shape[axis], places)) for axis, places in slabs if 0 < len(places) < shape[axis]]
        if len(proper) > 1:
            raise SurgeryError(f"filters of {self._layer} cannot go: it cannot be told how {path} is used")
        return proper[0] if proper else None

    def _places(self, path: str, axis: int, size: int, places: Tensor) -> Tensor:
        """Return which places along an axis lead to units, and to no others of the same layers."""
        inside, beside = self._reached({}, {path: (axis, _marks(size, places))})
        if not inside or (beside and len(places) == 1):
            return places[:0]
        if len(places) == 1:
            return places
        return torch.cat([self._places(path, axis, size, part) for part in places.chunk(2)])

    def _reached(self, units: Units, own: Mapping[str, Slab] | None = None) -> tuple[bool, bool]:
        """Tell whether marks lead to units, and whether to others of the same layers."""
        self._left -= 1
        if self._left < 0:
            raise SurgeryError(f"filters of {self._layer} cannot go: it takes too long to tell what belongs to them")
        found = self._ask.reached(units, own).units
        known = [(one, self._units[key]) for key, one in found.items() if key in self._units]
        inside = any(bool((one & mine).any()) for one, mine in known)
        return inside, any(bool((one & ~mine).any()) for one, mine in known)


def _marks(size: int, places: Tensor) -> Tensor:
    return torch.zeros(size, dtype=torch.bool).index_fill(0, places, True)
