"""What the mouse does: a click puts the focus on a pane and selects what is under it, a drag on a map is a brush."""

from __future__ import annotations

from dataclasses import replace

from deepeyes_tui.app import folding, map_moves, moves
from deepeyes_tui.app.bindings import SCATTERS, PaneName
from deepeyes_tui.app.charts import SIDE, Chart, chart_of
from deepeyes_tui.app.chooser import moved
from deepeyes_tui.app.folding import row_at_cursor, turn
from deepeyes_tui.app.layout import Arrangement, Box
from deepeyes_tui.app.panel import Row
from deepeyes_tui.app.panel_moves import to_row
from deepeyes_tui.app.panes.base import tab_labels
from deepeyes_tui.app.panes.chooser import chooser_row
from deepeyes_tui.app.panes.filters import map_layout
from deepeyes_tui.app.panes.findings import finding_at
from deepeyes_tui.app.panes.instances import tile_row
from deepeyes_tui.app.panes.layers import row_at
from deepeyes_tui.app.panes.panel import seen_lines
from deepeyes_tui.app.panes.perplexities import tile_at
from deepeyes_tui.app.picture import PANES
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.room import Room
from deepeyes_tui.app.scene import Brush, Scene, filter_order
from deepeyes_tui.app.tree import Row as TreeRow

Cell = tuple[int, int]
"""Column and row of the screen."""


def clicked(scene: Scene, arrangement: Arrangement, x: int, y: int) -> Scene:
    """Return the scene after a click at a cell of the screen."""
    if scene.desk.proposal is not None:
        return scene
    if scene.desk.help:
        return scene.with_desk(help=False)
    if scene.desk.chooser is not None:
        return _in_chooser(scene, y - arrangement.header.height, arrangement.status.y - arrangement.header.height)
    if scene.desk.panel is not None:
        return _in_panel(scene, arrangement, y)
    name, box = next(((name, box) for name, box in arrangement.panes.items() if (x, y) in box), (None, None))
    if name is None or box is None:
        return scene
    row, column = y - box.y - 1, x - box.x
    if row < 0:
        tabs = arrangement.tabs and box.y == arrangement.header.height
        return moves.to_pane(scene, _tab_at(scene, name, box.width, column) if tabs else name)
    return _select(moves.to_pane(scene, name), name, box, row, column)


def _in_panel(scene: Scene, arrangement: Arrangement, y: int) -> Scene:
    """Put the cursor on a row of the panel."""
    top = arrangement.header.height
    lines, place = seen_lines(scene, arrangement.status.y - top), y - top - 1
    line = lines[place] if 0 <= place < len(lines) else None
    return to_row(scene, line.id) if isinstance(line, Row) else scene


def _in_chooser(scene: Scene, row: int, height: int) -> Scene:
    """Put the cursor on what is drawn in a row of the list to choose from."""
    chooser = scene.desk.chooser
    place = None if chooser is None else chooser_row(chooser, height, row)
    return scene if chooser is None or place is None else moved(scene, place - chooser.row)


def _tab_at(scene: Scene, name: PaneName, width: int, column: int) -> PaneName:
    """Return the pane whose tab is at a column of the title rule; behind the last one, the pane in focus."""
    end = 1
    for pane, label in tab_labels(name, printable(PANES[name].facts(scene), ascii=scene.ascii), width, True):
        end += 3 + (len(label) + 2 if label else 0)
        if column < end:
            return pane
    return name


def _select(scene: Scene, name: PaneName, box: Box, row: int, column: int) -> Scene:
    if name is PaneName.LAYERS:
        return _in_list(scene, row_at(scene, box.width, box.height - 1, row))
    if name is PaneName.PERPLEXITY:
        found = tile_at(scene, box.width, box.height - 1, row, column)
    elif name is PaneName.FINDINGS:
        finding = finding_at(scene, box.width, box.height - 1, row)
        return scene if finding is None else scene.with_desk(finding=finding)
    elif name in SCATTERS:
        return _point(scene, name, box, row, column)
    elif name is PaneName.INSTANCES:
        return _tile(scene, box, row, column)
    elif name is PaneName.FILTERS and scene.layer is not None:
        layout = map_layout(scene, scene.layer.info.filters, box.width, box.height - 1)
        place = layout.place_at(row, column - 1)
        return scene if place is None else moves.to_filter(scene, int(filter_order(scene, scene.layer)[place]))
    else:
        found = None
    return scene if found is None else moves.to_layer(scene, found)


def _in_list(scene: Scene, row: TreeRow | None) -> Scene:
    """Put the cursor on a row of the list of layers; a group that it is on already is folded or unfolded."""
    if row is None:
        return scene
    return turn(scene, row.path) if row.is_group and row == row_at_cursor(scene) else folding.to_row(scene, row)


def _point(scene: Scene, name: PaneName, box: Box, row: int, column: int) -> Scene:
    chart = _chart(scene, name, box)
    found = None if chart is None else chart.nearest(column - SIDE, row)
    return scene if found is None else map_moves.to_point(scene, found)


def _tile(scene: Scene, box: Box, row: int, column: int) -> Scene:
    found = tile_row(scene, box.width, box.height - 1, row, column)
    if found is None or scene.sample is None:
        return scene
    return replace(scene, selection=replace(scene.selection, point=int(scene.sample.ids[found])))


def _chart(scene: Scene, name: PaneName, box: Box) -> Chart | None:
    return chart_of(scene, name, box.width, box.height - 1)


def dragged(scene: Scene, arrangement: Arrangement, start: Cell, here: Cell) -> Scene:
    """Return the scene while the mouse is dragged over a map from one cell to another."""
    name = next((name for name, box in arrangement.panes.items() if start in box), None)
    if name not in SCATTERS or scene.context.covered:
        return scene
    box = arrangement.panes[name]
    chart = _chart(scene, name, box)
    if chart is None:
        return scene
    ends = [chart.at(*_inner(chart, box, cell)) for cell in (start, here)]
    brush = Brush(name, scene.selection.layer, ends[0], ends[1])
    return moves.to_pane(scene, name).with_desk(brush=brush)


def released(scene: Scene, room: Room) -> Scene:
    """Return the scene after the drag has ended: what lies in the rectangle is marked."""
    return map_moves.brush(scene, room) if scene.brush is not None else scene


def _inner(chart: Chart, box: Box, cell: Cell) -> Cell:
    column, row = cell[0] - box.x - SIDE, cell[1] - box.y - 1
    return min(max(column, 0), chart.width - 1), min(max(row, 0), chart.height - 1)
