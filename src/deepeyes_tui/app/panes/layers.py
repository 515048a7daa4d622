"""The list of layers: how large, how stable, how much of it is degenerated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from rich.cells import cell_len

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.folding import folds, list_rows, place_of_cursor, row_at_cursor
from deepeyes_tui.app.panes.base import Pane, sentence, table, window, write
from deepeyes_tui.app.panes.groups import HISTORY_HIGH, Cell, group_cells, group_findings, layers_cell, lost_words
from deepeyes_tui.app.panes.words import FROZEN, findings, layer_name, marked_words, nonfinite_words, purity_text, waits
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short, unknown
from deepeyes_tui.app.plots.sparkline import sparkline
from deepeyes_tui.app.scene import LayerOrder, Scene, layer_order
from deepeyes_tui.app.totals import group_numbers
from deepeyes_tui.app.tree import Paths, Row
from deepeyes_tui.link.snapshot import LEAST_WINDOW, STABLE_BELOW, LayerStatistics

GAP = 2
NAME_LEAST, NAME_WISH, NAME_MOST = 10, 24, 40
HISTORY_WIDTH = 12
LEAST_LABEL = 8
"""Cells of a name that the tree's indentation leaves it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the narrower the list, the fewer of high `rank`."""

    head: str
    width: int
    rank: int
    cell: Callable[[Scene, LayerStatistics], Cell]


def _kind(scene: Scene, layer: LayerStatistics) -> Cell:
    return printable(layer.info.kind, 10, scene.ascii).ljust(10), Ink.MUTED


def _filters(scene: Scene, layer: LayerStatistics) -> Cell:
    return short(layer.info.filters) if layer.info.filters > 99999 else str(layer.info.filters), Ink.DEFAULT


def _history(scene: Scene, layer: LayerStatistics) -> Cell:
    low, ink = STABLE_BELOW, Ink.GOOD if layer.stable_since is not None else Ink.ACCENT
    return sparkline(layer.stability, HISTORY_WIDTH, high=HISTORY_HIGH, glyphs=scene.glyphs, threshold=low), ink


def _since(scene: Scene, layer: LayerStatistics) -> Cell:
    if layer.info.frozen:
        return FROZEN, Ink.ACCENT
    if layer.stable_since is None:
        return unknown(scene.ascii), Ink.MUTED
    text = f"{layer.stable_since:,}"
    return text if len(text) <= 9 else short(layer.stable_since), Ink.GOOD


def _count(number: int, ink: int) -> Cell:
    return (str(number), ink) if number else ("0", Ink.MUTED)


def _dead(scene: Scene, layer: LayerStatistics) -> Cell:
    if layer.dead_window < LEAST_WINDOW:
        return unknown(scene.ascii), Ink.MUTED
    return _count(int(layer.dead.sum()), Ink.DOWN)


def _always_on(scene: Scene, layer: LayerStatistics) -> Cell:
    return _count(int(layer.always_on.sum()), Ink.WARNING)


def _undetected(scene: Scene, layer: LayerStatistics) -> Cell:
    if waits(layer):
        return unknown(scene.ascii), Ink.MUTED
    return percent(layer.undetected, ascii=scene.ascii), Ink.UNDETECTED if layer.undetected >= 0.01 else Ink.MUTED


def _purity(scene: Scene, layer: LayerStatistics) -> Cell:
    numbers = scene.maps.numbers(layer.info.name)
    return (purity_text(numbers, scene.ascii), Ink.DEFAULT) if numbers else (unknown(scene.ascii), Ink.MUTED)


def _effective(scene: Scene, layer: LayerStatistics) -> Cell:
    numbers = scene.maps.numbers(layer.info.name)
    if numbers is None:
        return unknown(scene.ascii), Ink.MUTED
    return short(numbers.effective_filters, ascii=scene.ascii), Ink.WARNING if numbers.redundant else Ink.DEFAULT


COLUMNS = (
    Column("kind", 10, 7, _kind),
    Column("filters", 7, 1, _filters),
    Column("change", HISTORY_WIDTH, 4, _history),
    Column("stable at", 9, 3, _since),
    Column("dead", 5, 2, _dead),
    Column("on", 5, 6, _always_on),
    Column("undet.", 6, 5, _undetected),
    Column("purity", 8, 8, _purity),
    Column("effective", 9, 9, _effective),
)
OF_MAPS = ("purity", "effective")
LEFT = ("kind",)
FIXED = ("kind", "filters")
"""Columns known of a layer that never ran."""
HEAD_OF = {LayerOrder.STABLE: "stable at", LayerOrder.DEAD: "dead", LayerOrder.UNDETECTED: "undet."}


