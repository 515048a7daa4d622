"""What the mouse does: a click puts the focus on a pane and selects what is under it."""

from __future__ import annotations

from deepeyes_tui.app import moves
from deepeyes_tui.app.bindings import PANES, PaneName
from deepeyes_tui.app.layout import Arrangement, Box
from deepeyes_tui.app.panes.filters import map_layout
from deepeyes_tui.app.panes.layers import layer_at
from deepeyes_tui.app.panes.perplexities import tile_at
from deepeyes_tui.app.scene import Scene, filter_order


def clicked(scene: Scene, arrangement: Arrangement, x: int, y: int) -> Scene:
    """Return the scene after a click at a cell of the screen."""
    if scene.desk.help:
        return scene.with_desk(help=False)
    name, box = next(((name, box) for name, box in arrangement.panes.items() if (x, y) in box), (None, None))
    if name is None or box is None:
        return scene
    row, column = y - box.y - 1, x - box.x
    if row < 0:
        return moves.to_pane(
            scene, _tab_at(column) if arrangement.tabs and box.y == arrangement.header.height else name
        )
    return _select(moves.to_pane(scene, name), name, box, row, column)


def _tab_at(column: int) -> PaneName:
    at = 1
    for number, pane in enumerate(PANES, 1):
        at += len(f" {number} {pane} ") + 1
        if column < at:
            return pane
    return PANES[-1]


def _select(scene: Scene, name: PaneName, box: Box, row: int, column: int) -> Scene:
    if name is PaneName.LAYERS:
        found = layer_at(scene, box.width, box.height - 1, row)
    elif name is PaneName.PERPLEXITY:
        found = tile_at(scene, box.width, box.height - 1, row, column)
    elif name is PaneName.FILTERS and scene.layer is not None:
        layout = map_layout(scene, scene.layer.info.filters, box.width, box.height - 1)
        place = layout.place_at(row, column - 1)
        return scene if place is None else moves.to_filter(scene, int(filter_order(scene, scene.layer)[place]))
    else:
        found = None
    return scene if found is None else moves.to_layer(scene, found)
