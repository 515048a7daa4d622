"""What keys do on the maps and the instances: pure functions from scene to scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from deepeyes_tui.app import selection as select
from deepeyes_tui.app.bindings import KEY_OF, PaneName
from deepeyes_tui.app.charts import Chart, chart_of, point_at_cursor
from deepeyes_tui.app.chosen import behind, row_of
from deepeyes_tui.app.panes.instances import shown_rows, tiles_of
from deepeyes_tui.app.panes.layer import bins_of_sample
from deepeyes_tui.app.panes.map_words import waiting_words
from deepeyes_tui.app.panes.words import unit_name
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.plots.scatter import zoomed
from deepeyes_tui.app.room import Move, Room
from deepeyes_tui.app.scene import Asking, Brush, MapShows, Scene, shown_on_map
from deepeyes_tui.app.selection import Combine, Marks
from deepeyes_tui.link.snapshot import PERPLEXITY_BINS

ZOOM = 1.5
RENEWALS = (0, 200, 1000)
"""Steps after which a map is renewed by itself; 0: never."""
NARROWING = (Combine.KEEP, Combine.REMOVE)
"""What a brush does that needs marks."""
SIMILAR_STEP, LEAST_SIMILAR, MOST_SIMILAR = 0.05, 0.5, 0.95


def chart_in(scene: Scene, room: Room) -> Chart | None:
    """Return the map in focus."""
    return chart_of(scene, scene.desk.focus, room.width, room.height)


def move_on_map(scene: Scene, room: Room, dx: int, dy: int) -> Scene:
    """Move the brush's corner by cells, or the cursor to the next point in a direction."""
    chart = chart_in(scene, room)
    if chart is None:
        return scene
    if scene.brush is not None:
        column, row = chart.cell_of(scene.brush.at)
        column = min(max(column + dx, 0), chart.width - 1)
        row = min(max(row + dy, 0), chart.height - 1)
        return scene.with_desk(brush=replace(scene.brush, at=chart.at(column, row)))
    here = point_at_cursor(scene, scene.desk.focus, chart)
    there = None if here is None else _beyond(chart, here, dx, dy)
    return scene if there is None else to_point(scene, there)


