"""The cursor in the list of layers, where it is a tree, and folding: pure functions from scene to scene."""

from __future__ import annotations

from dataclasses import replace

from deepeyes_tui.app import selection as select
from deepeyes_tui.app.room import Move, Room
from deepeyes_tui.app.scene import Scene, layer_order
from deepeyes_tui.app.tree import Paths, Row, tree_of


def folds(scene: Scene) -> Paths:
    """Return the paths of the groups that are folded."""
    if scene.tree is None:
        return frozenset()
    return scene.tree.first_folds() if scene.desk.folded is None else scene.desk.folded


def list_rows(scene: Scene) -> list[Row]:
    """Return the rows of the list of layers: of the tree, those that are seen."""
    if scene.tree is not None:
        return scene.tree.seen(folds(scene))
    names = [info.name for info in scene.snapshot.layers] if scene.snapshot else []
    return [Row(names[index], 0, (index,)) for index in layer_order(scene)]


def layers_in_order(scene: Scene) -> list[int]:
    """Return the layers in the network's order; where that is a tree, in the tree's."""
    tree = tree_of(tuple(info.name for info in scene.snapshot.layers)) if scene.snapshot else None
    return tree.order if tree is not None else list(range(scene.layers))


def group_in_focus(scene: Scene) -> Row | None:
    """Return the group that the cursor was put on, while the layer in focus is one of it."""
    rows = scene.tree.rows if scene.tree is not None and scene.desk.group else ()
    layer = scene.selection.layer
    return next((row for row in rows if row.path == scene.desk.group and layer in row.layers), None)


def place_of_cursor(scene: Scene, rows: list[Row]) -> int:
    """Return the row under the cursor: the group that it was put on, else the layer in focus, or the group that it is
    folded into.
    """
    layer, group = scene.selection.layer, scene.desk.group
    if group:
        found = (i for i, row in enumerate(rows) if row.path == group and row.layers[0] == layer)
        if (place := next(found, None)) is not None:
            return place
    return max((i for i, row in enumerate(rows) if layer in row.layers), default=0)


def row_at_cursor(scene: Scene) -> Row | None:
    """Return the row under the cursor of the list of layers, if there is any."""
    rows = list_rows(scene)
    return rows[place_of_cursor(scene, rows)] if rows else None


def to_row(scene: Scene, row: Row) -> Scene:
    """Put the cursor on a row: the first layer of a group comes into focus with it."""
    chosen = select.to_layer(scene.selection, row.layers[0], scene.layers)
    return replace(scene, selection=chosen).with_desk(group=row.path)


def step_row(scene: Scene, step: int) -> Scene:
    """Go down or up by rows of the list, as far as there are any."""
    rows = list_rows(scene)
    if not rows:
        return scene
    return to_row(scene, rows[min(max(place_of_cursor(scene, rows) + step, 0), len(rows) - 1)])


def entered(scene: Scene) -> Scene:
    """Unfold what the layer in focus is folded into, and put the cursor on it."""
    if scene.tree is None:
        return scene.with_desk(group="")
    around = scene.tree.around[scene.selection.layer]
    return scene.with_desk(group="", folded=folds(scene).difference(around))


def turn(scene: Scene, path: str) -> Scene:
    """Fold a group, or unfold it."""
    return scene.with_desk(folded=folds(scene).symmetric_difference((path,)))


def _fold(scene: Scene, _: Room) -> Scene:
    row, tree = row_at_cursor(scene), scene.tree
    if row is None or tree is None:
        return scene
    if row.is_group and row.path not in folds(scene):
        return turn(scene, row.path)
    outer = [path for path in tree.around[row.layers[0]] if path != row.path and (not row.is_group or _in(row, path))]
    return to_row(scene, next(one for one in tree.rows if one.path == outer[-1])) if outer else scene


def _in(row: Row, path: str) -> bool:
    return row.path.startswith(f"{path}.")


def _unfold(scene: Scene, _: Room) -> Scene:
    row = row_at_cursor(scene)
    if row is None or not row.is_group:
        return scene
    return turn(scene, row.path) if row.path in folds(scene) else step_row(scene, 1)


def _fold_all(scene: Scene, _: Room) -> Scene:
    if scene.tree is None:
        return scene
    after = scene.with_desk(folded=scene.tree.groups)
    row = row_at_cursor(after)
    return after if row is None else to_row(after, row)


def _unfold_all(scene: Scene, _: Room) -> Scene:
    return scene.with_desk(folded=frozenset())


FOLDING: dict[str, Move] = {"fold": _fold, "unfold": _unfold, "fold_all": _fold_all, "unfold_all": _unfold_all}
