"""The one selection that every pane shows and any may change: a layer, filters, instances, labels, and the cursors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

Marks = frozenset[int]
ByLayer = Mapping[int, Marks]
NONE: Marks = frozenset()
MOST_PAST = 50
"""Selections that can be gone back to."""


class Combine(StrEnum):
    """What a brush does with what is selected already. The value is what the user reads."""

    ADD = "adds"
    REPLACE = "replaces"
    KEEP = "intersects"
    REMOVE = "removes"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What can be undone, kept under a name, and taken up again: filters and instances by layer."""

    marked: ByLayer = field(default_factory=dict)
    instances: ByLayer = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """`marked` holds the marked filters by layer, `instances` the selected instances by layer, by their ids.

    The cursor is a filter, not a place: it stays with its filter when a heatmap that is sorted by value is sorted
    anew; so is `point`, the id of the instance under the cursor. `anchor` is where a range of filters was begun.
    `labels` are those in question, none: all. `past` are the selections before this one, `named` those kept.
    """

    layer: int = 0
    cursor: int = 0
    anchor: int | None = None
    marked: ByLayer = field(default_factory=dict)
    instances: ByLayer = field(default_factory=dict)
    point: int | None = None
    labels: Marks = NONE
    past: tuple[Chosen, ...] = field(default=(), compare=False)
    named: Mapping[str, Chosen] = field(default_factory=dict)

    @property
    def marks(self) -> Marks:
        """The marked filters of the layer in focus."""
        return self.marked.get(self.layer, NONE)

    @property
    def chosen(self) -> Marks:
        """The selected instances of the layer in focus."""
        return self.instances.get(self.layer, NONE)


def to_layer(selection: Selection, layer: int, layers: int) -> Selection:
    """Put the focus on a layer, clipped to those there are."""
    layer = min(max(layer, 0), max(layers - 1, 0))
    return selection if layer == selection.layer else replace(selection, layer=layer, cursor=0, anchor=None, point=None)


def to_filter(selection: Selection, cursor: int, filters: int) -> Selection:
    """Put the cursor on a filter of the layer in focus, clipped to those there are."""
    return replace(selection, cursor=min(max(cursor, 0), max(filters - 1, 0)))


def combined(before: Marks, wanted: Iterable[int], how: Combine) -> Marks:
    """Return a set of marks after a brush over `wanted`."""
    those = frozenset(wanted)
    match how:
        case Combine.ADD:
            return before | those
        case Combine.REPLACE:
            return those
        case Combine.KEEP:
            return before & those
        case Combine.REMOVE:
            return before - those


def toggle(selection: Selection, filters: Iterable[int]) -> Selection:
    """Mark filters of the layer in focus; those that all were marked are marked no longer."""
    return mark_filters(selection, _toggled(selection.marks, filters))


def mark(selection: Selection, filters: Iterable[int]) -> Selection:
    """Mark filters of the layer in focus beside those that are."""
    return mark_filters(selection, selection.marks.union(filters))


def mark_filters(selection: Selection, filters: Marks) -> Selection:
    """Mark just these filters of the layer in focus."""
    return _after(selection, marked=_with(selection.marked, selection.layer, filters))


def toggle_instances(selection: Selection, ids: Iterable[int]) -> Selection:
    """Select instances of the layer in focus; those that all were selected are selected no longer."""
    return select_instances(selection, _toggled(selection.chosen, ids))


def select_instances(selection: Selection, ids: Marks) -> Selection:
    """Select just these instances of the layer in focus."""
    return _after(selection, instances=_with(selection.instances, selection.layer, ids))


def clear(selection: Selection) -> Selection:
    """Select no filter and no instance of any layer, and forget a range that was begun."""
    return replace(_after(selection, marked={}, instances={}), anchor=None)


def undo(selection: Selection) -> Selection:
    """Go back to the selection before."""
    if not selection.past:
        return selection
    *past, last = selection.past
    return replace(selection, marked=last.marked, instances=last.instances, past=tuple(past), anchor=None)


