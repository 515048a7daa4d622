"""What keys do on the maps: every one of them on a synthetic scene."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.bindings import BINDINGS, MAPS, PANES, PaneName
from deepeyes_tui.app.charts import chart_of, point_at_cursor
from deepeyes_tui.app.chosen import behind, flags_of, point_flags
from deepeyes_tui.app.maps import Maps
from deepeyes_tui.app.moves import MOVES, to_layer, to_pane
from deepeyes_tui.app.panes.instances import shows_marked
from deepeyes_tui.app.prompt import typed
from deepeyes_tui.app.room import Room
from deepeyes_tui.app.scene import MapShows, Quantity, shown_on_map, shown_quantity
from deepeyes_tui.app.selection import Combine
from tests.app.synthetic_maps import filter_map, mapped, maps, sample

ROOM = Room(70, 22)


def press(scene, *actions):
    for action in actions:
        scene = MOVES[action](scene, ROOM)
    return scene


def on(pane, **desk):
    return to_pane(mapped(), pane).with_desk(**desk)


def brushed(scene, pane=PaneName.INPUT_MAP):
    """Brush over a rectangle of 20 x 8 cells."""
    scene = press(scene, "range", *["right"] * 20, *["down"] * 8)
    assert scene.brush is not None
    return press(scene, "range")


def test_the_cursor_goes_from_point_to_point_and_back_into_view():
    scene = on(PaneName.INPUT_MAP)
    seen = set()
    for action in ("right", "right", "down", "left", "up", "page_down", "first", "last"):
        scene = press(scene, action)
        assert scene.selection.point in scene.sample.ids
        seen.add(scene.selection.point)
    assert len(seen) > 3


def test_a_brush_marks_all_instances_behind_the_points_in_it():
    scene = brushed(on(PaneName.INPUT_MAP))
    chart = chart_of(scene, PaneName.INPUT_MAP, ROOM.width, ROOM.height)
    start = on(PaneName.INPUT_MAP)
    started = press(start, "range")
    column, row = chart.cell_of(started.brush.anchor)
    cells = np.array([chart.cell(i) for i in range(len(chart.points))])
    inside = (cells >= (column, row)).all(1) & (cells <= (min(column + 20, 67), min(row + 8, 18))).all(1)
    assert inside.sum() > 3
    assert scene.selection.chosen == behind(scene.input_map, np.flatnonzero(inside))
    assert flags_of(scene.sample, scene.selection.chosen).sum() == len(scene.selection.chosen)
    assert point_flags(scene.input_map, scene.selection.chosen)[inside].all()


def test_escape_drops_the_rectangle_before_the_marks():
    scene = press(brushed(on(PaneName.INPUT_MAP)), "range", "right")
    marked = scene.selection.chosen
    scene = press(scene, "escape")
    assert scene.desk.brush is None
    assert scene.selection.chosen == marked
    assert press(scene, "escape").selection.chosen == frozenset()


def test_the_other_corner_can_be_moved():
    scene = press(on(PaneName.INPUT_MAP), "range", "right", "down")
    swapped = press(scene, "swap")
    assert (swapped.brush.anchor, swapped.brush.at) == (scene.brush.at, scene.brush.anchor)


@pytest.mark.parametrize("how", Combine)
def test_a_brush_combines_with_what_is_marked(how):
    first = brushed(on(PaneName.INPUT_MAP))
    second = press(first, "range", *["left"] * 4, *["down"] * 4).with_desk(combine=how)
    alone = press(second.with_desk(combine=Combine.REPLACE), "range").selection.chosen
    before, after = first.selection.chosen, press(second, "range").selection.chosen
    wanted = {
        Combine.ADD: before | alone,
        Combine.REPLACE: alone,
        Combine.KEEP: before & alone,
        Combine.REMOVE: before - alone,
    }
    assert alone
    assert after == wanted[how]


def test_inverting_and_undoing():
    scene = brushed(on(PaneName.INPUT_MAP))
    other = press(scene, "invert")
    assert other.selection.chosen == frozenset(scene.sample.ids.tolist()) - scene.selection.chosen
    assert press(other, "undo").selection.chosen == scene.selection.chosen
    assert press(other, "undo", "undo").selection.chosen == frozenset()
    assert press(other, "undo", "undo", "undo").selection.chosen == frozenset()


def test_marks_are_kept_under_a_name_and_taken_up_again():
    scene = brushed(on(PaneName.INPUT_MAP))
    chosen = scene.selection.chosen
    scene = press(scene, "keep")
    for key in "loops":
        scene = typed(scene, key, key)
    scene = typed(scene, "enter", None)
    scene = press(scene, "escape", "recall")
    scene = typed(typed(scene, "l", "l"), "enter", None)
    assert scene.selection.chosen == chosen
    assert "loops" in scene.desk.note
    wrong = typed(typed(press(scene, "recall"), "z", "z"), "enter", None)
    assert wrong.desk.note_is_error


def test_all_of_a_label_and_all_undetected():
    scene = press(on(PaneName.INPUT_MAP), "right", "same_label")
    chart = chart_of(scene, PaneName.INPUT_MAP, ROOM.width, ROOM.height)
    label = scene.input_map.labels[point_at_cursor(scene, PaneName.INPUT_MAP, chart)]
    assert scene.selection.chosen == frozenset(scene.sample.ids[scene.sample.labels == label].tolist())
    lost = press(scene.with_desk(combine=Combine.REPLACE), "undetected")
    assert lost.selection.chosen == frozenset(scene.sample.ids[scene.sample.undetected].tolist())
    assert len(lost.selection.chosen) > 5


def test_a_bar_of_the_histogram_marks_its_instances():
    scene = on(PaneName.LAYER)
    rare = press(scene, *["left"] * 3)
    assert rare.desk.bar == -1
    assert press(rare, "mark").selection.chosen == frozenset(scene.sample.ids[scene.sample.undetected].tolist())
    total = frozenset()
    for bar in range(-1, 30):
        total |= press(scene.with_desk(bar=bar), "mark").selection.chosen
    assert total == frozenset(scene.sample.ids.tolist())


def test_marking_instances_turns_the_heatmap_to_them_and_filters_the_map():
    scene = brushed(on(PaneName.INPUT_MAP))
    assert shown_quantity(scene) is Quantity.SELECTION
    assert shown_quantity(press(to_pane(scene, PaneName.FILTERS), "quantity")) is Quantity.MAXIMUM
    assert shown_on_map(scene) is MapShows.LABELS
    assert shown_on_map(press(to_pane(scene, PaneName.FILTERS), "mark")) is MapShows.ACTIVATION


def test_the_colours_go_round():
    scene = on(PaneName.INPUT_MAP)
    seen = []
    for _ in range(5):
        seen.append(shown_on_map(scene))
        scene = press(scene, "shows")
    assert seen == [*MapShows, MapShows.LABELS]


def test_drilling_in_takes_the_marked_landmarks_or_the_one_at_the_cursor():
    scene = press(on(PaneName.INPUT_MAP), "right")
    one = press(scene, "open")
    assert len(one.trail) == len(one.trail[0]) == 1
    marked = press(brushed(scene), "open")
    assert set(marked.trail[0]) == set(scene.input_map.ids.tolist()) & marked.selection.chosen
    assert press(marked, "back").trail == ()
    finest = replace(scene, maps=replace(scene.maps, input=_finest(scene.input_map)))
    assert press(finest, "open").trail == ()
    assert "nothing to go into" in press(finest, "open").desk.note


def _finest(shown):
    return replace(shown, shape=replace(shown.shape, level=0))


def test_zooming_in_and_all_the_way_out():
    scene = press(on(PaneName.INPUT_MAP), "right", "zoom_in", "zoom_in")
    chart = chart_of(scene, PaneName.INPUT_MAP, ROOM.width, ROOM.height)
    whole = chart_of(on(PaneName.INPUT_MAP), PaneName.INPUT_MAP, ROOM.width, ROOM.height)
    assert chart.view.width == pytest.approx(whole.view.width / 2.25)
    assert chart.cell(point_at_cursor(scene, PaneName.INPUT_MAP, chart))[0] >= 0
    assert press(scene, "zoom_out", "zoom_out").desk.views == {}


def test_the_filter_map_moves_the_cursor_that_all_panes_have():
    scene = press(on(PaneName.FILTER_MAP), "right", "down")
    assert 0 <= scene.selection.cursor < 500
    marked = press(brushed(scene), "same_label")
    assert marked.selection.marks
    group = filter_map().groups[0]
    at = replace(scene, selection=replace(scene.selection, cursor=group[0]))
    assert press(at, "open").selection.marks == frozenset(group)


def test_pictures_are_walked_through_and_shown_large():
    scene = replace(on(PaneName.INSTANCES), selection=replace(mapped().selection, cursor=3))
    first = press(scene, "right")
    second = press(first, "right")
    values = [float(scene.sample.activations[scene.sample.ids == s.selection.point, 3][0]) for s in (first, second)]
    assert values[0] >= values[1] > 0
    large = press(second, "open")
    assert large.desk.large
    assert not press(large, "back").desk.large
    assert press(second, "mark").selection.chosen == {second.selection.point}


def test_labels_are_searched_by_name():
    scene = press(on(PaneName.INPUT_MAP), "search")
    for key in ("=", "7"):
        scene = typed(scene, key, key)
    scene = typed(scene, "enter", None)
    assert scene.selection.labels == {7}
    assert press(scene, "escape").selection.labels == frozenset()


def test_another_layer_has_marks_and_maps_of_its_own():
    scene = brushed(on(PaneName.INPUT_MAP))
    other = to_layer(scene, 1)
    assert other.input_map is None
    assert other.sample is None
    assert other.selection.chosen == frozenset()
    assert to_layer(other, 2).selection.chosen == scene.selection.chosen


ACTIONS = sorted({binding.id for binding in BINDINGS if binding.id in MOVES} - {"search", "keep", "recall"})
EMPTY = maps(sample=None, input=None, filters=None, survey=None)
TINY = maps(sample=sample(size=3), input=None, filters=filter_map(filters=500))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(PANES)), max_size=25),
    st.sampled_from([maps(), EMPTY, TINY]),
    st.integers(1, 120),
    st.integers(1, 60),
)
def test_no_keys_in_any_order_break_anything(pressed, known, width, height):
    scene = replace(mapped(), maps=known)
    for action, pane in pressed:
        scene = MOVES[action](to_pane(scene, pane), Room(width, height))
        assert 0 <= scene.selection.cursor < scene.layer.info.filters
    assert set(MAPS) <= set(PANES)


@pytest.mark.parametrize("action", ["mark", "mark_all", "invert"])
def test_a_bar_whose_instances_are_not_here_says_where_they_come_from(action):
    unmapped = replace(mapped(), maps=Maps()).with_desk(maps_screen=False)
    scene = press(to_pane(unmapped, PaneName.LAYER), action)
    assert "open the Input Map (6) first" in scene.desk.note
    assert not scene.selection.chosen


def test_what_instances_are_listed_is_not_changed_in_secret_while_nothing_is_marked():
    scene = press(on(PaneName.INSTANCES), "ranking")
    assert "no instances are marked" in scene.desk.note
    assert shows_marked(press(scene, "mark_all"))


@pytest.mark.parametrize("how", [Combine.KEEP, Combine.REMOVE])
@pytest.mark.parametrize("pane", [PaneName.INPUT_MAP, PaneName.FILTER_MAP])
def test_a_brush_that_takes_from_marks_says_that_there_are_none(pane, how):
    scene = brushed(on(pane, combine=how), pane)
    assert "nothing is marked" in scene.desk.note
    assert scene.brush is None
