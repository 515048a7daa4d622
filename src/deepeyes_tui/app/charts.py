"""The map in focus as the keys and the mouse see it: its points, the part that is shown, the room it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.chosen import row_of
from deepeyes_tui.app.plots.scatter import View, fit, nearest_in_direction, nearest_point, place, spot
from deepeyes_tui.app.plots.view import scale
from deepeyes_tui.app.scene import Brush, Scene, Spot

BELOW = {PaneName.INPUT_MAP: 3, PaneName.FILTER_MAP: 3}
"""Rows beneath a map for its legend and for words on the point under the cursor."""
SIDE = 1
"""Columns left free at both sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """`points (n, 2)` of a map, NaN where one has no place, in a room of cells of which `view` is shown."""

    points: NDArray[np.float32]
    view: View
    width: int
    height: int

    def at(self, column: int, row: int) -> Spot:
        """Return the place in the middle of a cell."""
        return spot(self.view, self.width, self.height, column, row)

    def cell(self, point: int) -> tuple[int, int]:
        """Return column and row of a point, -1 where it is not seen."""
        column, row = place(self.points[point : point + 1], self.view, self.width, self.height)
        return int(column[0]), int(row[0])

    def cell_of(self, at: Spot) -> tuple[int, int]:
        """Return column and row of a place, at the edge where it is beyond it."""
        x, y = self.view.middle
        per = scale(self.view, self.width, self.height)
        column = round((at[0] - x) * per + self.width / 2 - 0.5)
        row = round(((at[1] - y) * per + self.height - 1) / 2)
        return min(max(column, 0), self.width - 1), min(max(row, 0), self.height - 1)

    def nearest(self, column: int, row: int) -> int | None:
        """Return the point nearest to a cell."""
        return nearest_point(self.points, self.view, self.width, self.height, column, row)

    def beside(self, point: int, dx: int, dy: int) -> int | None:
        """Return the point next to another in a direction."""
        return nearest_in_direction(self.points, self.view, self.width, self.height, point, dx, dy)

    def within(self, brush: Brush) -> NDArray[np.intp]:
        """Return the points in a rectangle, the cells of its corners included."""
        half = np.array([0.5, 1.0]) / scale(self.view, self.width, self.height)
        corners = np.array([brush.anchor, brush.at])
        low, high = corners.min(axis=0) - half, corners.max(axis=0) + half
        with np.errstate(invalid="ignore"):
            return np.flatnonzero(((self.points >= low) & (self.points <= high)).all(axis=1))


def points_of(scene: Scene, pane: PaneName) -> NDArray[np.float32] | None:
    """Return the points of a map, None while there is none."""
    if pane is PaneName.INPUT_MAP and scene.input_map is not None:
        return scene.input_map.frame.positions
    if pane is PaneName.FILTER_MAP and scene.filter_map is not None:
        return scene.filter_map.positions
    return None


def chart_of(scene: Scene, pane: PaneName, width: int, height: int) -> Chart | None:
    """Return a map as it stands in a pane's body of `width x height`, None while there is none."""
    points = points_of(scene, pane)
    if points is None:
        return None
    view = scene.desk.views.get((pane, scene.selection.layer)) or fit(points)
    return Chart(points, view, max(width - 2 * SIDE, 1), max(height - BELOW[pane], 1))


def point_at_cursor(scene: Scene, pane: PaneName, chart: Chart) -> int | None:
    """Return the point under the cursor: of the Input Map, the one that stands for the instance under the cursor."""
    if pane is PaneName.FILTER_MAP:
        return scene.selection.cursor if scene.selection.cursor < len(chart.points) else None
    shown = scene.input_map
    if shown is None:
        return None
    row = row_of(shown.sample, scene.selection.point)
    if row is not None and (member := int(shown.shape.members[row])) >= 0:
        return member
    return chart.nearest(chart.width // 2, chart.height // 2)
