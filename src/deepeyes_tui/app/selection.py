"""The one selection that every pane shows and any may change: a layer, marked filters, the filter under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

Marks = frozenset[int]
NONE: Marks = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """`marked` holds the marked filters by layer. The cursor is a filter, not a place: it stays with its filter when
    a heatmap that is sorted by value is sorted anew. `anchor` is where a range was begun.
    """

    layer: int = 0
    cursor: int = 0
    anchor: int | None = None
    marked: Mapping[int, Marks] = field(default_factory=dict)

    @property
    def marks(self) -> Marks:
        """The marked filters of the layer in focus."""
        return self.marked.get(self.layer, NONE)


def to_layer(selection: Selection, layer: int, layers: int) -> Selection:
    """Put the focus on a layer, clipped to those there are."""
    layer = min(max(layer, 0), max(layers - 1, 0))
    return selection if layer == selection.layer else replace(selection, layer=layer, cursor=0, anchor=None)


def to_filter(selection: Selection, cursor: int, filters: int) -> Selection:
    """Put the cursor on a filter of the layer in focus, clipped to those there are."""
    return replace(selection, cursor=min(max(cursor, 0), max(filters - 1, 0)))


def toggle(selection: Selection, filters: Iterable[int]) -> Selection:
    """Mark filters of the layer in focus; those that all were marked are marked no longer."""
    wanted = frozenset(filters)
    return _with_marks(selection, selection.marks - wanted if wanted <= selection.marks else selection.marks | wanted)


def mark(selection: Selection, filters: Iterable[int]) -> Selection:
    """Mark filters of the layer in focus beside those that are."""
    return _with_marks(selection, selection.marks.union(filters))


def clear(selection: Selection) -> Selection:
    """Unmark every filter of every layer and forget a range that was begun."""
    return replace(selection, marked={}, anchor=None)


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
    cursor = min(selection.cursor, max(count - 1, 0))
    anchor = selection.anchor if selection.anchor is not None and selection.anchor < count else None
    kept = {k: frozenset(i for i in v if i < filters[k]) for k, v in selection.marked.items() if k < len(filters)}
    return Selection(layer, cursor, anchor, {k: v for k, v in kept.items() if v})


def _with_marks(selection: Selection, marks: Marks) -> Selection:
    others = {layer: kept for layer, kept in selection.marked.items() if layer != selection.layer}
    return replace(selection, marked={**others, selection.layer: marks} if marks else others)
