"""Which units go with the filters of a layer, found by asking the network until nothing joins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.asking import Asker, Slab, asking, join
from deepeyes_tui.surgery.atoms import Space
from deepeyes_tui.surgery.attributes import sizes_after
from deepeyes_tui.surgery.chosen import chosen_space, chosen_units
from deepeyes_tui.surgery.constraints import check_groups, whole_groups
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.passes import Units
from deepeyes_tui.surgery.plan import Attribute, Cut, Rescale, Role
from deepeyes_tui.surgery.sample import Sample
from deepeyes_tui.surgery.slabs import slab_of
from deepeyes_tui.surgery.ties import Ties


@dataclass(frozen=True, slots=True)
class Coupling:
    """What goes with some filters: slices of tensors and the sizes that modules say. `spans` are the paths of the
    normalisations over the units that go, because of which `exact` is False. `shared` are the paths of layers that lead
    to units that go and to all others alike, and stay.
    """

    cuts: tuple[Cut, ...]
    rescales: tuple[Rescale, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    exact: bool = True
    warnings: tuple[str, ...] = ()
    spans: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A coupling of `filters` of the layer whose first path is `layer`.

    `sample` is what the network runs on: the first rows, where they do; `asked` the fewer that it was asked with.
    `training` says whether training calls layers that evaluation does not.
    """

    coupling: Coupling
    layer: str
    filters: tuple[int, ...]
    sample: Sample
    asked: Sample
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
        return Asked(closure.coupling(), space.path, chosen, rows, asker.sample, asker.trains_differently)


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
        return f"with these filters of {self._layer} all channels of {space.path} would go: they are mixed on the way"

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
        slab = slab_of(path, self._layer, inner, outer)
        if slab is None:
            return False
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
        return self._add(self._leading(outside))

    def _leading(self, outside: Units) -> Units:
        """Return which of `outside` lead to the units: halves are tried where the whole does."""
        if not self._hits(outside):
            return {}
        if len(outside) > 1:
            keys = list(outside)
            found: Units = {}
            for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
                join(found, self._leading({key: outside[key] for key in half}))
            return found
        key, units = next(iter(outside.items()))
        places = units.nonzero().flatten()
        if len(places) == 1:
            return {key: units}
        found = {}
        for part in places.chunk(2):
            join(found, self._leading({key: torch.zeros_like(units).index_fill(0, part, True)}))
        return found

    def _hits(self, outside: Units) -> bool:
        reached = self._ask.reached(outside).units
        return any(bool((found & self._known(key)).any()) for key, found in reached.items())

    def coupling(self) -> Coupling:
        """Return what was found as slices and sizes."""
        found = [(self._ask.spaces[key], one.nonzero().flatten().tolist()) for key, one in self._units.items()]
        cut = [(space, units) for space, units in found if units]
        for space, units in cut:
            check_groups(space, units)
        spans = [space.path for space, units in cut if space.spans and not _goes_whole(space, units)]
        return Coupling(
            cuts=(*self._ties.cuts({space.key: units for space, units in cut}), *self._own_cuts()),
            rescales=tuple(dict.fromkeys(one for space, _ in cut for one in space.rescales)),
            attributes=tuple(self._sizes(cut)),
            exact=not spans,
            warnings=tuple(map(_spanned, spans)),
            spans=tuple(spans),
            shared=tuple(sorted({self._ask.spaces[key].path for key in self._shared})),
        )

    def _sizes(self, cut: list[tuple[Space, list[int]]]) -> Iterator[Attribute]:
        """Sizes of the layers that are cut, also of those whose tensors the network's own code uses."""
        modules = {atom.path: atom.module for atom in self._ask.atoms}
        own = {(one.tensor, one.axis, one.size): list(one.indices) for one in self._own_cuts()}
        for space in self._ask.spaces.values():
            keys = ((slot.tensor, slot.axis, slot.length) for slot in space.slots if slot.length == space.size)
            cut += [(space, own[key]) for key in keys if key in own][:1]
        for space, units in cut:
            yield from sizes_after(modules[space.path], space, units)

    def _own_cuts(self) -> list[Cut]:
        return [
            Cut(path, axis, len(places), tuple(places.nonzero().flatten().tolist()), Role.WRITES)
            for path, (axis, places) in self._own.items()
        ]


def _goes_whole(space: Space, units: list[int]) -> bool:
    return space.groups > 1 and whole_groups(space, units) > 0


def _spanned(path: str) -> str:
    return f"{path} normalises over all its channels, also those that go: the output changes a little"
