"""What goes with some filters, as slices of tensors and sizes of modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deepeyes_tui.surgery.plan import Attribute, Cut, Rescale, Role
from deepeyes_tui.surgery.planning.asking import Asker, Slab
from deepeyes_tui.surgery.planning.atoms import Space
from deepeyes_tui.surgery.planning.attributes import sizes_after
from deepeyes_tui.surgery.planning.constraints import check_groups, whole_groups
from deepeyes_tui.surgery.planning.ties import Ties
from deepeyes_tui.surgery.planning.unread import warnings_of_unread


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


def coupling_of(
    asker: Asker,
    layer: str,
    ties: Ties,
    units: Mapping[str, list[int]],
    own: Mapping[str, Slab],
    shared: tuple[str, ...],
) -> Coupling:
    """Return the coupling of units by space, and of places of own tensors.

    Raises SurgeryError for unequal groups, and where a layer did not run that may read what goes.
    """
    cut = [(asker.spaces[key], found) for key, found in units.items() if found]
    for space, found in cut:
        check_groups(space, found)
    spans = [
        space.path for space, found in cut if space.spans and not (space.groups > 1 and whole_groups(space, found))
    ]
    owned = [
        Cut(path, axis, len(places), tuple(places.nonzero().flatten().tolist()), Role.WRITES)
        for path, (axis, places) in own.items()
    ]
    cut += _of_own(asker, owned)
    cuts = (*ties.cuts(units), *owned)
    unread = warnings_of_unread(asker, layer, cuts, {space.path for space, _ in cut})
    return Coupling(
        cuts=cuts,
        rescales=tuple(dict.fromkeys(one for space, _ in cut for one in space.rescales)),
        attributes=tuple(_sizes(asker, cut)),
        exact=not spans,
        warnings=(*map(_spanned, spans), *unread),
        spans=tuple(spans),
        shared=shared,
    )


def _of_own(asker: Asker, owned: list[Cut]) -> list[tuple[Space, list[int]]]:
    """Return the spaces of layers that are never called, but whose tensors the network's own code uses."""
    cuts = {(one.tensor, one.axis, one.size): list(one.indices) for one in owned}
    found = []
    for space in asker.spaces.values():
        keys = ((slot.tensor, slot.axis, slot.length) for slot in space.slots if slot.length == space.size)
        found += [(space, cuts[key]) for key in keys if key in cuts][:1]
    return found


def _sizes(asker: Asker, cut: list[tuple[Space, list[int]]]) -> Iterator[Attribute]:
    modules = {atom.path: atom.module for atom in asker.atoms}
    for space, units in cut:
        yield from sizes_after(modules[space.path], space, units)


def _spanned(path: str) -> str:
    return f"{path} normalises over all its channels, also those that go: the others change with them"