def shown_columns(width: int, longest: int, maps: bool = False) -> tuple[int, list[Column]]:
    """Return the width of the names, whose longest has `longest` cells, and the columns that fit beside them.

    Beside the maps, what these say of the layers goes first.
    """
    columns = [replace(c, rank=0) if maps and c.head in OF_MAPS else c for c in COLUMNS]
    wish = min(max(longest, NAME_LEAST), NAME_WISH)
    left = width - 3 - wish
    for column in sorted(columns, key=lambda c: c.rank):
        if column.width + GAP <= left:
            left -= column.width + GAP
        else:
            columns.remove(column)
    room = width - 3 - sum(c.width + GAP for c in columns)
    return max(min(room, max(longest, wish), NAME_MOST), 1), columns


def draw_layers(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the list around the layer in focus, and beneath it what was found in that layer, in words."""
    if scene.snapshot is None or not scene.layers:
        return sentence(width, height, _why_nothing(scene))
    canvas = Canvas(width, height)
    words = _said(scene, width) if height >= 8 else []
    rows, here, seen = seen_rows(scene, height, len(words))
    folded, tree = folds(scene), scene.tree
    every = rows if tree is None else tree.rows
    longest = max(_indent(row, tree is not None) + cell_len(_label(scene, row)) for row in every)
    name_width, columns = shown_columns(width, longest, scene.desk.maps_screen)
    _heads(canvas, scene, name_width, columns)
    for row, place in enumerate(seen, 1):
        shown = rows[place]
        _name(canvas, row, scene, shown, name_width, place == here, folded)
        if shown.path and shown.path not in folded:
            cells = {"kind": layers_cell(shown)}
            _cells(canvas, row, name_width, columns, cells, Look.BOLD if place == here else Look.PLAIN)
        elif shown.path:
            _group(canvas, row, scene, shown, name_width, columns, place == here)
        else:
            _row(canvas, row, scene, shown.layers[0], name_width, columns, place == here)
    for row, pieces in enumerate(words, height - len(words)):
        write(canvas, row, 1, pieces)
    return canvas


def seen_rows(scene: Scene, height: int, words: int) -> tuple[list[Row], int, range]:
    """Return the rows of the list, which of them is under the cursor, and the places of those that are seen."""
    rows = list_rows(scene)
    here = place_of_cursor(scene, rows)
    room = height - 1 - (words + 1 if words else 0)
    return rows, here, window(here, len(rows), room)


def row_at(scene: Scene, width: int, height: int, row: int) -> Row | None:
    """Return what stands in a row of the list, if there is anything."""
    if not scene.layers:
        return None
    rows, _, seen = seen_rows(scene, height, len(_said(scene, width)) if height >= 8 else 0)
    return rows[seen[row - 1]] if 1 <= row <= len(seen) else None


def _why_nothing(scene: Scene) -> str:
    return scene.sentence if scene.snapshot is None else "this model has no layers that can be watched"


def _heads(canvas: Canvas, scene: Scene, name_width: int, columns: list[Column]) -> None:
    sorted_by = HEAD_OF.get(scene.desk.layer_order, "")
    canvas.text(0, 2, "layer", Ink.MUTED)
    column = 2 + name_width + GAP
    for shown in columns:
        text = shown.head.ljust(shown.width) if shown.head in LEFT else shown.head.rjust(shown.width)
        canvas.text(0, column, text, Ink.ACCENT if shown.head == sorted_by else Ink.MUTED)
        column += shown.width + GAP


def _indent(row: Row, tree: bool) -> int:
    return 2 * row.depth + 2 * tree


def _label(scene: Scene, row: Row) -> str:
    """Return what a row is called: a layer that others stand beneath by what its filters are."""
    return scene.snapshot.layers[row.layers[0]].unit if row.within and scene.snapshot is not None else row.label


def _name(canvas: Canvas, row: int, scene: Scene, shown: Row, width: int, here: bool, folded: Paths) -> None:
    """Write the name of a layer or a group; before a group stands whether it is folded."""
    look = Look.BOLD if here else Look.PLAIN
    reverse = Look.REVERSE if here and scene.desk.focus is PaneName.LAYERS else Look.PLAIN
    if here:
        canvas.text(row, 0, ">" if scene.ascii else "▸", Ink.ACCENT, Look.BOLD)
    indent = min(_indent(shown, scene.tree is not None), max(width - min(len(shown.label), LEAST_LABEL), 0))
    if shown.is_group:
        canvas.text(row, indent, "+" if shown.path in folded else "-", Ink.ACCENT, look)
    ink = Ink.TITLE if shown.is_group else Ink.DEFAULT
    label = printable(_label(scene, shown), width - indent, scene.ascii)
    canvas.text(row, 2 + indent, label, ink, look | reverse)


def _cells(
    canvas: Canvas, row: int, name_width: int, columns: list[Column], cells: Mapping[str, Cell], look: int
) -> int:
    """Write the cells of a row as far as they are known; return the column behind the last."""
    column, end = 2 + name_width + GAP, 2 + name_width + GAP
    for shown in columns:
        if shown.head in cells:
            text, ink = cells[shown.head]
            canvas.text(row, column, text.rjust(shown.width), ink, look)
            end = column + shown.width + GAP
        column += shown.width + GAP
    return end


def _group(
    canvas: Canvas, row: int, scene: Scene, group: Row, name_width: int, columns: list[Column], here: bool
) -> None:
    assert scene.snapshot is not None
    look, cells = Look.BOLD if here else Look.PLAIN, group_cells(scene, group, HISTORY_WIDTH)
    numbers = group_numbers(scene.snapshot, group.layers)
    lost = lost_words(numbers) if numbers.nonfinite else ""
    if lost:
        cells = {head: cells[head] for head in FIXED}
    end = _cells(canvas, row, name_width, columns, cells, look)
    canvas.text(row, end, printable(lost, max(canvas.width - end, 0), scene.ascii), Ink.ERROR, look)


def _row(
    canvas: Canvas, row: int, scene: Scene, index: int, name_width: int, columns: list[Column], here: bool
) -> None:
    assert scene.snapshot is not None
    layer, look = scene.snapshot.layer(index), Look.BOLD if here else Look.PLAIN
    said = "has not run" if not layer.has_run else nonfinite_words(layer)
    cells = {shown.head: shown.cell(scene, layer) for shown in columns if not said or shown.head in FIXED}
    end = _cells(canvas, row, name_width, columns, cells, look)
    if said:
        canvas.text(row, end, printable(said, max(canvas.width - end, 0), scene.ascii), _said_ink(layer), look)


def _said_ink(layer: LayerStatistics) -> int:
    return Ink.ERROR if layer.has_run else Ink.MUTED


def _said(scene: Scene, width: int) -> list[list[tuple[str, int]]]:
    """Return the findings of the layer in focus, in as many lines as they take, two at most."""
    layer, row = scene.layer, row_at_cursor(scene)
    assert layer is not None
    if row is not None and row.is_group:
        name, found = printable(row.path, max(width // 3, 8), scene.ascii), group_findings(scene, row)
    else:
        name = layer_name(scene, scene.selection.layer, max(width // 3, 8))
        found = findings(layer, scene.ascii)
    lines: list[list[tuple[str, int]]] = [[(f"{name}: ", Ink.TITLE)]]
    used = cell_len(name) + 3
    for i, (text, ink) in enumerate(found):
        joint = ", " if i else ""
        if used + len(joint) + cell_len(text) > width - 1:
            lines.append([])
            used, joint = 1, ""
        lines[-1] += [(joint, Ink.MUTED), (text, ink)]
        used += len(joint) + cell_len(text)
    return lines[:3]


def _facts(scene: Scene) -> str:
    if scene.snapshot is None or not scene.layers:
        return ""
    stable = int(np.count_nonzero(np.asarray(scene.snapshot.arrays["stable_since"], np.int64) >= 0))
    order = scene.desk.layer_order
    by = "" if order is LayerOrder.NETWORK else f", by {order}"
    by += ", reversed" * scene.desk.layers_reversed
    return f"{stable} of {scene.layers} stable{by}{marked_words(scene.selection.marked.values())}"


def layers_text(scene: Scene) -> str:
    """Return the whole list as a table, with the findings in words."""
    if scene.snapshot is None or not scene.layers:
        return _why_nothing(scene)
    rows = []
    for index in layer_order(scene):
        layer = scene.snapshot.layer(index)
        numbers = [column.cell(scene, layer)[0].strip() for column in COLUMNS if column.head != "change"]
        rows.append([layer_name(scene, index), *numbers, ", ".join(text for text, _ in findings(layer, scene.ascii))])
    heads = [column.head for column in COLUMNS if column.head != "change"]
    return table(("layer", *heads, "findings"), rows)


PANE = Pane(
    PaneName.LAYERS,
    draw_layers,
    _facts,
    layers_text,
    lambda scene: (
        scene.snapshot,
        scene.selection.layer,
        scene.selection.marked,
        scene.desk.layer_order,
        scene.desk.layers_reversed,
        scene.desk.folded,
        scene.desk.group,
        scene.desk.maps_screen,
        scene.maps.survey,
    ),
)