def keep(selection: Selection, name: str) -> Selection:
    """Keep what is selected under a name."""
    return replace(selection, named={**selection.named, name: Chosen(selection.marked, selection.instances)})


def recall(selection: Selection, name: str) -> Selection:
    """Take up a selection that was kept. Raises KeyError."""
    kept = selection.named[name]
    return _after(selection, marked=kept.marked, instances=kept.instances)


def mark_in(selection: Selection, filters: Mapping[int, Iterable[int]]) -> Selection:
    """Mark filters of several layers beside those that are."""
    added = {layer: selection.marked.get(layer, NONE).union(those) for layer, those in filters.items()}
    return _after(selection, marked={k: v for k, v in {**selection.marked, **added}.items() if v})


def begin_range(selection: Selection) -> Selection:
    """Begin a range at the cursor."""
    return replace(selection, anchor=selection.cursor)


def end_range(selection: Selection, filters: Iterable[int]) -> Selection:
    """End a range, marking what lies in it."""
    return replace(mark(selection, filters), anchor=None)


def fit(selection: Selection, filters: tuple[int, ...]) -> Selection:
    """Return the selection without what is not in a network whose layers have so many filters."""
    layer = min(selection.layer, max(len(filters) - 1, 0))
    count = filters[layer] if filters else 0
    return replace(
        selection,
        layer=layer,
        cursor=min(selection.cursor, max(count - 1, 0)),
        anchor=selection.anchor if selection.anchor is not None and selection.anchor < count else None,
        marked=_within(selection.marked, filters),
        instances={k: v for k, v in selection.instances.items() if k < len(filters)},
        past=tuple(Chosen(_within(past.marked, filters), past.instances) for past in selection.past),
        named={name: Chosen(_within(kept.marked, filters), kept.instances) for name, kept in selection.named.items()},
    )


def carried(selection: Selection, places: Mapping[int, int], layer: int | None) -> Selection:
    """Return the selection in a network of another structure: `places` are the new numbers of layers that kept their
    filters, `layer` is the new number of the one in focus, if it is still there.

    What was marked in the other layers is marked no longer: their filters are others now.
    """
    kept = selection.layer in places
    return replace(
        selection,
        layer=selection.layer if layer is None else layer,
        cursor=selection.cursor if kept else 0,
        anchor=selection.anchor if kept else None,
        marked=_carried(selection.marked, places),
        past=tuple(replace(past, marked=_carried(past.marked, places)) for past in selection.past),
        named={name: replace(one, marked=_carried(one.marked, places)) for name, one in selection.named.items()},
    )


def forget_instances(selection: Selection) -> Selection:
    """Return the selection without any instance, as when the model's structure has changed: theirs are others now."""
    return replace(
        selection,
        instances={},
        point=None,
        past=tuple(replace(past, instances={}) for past in selection.past),
        named={name: replace(kept, instances={}) for name, kept in selection.named.items()},
    )


def _toggled(before: Marks, wanted: Iterable[int]) -> Marks:
    those = frozenset(wanted)
    return before - those if those <= before else before | those


def _with(by_layer: ByLayer, layer: int, marks: Marks) -> ByLayer:
    others = {other: kept for other, kept in by_layer.items() if other != layer}
    return {**others, layer: marks} if marks else others


def _within(marked: ByLayer, filters: tuple[int, ...]) -> ByLayer:
    kept = {k: frozenset(i for i in v if i < filters[k]) for k, v in marked.items() if k < len(filters)}
    return {k: v for k, v in kept.items() if v}


def _carried(marked: ByLayer, places: Mapping[int, int]) -> ByLayer:
    return {places[layer]: filters for layer, filters in marked.items() if layer in places}


def _after(selection: Selection, marked: ByLayer | None = None, instances: ByLayer | None = None) -> Selection:
    """Return the selection with other marks; the ones before can be gone back to."""
    marked = selection.marked if marked is None else marked
    instances = selection.instances if instances is None else instances
    if marked == selection.marked and instances == selection.instances:
        return selection
    past = (*selection.past, Chosen(selection.marked, selection.instances))[-MOST_PAST:]
    return replace(selection, marked=marked, instances=instances, past=past)
