"""Which units go with the filters of a layer, found by asking the network until nothing joins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.asking import Asker, Slab, asking
from deepeyes_tui.surgery.planning.atoms import Space
from deepeyes_tui.surgery.planning.chosen import chosen_space, chosen_units
from deepeyes_tui.surgery.planning.coupling import Coupling, coupling_of
from deepeyes_tui.surgery.planning.passes import Units, join
from deepeyes_tui.surgery.planning.search import Search
from deepeyes_tui.surgery.planning.slabs import slab_of
from deepeyes_tui.surgery.planning.ties import Ties
from deepeyes_tui.surgery.planning.unread import gradient_hooks
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample


@dataclass(frozen=True, slots=True)
class Asked:
    """A coupling of `filters` of the layer whose first path is `layer`.

    `sample` is what the network runs on: the first rows, where they do. `training` says whether training calls layers
    that evaluation does not.
    """

    coupling: Coupling
    layer: str
    filters: tuple[int, ...]
    sample: Sample
    training: bool


def couple(model: nn.Module, layer: str, filters: Any, sample: Any, *, whole: bool = False) -> Coupling:
    """Return what has to go with `filters` of the layer at path `layer`, asked of the network on `sample`.

    `whole`: the units may be all that a layer has. Raises SurgeryError, a ValueError with one sentence, where these
    filters cannot go.
    """
    return ask_coupling(model, layer, filters, sample, whole=whole).coupling


def ask_coupling(model: nn.Module, layer: str, filters: Any, sample: Any, *, whole: bool = False) -> Asked:
    """As `couple`, with what else was learned by asking."""
    with asking(model, sample) as asker:
        space = chosen_space(model, layer, asker)
        chosen, units = chosen_units(space, layer, filters, whole=whole)
        closure = Closure(asker, space, layer, whole)
        closure.close(units)
        rows = asker.sample if asker.needs_all_rows else Sample.of(sample).few()
        asked = Asked(closure.coupling(), space.path, chosen, rows, asker.trains_differently)
    hooked = gradient_hooks(unwrapped(model), asked.coupling.cuts)  # only now its own tensors are back
    return replace(asked, coupling=replace(asked.coupling, warnings=(*asked.coupling.warnings, *hooked)))


class Closure:
    """The set of units that grows while the network is asked."""

    def __init__(self, asker: Asker, space: Space, layer: str, whole: bool = False) -> None:
        self._whole = whole
        self._ask = asker
        self._layer = layer
        self._space = space
        self._units: Units = {}
        self._own: dict[str, Slab] = {}
        self._shared: set[str] = set()
        self._told: set[str] = set()
        self._ties = Ties(asker.spaces)

    def close(self, units: list[int]) -> None:
        """Let join what belongs to `units`, until nothing does."""
        first = torch.zeros(self._space.size, dtype=torch.bool)
        first[units] = True
        self._add({self._space.key: first})
        while self._notice() or self._trace() or self._notice(changed=True) or self._search():
            pass

    def _add(self, units: Units) -> bool:
        new = join(self._units, units)
        new = join(self._units, self._ties.tied(self._units)) or new
        for key, found in self._units.items():
            self._check(self._ask.spaces[key], found)
        return new

    def _check(self, space: Space, found: Tensor) -> None:
        if not bool(found.any()):
            return
        if space.fixed:
            raise SurgeryError(f"filters of {self._layer} cannot go: {space.fixed}")
        if bool(found.all()) and not self._whole:
            raise SurgeryError(self._all_of(space))

    def _all_of(self, space: Space) -> str:
        if space is self._space:
            return f"all filters of {self._layer} would go"
        why = "they are mixed on the way, by code outside of the layers that are known"
        return f"with these filters of {self._layer} all channels of {space.path} would go: {why}"

    def _notice(self, changed: bool = False) -> bool:
        """What reads marked units joins."""
        reached = self._ask.reached(self._units, self._own, changed)
        if reached.output:
            raise SurgeryError(self._is_output())
        return self._add(reached.units)

    def _is_output(self) -> str:
        return f"{self._layer} makes the network's output, with no layer in between: its units are fixed"

    def _trace(self) -> bool:
        """What writes to the units that are read joins."""
        sources = self._ask.sources(self._units)
        if sources.input:
            raise SurgeryError(f"filters of {self._layer} cannot go: they are joined with the network's own input")
        new = {key: found for key, found in sources.units.items() if key not in self._shared}
        new = {key: found for key, found in new.items() if bool((found & ~self._known(key)).any())}
        own = [self._claim(path, *elements) for path, elements in sources.own.items()]
        return self._add(self._without_shared(new)) or any(own)

    def _known(self, key: str) -> Tensor:
        return self._units.get(key, torch.zeros(self._ask.spaces[key].size, dtype=torch.bool))

    def _claim(self, path: str, inner: Tensor, outer: Tensor) -> bool:
        """Places of an own tensor that lead to nothing but the units join."""
        if bool(inner.any()):
            self._told.add(path)
        slab = slab_of(path, self._layer, inner, outer)
        return slab is not None and self._take(path, slab)

    def _take(self, path: str, slab: Slab) -> bool:
        axis, places = slab
        before = self._own.get(path)
        if before is not None and before[0] != axis:
            raise SurgeryError(f"filters of {self._layer} cannot go: it cannot be told how {path} is used")
        whole = places if before is None else before[1] | places
        self._own[path] = (axis, whole)
        return before is None or bool((places & ~before[1]).any())

    def _without_shared(self, new: Units) -> Units:
        """A gate of one channel leads to all units alike: it stays, and the rehearsal tells whether that was right."""
        if self._whole:
            return new
        full = {key for key, found in new.items() if bool((found | self._known(key)).all())}
        if self._floods({key: found for key, found in new.items() if key not in full}):
            full |= {key for key, found in new.items() if self._floods({key: found})}
        full -= {key for key in full if self._ask.spaces[key].fixed}
        self._shared |= full
        return {key: found for key, found in new.items() if key not in full}

    def _floods(self, units: Units) -> bool:
        if not units:
            return False
        reached = self._ask.reached(units)
        return reached.output or any(
            bool(found.all()) and len(found) > 1 for key, found in reached.units.items() if key in self._units
        )

    def _search(self) -> bool:
        """Where gradients are cut off (detach, no_grad): does anything outside still lead to the units?"""
        outside = {port.space.key: ~self._known(port.space.key) for atom in self._ask.atoms for port in atom.exits}
        outside = {key: found for key, found in outside.items() if key not in self._shared and bool(found.any())}
        search = Search(self._ask, self._units, self._layer)
        if self._add(self._without_shared(search.leading(outside))):
            return True
        untold = {path: shape for path, shape in self._ask.own.shapes.items() if path not in self._told}
        slabs = {path: search.slab(path, shape) for path, shape in untold.items()}
        taken = [self._take(path, slab) for path, slab in slabs.items() if slab is not None]
        return any(taken)

    def coupling(self) -> Coupling:
        """Return what was found as slices and sizes."""
        units = {key: one.nonzero().flatten().tolist() for key, one in self._units.items()}
        shared = sorted({self._ask.spaces[key].path for key in self._shared})
        return coupling_of(self._ask, self._layer, self._ties, units, self._own, tuple(shared))
