"""The activation heatmap of the layer in focus: a cell a filter, the numbers of the one under the cursor beneath."""

from __future__ import annotations

import math

import numpy as np

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.chosen import mean_activation
from deepeyes_tui.app.panes.base import Columns, Pane, cut_to, lay, sentence, table, wrapped
from deepeyes_tui.app.panes.words import FROZEN, filter_words, layer_name, reliability
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.heatmap import HeatmapLayout, draw_heatmap, draw_legend, layout_heatmap
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent, short
from deepeyes_tui.app.scene import Desk, Quantity, Scene, filter_order, filter_values, not_seen, shown_quantity
from deepeyes_tui.app.selection import Selection
from deepeyes_tui.link.snapshot import LayerStatistics

WORDS = 2
"""Rows for the sentence on the filter under the cursor, at least."""


def map_layout(scene: Scene, filters: int, width: int, height: int) -> HeatmapLayout:
    """Return where the filters stand in a pane of this size."""
    return layout_heatmap(filters, width - 2, _map_height(height), glyphs=scene.glyphs, colour=scene.colour)


def _map_height(height: int) -> int:
    return max(height - WORDS - 2, 1)


def draw_filters(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the map, its legend, and the sentence."""
    layer = scene.layer
    if layer is None or scene.snapshot is None:
        return sentence(width, height, scene.sentence if scene.snapshot is None else "no layers")
    if not layer.has_run:
        return sentence(width, height, f"{layer_name(scene, scene.selection.layer, width // 2)} has not run")
    canvas = Canvas(width, height)
    layout = map_layout(scene, layer.info.filters, width, height)
    values, order, top = filter_values(scene, layer), filter_order(scene, layer), _top(scene, layer)
    ramp = Ink.FREQUENCY if shown_quantity(scene) is Quantity.FREQUENCY else Ink.MAXIMUM
    heat = draw_heatmap(
        width - 2,
        _map_height(height),
        values,
        reliability=_reliability(scene, layer),
        ramp=ramp,
        order=order,
        top=top,
        dead=layer.dead,
        always_on=layer.always_on,
        marked=_flags(scene, layer),
        cursor=int(np.flatnonzero(order == scene.selection.cursor)[0]) if len(order) else None,
        glyphs=scene.glyphs,
        layout=layout,
        colour=scene.colour,
    )
    lay(canvas, heat, 0, 1)
    below = min(layout.height + 1, height - WORDS - 1)
    unit = "%" if shown_quantity(scene) is Quantity.FREQUENCY else ""
    legend = draw_legend(
        width - 2,
        ramp=ramp,
        low=0.0,
        high=top,
        unit=unit,
        glyphs=scene.glyphs,
        colour=scene.colour,
        half=layout.half,
        unseen=bool(np.isnan(values).any()),
    )
    lay(canvas, legend, below, 1)
    words = filter_words(layer, scene.selection.cursor, scene.ascii) if layer.info.filters else ""
    for row, line in enumerate(
        cut_to(wrapped(words, width - 2), height - below - 1, width - 2, scene.ascii), below + 1
    ):
        canvas.text(row, 1, line, Ink.DEFAULT)
    return canvas


def _reliability(scene: Scene, layer: LayerStatistics) -> np.ndarray:
    assert scene.snapshot is not None
    if shown_quantity(scene) is not Quantity.MAXIMUM:
        return np.ones(layer.info.filters)
    return reliability(scene.snapshot, layer)


def _top(scene: Scene, layer: LayerStatistics) -> float:
    values = filter_values(scene, layer)
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else 0.0


def in_range(scene: Scene, layer: LayerStatistics) -> list[int]:
    """Return the filters from the range's beginning to the cursor, as the map shows them; none without a range."""
    anchor = scene.selection.anchor
    if anchor is None:
        return []
    order = filter_order(scene, layer)
    ends = sorted(int(np.flatnonzero(order == end)[0]) for end in (anchor, scene.selection.cursor))
    return [int(filter) for filter in order[ends[0] : ends[1] + 1]]


def _flags(scene: Scene, layer: LayerStatistics) -> np.ndarray:
    flags = np.zeros(layer.info.filters, bool)
    flags[[*_marks(scene.selection, layer), *in_range(scene, layer)]] = True
    return flags


def _marks(selection: Selection, layer: LayerStatistics) -> list[int]:
    return [i for i in selection.marks if i < layer.info.filters]


def _facts(scene: Scene) -> str:
    if scene.layer is None:
        return ""
    marks = len(scene.selection.marks)
    order = ("by value" if scene.desk.by_value else "in order") + " reversed" * scene.desk.filters_reversed
    name = layer_name(scene, scene.selection.layer, 20)
    words = [f"{name} {FROZEN}" if scene.layer.info.frozen else name, str(shown_quantity(scene)), order]
    return ", ".join(words + ([f"{marks} marked"] if marks else []))


def filters_columns(scene: Scene) -> Columns | None:
    """Return the numbers of every filter of the layer in focus, in the map's order."""
    layer = scene.layer
    if layer is None:
        return None
    flags, unseen, rows = _flags(scene, layer), not_seen(layer), []
    shown = mean_activation(scene.sample, scene.selection.chosen) if _by_marks(scene) and scene.sample else None
    for i in filter_order(scene, layer).tolist():
        state = "dead" if layer.dead[i] else "always on" if layer.always_on[i] else ""
        reached = str(layer.reached_step[i]) if layer.reached_step[i] >= 0 else "-"
        measured = [float(numbers[i]) if not unseen[i] else math.nan for numbers in (layer.maximum, layer.frequency)]
        numbers = [short(measured[0], ascii=True), reached, percent(measured[1], ascii=True)]
        numbers += [short(float(shown[i]), ascii=True)] if shown is not None else []
        rows.append([str(i), *numbers, state, "marked" if flags[i] else ""])
    mean = (str(Quantity.SELECTION),) if shown is not None else ()
    return ("filter", "maximum", "reached at step", "active on", *mean, "state", "marked"), rows


def _by_marks(scene: Scene) -> bool:
    return shown_quantity(scene) is Quantity.SELECTION


def filters_text(scene: Scene) -> str:
    """Return the numbers of every filter as text."""
    columns = filters_columns(scene)
    return "no layers" if columns is None else f"{layer_name(scene, scene.selection.layer)}\n\n{table(*columns)}"


def _view(desk: Desk) -> tuple[object, ...]:
    return desk.quantity, desk.by_selection, desk.by_value, desk.filters_reversed


PANE = Pane(
    PaneName.FILTERS,
    draw_filters,
    _facts,
    filters_text,
    lambda scene: (scene.snapshot, scene.selection, scene.sample, *_view(scene.desk)),
    filters_columns,
)