def _beyond(chart: Chart, here: int, dx: int, dy: int) -> int | None:
    """Return the next point in a direction; from a point without a place, or for a long way, the one at the edge."""
    column, row = chart.cell(here)
    if column < 0:
        return chart.nearest(chart.width // 2, chart.height // 2)
    if max(abs(dx), abs(dy)) <= 1:
        return chart.beside(here, dx, dy)
    column = min(max(column + dx, 0), chart.width - 1)
    return chart.nearest(column, min(max(row + dy, 0), chart.height - 1))


def to_point(scene: Scene, point: int) -> Scene:
    """Put the cursor on a point of the map in focus."""
    if scene.desk.focus is PaneName.FILTER_MAP:
        return replace(scene, selection=replace(scene.selection, cursor=point))
    shown = scene.input_map
    return scene if shown is None else _to_instance(scene, int(shown.ids[point]))


def _to_instance(scene: Scene, id: int) -> Scene:
    return replace(scene, selection=replace(scene.selection, point=id))


def move_on_tiles(scene: Scene, room: Room, dx: int, dy: int) -> Scene:
    """Move the cursor over the pictures of instances."""
    rows, sample = shown_rows(scene), scene.sample
    if sample is None or not len(rows):
        return scene
    here = np.flatnonzero(rows == row_of(sample, scene.selection.point))
    layout = tiles_of(scene, room.width, room.height)
    if len(here):
        step = dx + dy * max(layout.columns, 1)
        place = min(max(int(here[0]) + step, 0), len(rows) - 1)
    else:
        place = 0
    return _to_instance(scene, int(sample.ids[rows[place]]))


def move_on_bars(scene: Scene, step: int) -> Scene:
    """Move the cursor over the bars of the perplexity histogram; -1 is the bar of undetected instances."""
    return scene.with_desk(bar=min(max(scene.desk.bar + step, -1), PERPLEXITY_BINS - 1))


def brush(scene: Scene, room: Room) -> Scene:
    """Begin a rectangle at the cursor, or end one: what lies in it is marked as the brush does."""
    chart = chart_in(scene, room)
    if chart is None:
        return scene
    if scene.brush is not None:
        return _end_brush(scene, chart.within(scene.brush))
    here = point_at_cursor(scene, scene.desk.focus, chart)
    cell = (-1, -1) if here is None else chart.cell(here)
    at = chart.at(*(cell if cell[0] >= 0 else (chart.width // 2, chart.height // 2)))
    return scene.with_desk(brush=Brush(scene.desk.focus, scene.selection.layer, at, at))


def _end_brush(scene: Scene, points: np.ndarray) -> Scene:
    """Mark what is in the rectangle; a brush that only takes from the marks needs some."""
    how, selection = scene.desk.combine, scene.selection
    marked = selection.marks if scene.desk.focus is PaneName.FILTER_MAP else selection.chosen
    if not marked and how in NARROWING:
        note = f"the brush {how}, and nothing is marked: o chooses another way"
        return scene.with_desk(brush=None, note=note, note_is_error=True)
    return mark_points(scene, points, how).with_desk(brush=None)


def swap(scene: Scene, _: Room) -> Scene:
    """Take hold of the other corner of the rectangle."""
    held = scene.brush
    return scene if held is None else scene.with_desk(brush=replace(held, anchor=held.at, at=held.anchor))


def mark_points(scene: Scene, points: np.ndarray, how: Combine) -> Scene:
    """Mark points of the map in focus: filters, or all instances that the points stand for."""
    selection = scene.selection
    if scene.desk.focus is PaneName.FILTER_MAP:
        marks = select.combined(selection.marks, points.tolist(), how)
        return replace(scene, selection=select.mark_filters(selection, marks))
    shown = scene.input_map
    return scene if shown is None else select_ids(scene, behind(shown, points), how)


def select_ids(scene: Scene, ids: Marks, how: Combine) -> Scene:
    """Select instances of the layer in focus."""
    chosen = select.combined(scene.selection.chosen, ids, how)
    return replace(scene, selection=select.select_instances(scene.selection, chosen))


def mark_at_cursor(scene: Scene, room: Room) -> Scene:
    """Mark what is under the cursor, or take its mark away."""
    focus, selection = scene.desk.focus, scene.selection
    if focus is PaneName.LAYER:
        return _toggle_ids(scene, ids_in_bar(scene)) if scene.sample is not None else _without_sample(scene)
    if focus is PaneName.INSTANCES:
        known = scene.sample is not None and row_of(scene.sample, selection.point) is not None
        return _toggle_ids(scene, frozenset({selection.point}) if known else select.NONE)  # type: ignore[arg-type]
    chart = chart_in(scene, room) if focus is PaneName.INPUT_MAP else None
    if chart is not None and scene.input_map is not None:
        here = point_at_cursor(scene, focus, chart)
        return scene if here is None else _toggle_ids(scene, behind(scene.input_map, np.array([here])))
    if focus is PaneName.INPUT_MAP:
        return scene
    return replace(scene, selection=select.toggle(selection, [selection.cursor]))


def _without_sample(scene: Scene) -> Scene:
    """Say why no instances can be marked: they come with the map of a layer."""
    name = printable(scene.layer_name, 40, scene.ascii)
    first = f"no instances of {name} are here yet: open the Input Map ({KEY_OF[PaneName.INPUT_MAP]}) first"
    return scene.with_desk(note=waiting_words(scene) if scene.desk.maps_screen else first, note_is_error=True)


def _toggle_ids(scene: Scene, ids: Marks) -> Scene:
    return replace(scene, selection=select.toggle_instances(scene.selection, ids)) if ids else scene


def ids_in_bar(scene: Scene) -> Marks:
    """Return the instances in the bar of the histogram that is under the cursor."""
    sample = scene.sample
    if sample is None:
        return select.NONE
    return frozenset(sample.ids[bins_of_sample(sample) == scene.desk.bar].tolist())


def mark_all(scene: Scene, _: Room) -> Scene:
    """Mark all instances or filters, as the pane in focus has them."""
    if scene.desk.focus in (PaneName.FILTERS, PaneName.FILTER_MAP):
        filters = scene.layer.info.filters if scene.layer is not None else 0
        return replace(scene, selection=select.mark(scene.selection, range(filters)))
    if scene.sample is None:
        return _without_sample(scene)
    return select_ids(scene, _everything(scene), Combine.ADD)


def invert(scene: Scene, _: Room) -> Scene:
    """Mark what is not marked, and nothing else."""
    selection = scene.selection
    if scene.desk.focus in (PaneName.FILTERS, PaneName.FILTER_MAP):
        filters = frozenset(range(scene.layer.info.filters)) if scene.layer is not None else select.NONE
        return replace(scene, selection=select.mark_filters(selection, filters - selection.marks))
    if scene.sample is None:
        return _without_sample(scene)
    return select_ids(scene, _everything(scene) - selection.chosen, Combine.REPLACE)


def _everything(scene: Scene) -> Marks:
    return frozenset(scene.sample.ids.tolist()) if scene.sample is not None else select.NONE


def label_at_cursor(scene: Scene, room: Room) -> int | None:
    """Return the label of the point under the cursor."""
    chart = chart_in(scene, room)
    here = None if chart is None else point_at_cursor(scene, scene.desk.focus, chart)
    if here is None:
        return None
    labels = scene.filter_map.label if scene.desk.focus is PaneName.FILTER_MAP and scene.filter_map else None
    if labels is None and scene.input_map is not None:
        labels = scene.input_map.labels
    label = int(labels[here]) if labels is not None else -1
    return label if label >= 0 else None


def mark_same_label(scene: Scene, room: Room) -> Scene:
    """Mark every point with the label of the one under the cursor."""
    label = label_at_cursor(scene, room)
    if label is None:
        return scene.with_desk(note="there is no label under the cursor", note_is_error=True)
    if scene.desk.focus is PaneName.FILTER_MAP and scene.filter_map is not None:
        return mark_points(scene, np.flatnonzero(scene.filter_map.label == label), scene.desk.combine)
    assert scene.sample is not None
    ids = frozenset(scene.sample.ids[scene.sample.labels == label].tolist())
    return select_ids(scene, ids, scene.desk.combine)


def only_label(scene: Scene, room: Room) -> Scene:
    """Put the label under the cursor among those in question, or take it out again."""
    label = label_at_cursor(scene, room)
    if label is None:
        return scene
    return replace(scene, selection=replace(scene.selection, labels=scene.selection.labels ^ {label}))


def undetected(scene: Scene, _: Room) -> Scene:
    """Mark the instances that no filter detects."""
    sample = scene.sample
    if sample is None:
        return scene
    ids = frozenset(sample.ids[sample.undetected].tolist())
    said = f"{len(ids):,} of {sample.size:,} instances are undetected"
    return select_ids(scene, ids, scene.desk.combine).with_desk(note=said, note_is_error=False)


def drill_in(scene: Scene, room: Room) -> Scene:
    """Go into the marked landmarks, or into the one under the cursor."""
    shown = scene.input_map
    chart = chart_in(scene, room)
    if shown is None or chart is None:
        return scene
    if shown.shape.level == 0:
        return scene.with_desk(note="every instance is shown already: there is nothing to go into")
    chosen = scene.selection.chosen
    marked = [id for id in shown.ids.tolist() if id in chosen]
    here = point_at_cursor(scene, PaneName.INPUT_MAP, chart)
    into = tuple(marked) if marked else () if here is None else (int(shown.ids[here]),)
    return _with_trail(scene, (*shown.shape.trail, into)) if into else scene


def go_out(scene: Scene) -> Scene:
    """Go back out to the map before."""
    return _with_trail(scene, scene.trail[:-1])


def _with_trail(scene: Scene, trail: tuple[tuple[int, ...], ...]) -> Scene:
    layer = scene.selection.layer
    views = {key: view for key, view in scene.desk.views.items() if key != (PaneName.INPUT_MAP, layer)}
    return scene.with_desk(trails={**scene.desk.trails, layer: trail}, views=views, brush=None)


def mark_group(scene: Scene) -> Scene:
    """Mark the filters that are redundant with the one under the cursor."""
    groups = scene.filter_map.groups if scene.filter_map is not None else ()
    group = next((group for group in groups if scene.selection.cursor in group), None)
    if group is None:
        return scene.with_desk(note=f"{unit_name(scene.layer)} {scene.selection.cursor} is redundant with no other")
    return replace(scene, selection=select.mark(scene.selection, group))


def _zoom(factor: float) -> Move:
    def move(scene: Scene, room: Room) -> Scene:
        chart = chart_in(scene, room)
        if chart is None:
            return scene
        here = point_at_cursor(scene, scene.desk.focus, chart)
        at = None if here is None else (float(chart.points[here, 0]), float(chart.points[here, 1]))
        around = at if at is not None and np.isfinite(at).all() else None
        view = zoomed(chart.view, factor, around)
        key = scene.desk.focus, scene.selection.layer
        views = {other: kept for other, kept in scene.desk.views.items() if other != key}
        whole = chart_of(scene.with_desk(views=views), key[0], room.width, room.height)
        if whole is not None and view.width < whole.view.width:
            views = {**views, key: view}
        return scene.with_desk(views=views)

    return move


def _shows(scene: Scene, _: Room) -> Scene:
    modes = list(MapShows)
    after = modes[(modes.index(shown_on_map(scene)) + 1) % len(modes)]
    automatic = shown_on_map(scene.with_desk(shows=None))
    return scene.with_desk(shows=None if after is automatic else after)


def _ranking(scene: Scene, _: Room) -> Scene:
    """List the marked instances, or the strongest of the filter."""
    if not scene.selection.chosen:
        note = "no instances are marked: these are the strongest of the filter"
        return scene.with_desk(strongest=False, note=note, note_is_error=True)
    return scene.with_desk(strongest=not scene.desk.strongest, large=False)


def _combine(scene: Scene, _: Room) -> Scene:
    ways = list(Combine)
    way = ways[(ways.index(scene.desk.combine) + 1) % len(ways)]
    return scene.with_desk(combine=way, note=f"the brush {way}", note_is_error=False)


def _renew_every(scene: Scene, _: Room) -> Scene:
    steps = RENEWALS[(RENEWALS.index(scene.desk.renew_every) + 1) % len(RENEWALS)]
    note = f"maps are renewed every {steps} steps" if steps else "maps are renewed by r alone"
    return scene.with_desk(renew_every=steps, note=note, note_is_error=False)


def _similar(step: float) -> Move:
    def move(scene: Scene, _: Room) -> Scene:
        similar = round(min(max(scene.desk.similar + step, LEAST_SIMILAR), MOST_SIMILAR), 2)
        return scene.with_desk(
            similar=similar,
            note=f"{unit_name(scene.layer, 2)} are joined from similarity {similar}",
            note_is_error=False,
        )

    return move


def keep(scene: Scene, _: Room) -> Scene:
    """Ask for the name under which the marks are kept."""
    if not (scene.selection.marked or scene.selection.instances):
        return scene.with_desk(note="mark something first: there is nothing to keep", note_is_error=True)
    return scene.with_desk(typing="", asking=Asking.KEEP)


def recall(scene: Scene, _: Room) -> Scene:
    """Ask for the name under which marks were kept."""
    if not scene.selection.named:
        return scene.with_desk(note='nothing is kept: " keeps the marks under a name', note_is_error=True)
    return scene.with_desk(typing="", asking=Asking.RECALL)


MAP_MOVES: Mapping[str, Move] = {
    "keep": keep,
    "recall": recall,
    "swap": swap,
    "combine": _combine,
    "invert": invert,
    "undo": lambda scene, _: replace(scene, selection=select.undo(scene.selection)),
    "same_label": mark_same_label,
    "only_label": only_label,
    "undetected": undetected,
    "shows": _shows,
    "ranking": _ranking,
    "letters": lambda scene, _: scene.with_desk(letters=not scene.desk.letters),
    "zoom_in": _zoom(ZOOM),
    "zoom_out": _zoom(1 / ZOOM),
    "renew": lambda scene, _: scene.with_desk(renewals=scene.desk.renewals + 1),
    "renew_every": _renew_every,
    "looser": _similar(-SIMILAR_STEP),
    "stricter": _similar(SIMILAR_STEP),
}
