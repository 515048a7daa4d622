from dataclasses import replace

import pytest

from deepeyes_tui.app import bindings
from deepeyes_tui.app.bindings import BINDINGS, PANES, Context, Group, PaneName, applicable, find
from deepeyes_tui.app.key_table import markdown
from deepeyes_tui.app.moves import MOVES, Room
from deepeyes_tui.app.panes.help import help_text
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.app.prompt import typed
from deepeyes_tui.app.scene import LayerOrder, Quantity, filter_order
from deepeyes_tui.app.search import matches, next_match, search
from deepeyes_tui.app.viewer import Viewer
from tests.app.driving import viewer
from tests.app.synthetic import many, scene, snapshot

ROOM = Room(78, 20)


def press(shown, *actions):
    for action in actions:
        shown = MOVES[action](shown, ROOM)
    return shown


def test_every_binding_does_something():
    effects = viewer().effects
    assert {b.id for b in BINDINGS} == {*MOVES, *effects, "pane", "panel_type"}
    assert isinstance(Viewer.effects, property)


def test_ids_and_keys_are_unique_where_they_apply():
    assert len({b.id for b in BINDINGS}) == len(BINDINGS)
    for focus in PANES:
        keys = [key for b in applicable(Context(focus=focus, searched=True)) for key in b.keys]
        assert len(keys) == len(set(keys))


def test_keys_that_terminals_and_multiplexers_keep_are_not_used():
    used = {key for b in BINDINGS for key in b.keys}
    assert not used & {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q"}
    assert not any(key.startswith("alt+") for key in used)


@pytest.mark.parametrize("focus", PANES)
@pytest.mark.parametrize("readonly", [False, True])
def test_help_lists_exactly_what_applies(focus, readonly):
    shown = replace(scene(), readonly=readonly).with_desk(focus=focus)
    lines = help_text(shown.with_desk(help=True)).splitlines()
    said = {line.strip() for line in lines if line.startswith("  ")}
    assert said == {f"{b.shown.ljust(12)}{b.does}" for b in applicable(shown.context)}
    assert ("pause / resume training" in help_text(shown)) is not readonly


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("focus", PANES)
def test_help_cuts_nothing_at_any_size(size, focus):
    shown, room = scene().with_desk(focus=focus, help=True), Room(size[0], size[1] - 5)
    seen = page = ""
    while (text := as_text(shown, *size)) != page:
        page = text
        seen += page
        shown = MOVES["down"](shown, room)
    words = set(seen.split())
    for binding in applicable(shown.context):
        assert set(binding.does.split()) <= words
    assert "…" not in seen
    if size == (120, 40):
        assert "scroll" not in seen.partition("resume training")[0]


def test_steering_keys_need_a_live_run():
    assert find("P", "P", Context()) is not None
    assert find("P", "P", Context(live=False)) is None
    assert find("P", "P", Context(readonly=True)) is None
    assert find("R", "R", Context(layers=False)) is None


def test_a_key_is_found_by_name_and_by_character():
    assert find("question_mark", "?", Context()).id == "help"
    assert find("left_square_bracket", "[", Context()).id == "previous_layer"
    assert find("space", " ", Context(focus=PaneName.FILTERS)).id == "mark"
    assert find("space", " ", Context(focus=PaneName.LOG)) is None


def test_the_readme_table_has_every_binding():
    table = markdown()
    assert all(b.does in table for b in BINDINGS)
    assert set(Group) == {b.group for b in BINDINGS}
    assert bindings.__doc__


def test_layers_are_walked_through_and_clipped():
    shown = press(scene().with_desk(focus=PaneName.LAYERS), "down", "down")
    assert shown.selection.layer == 2
    assert press(shown, "last").selection.layer == 3
    assert press(shown, "up", "up", "up", "up").selection.layer == 0
    assert press(scene().with_desk(focus=PaneName.LOG), "next_layer").selection.layer == 1


def test_a_sorted_list_is_walked_through_in_its_order():
    shown = press(scene().with_desk(focus=PaneName.LAYERS), "sort")
    assert shown.desk.layer_order is LayerOrder.STABLE
    assert press(shown, "down").selection.layer == 3
    assert press(shown, "reverse", "first").selection.layer == 2


def test_the_cursor_stays_with_its_filter_when_the_map_is_sorted_otherwise():
    shown = press(scene().with_desk(focus=PaneName.FILTERS), "right", "right")
    assert press(shown, "sort").selection == shown.selection
    assert press(shown, "quantity").desk.quantity is Quantity.FREQUENCY


def test_the_cursor_reaches_every_filter():
    shown = press(scene().with_desk(focus=PaneName.FILTERS), "first")
    seen = []
    for _ in range(20):
        seen.append(shown.selection.cursor)
        shown = press(shown, "right")
    assert seen == filter_order(shown, shown.layer).tolist()
    assert press(shown, "last").selection.cursor == seen[-1]


def test_marking_one_a_range_and_all():
    shown = press(
        scene().with_desk(focus=PaneName.FILTERS), "first", "mark", "right", "range", "right", "right", "range"
    )
    assert shown.selection.marks == set(filter_order(shown, shown.layer)[:4].tolist())
    assert len(press(shown, "mark_all").selection.marks) == 20
    assert press(shown, "escape").selection.marks == set()


def test_escape_goes_up_one_level_at_a_time():
    shown = press(scene().with_desk(focus=PaneName.FILTERS), "mark", "range", "full", "help")
    levels = [shown]
    for _ in range(6):
        levels.append(press(levels[-1], "escape"))
    assert not levels[1].desk.help
    assert levels[2].selection.anchor is None
    assert not levels[3].selection.marked
    assert not levels[4].desk.full
    assert [s.desk.focus for s in levels[4:]] == [PaneName.FILTERS, PaneName.LAYER, PaneName.LAYERS]


def test_enter_drills_in_and_backspace_goes_out():
    assert press(scene(), "open", "open").desk.focus is PaneName.FILTERS
    assert press(scene(), "open", "open", "back", "back", "back").desk.focus is PaneName.TRAINING


def test_the_log_follows_again_at_its_end():
    shown = replace(scene().with_desk(focus=PaneName.LOG), log=tuple(map(str, range(100))))
    up = press(shown, "up", "page_up")
    assert up.desk.log_end == 100 - 1 - 18
    assert press(up, "last").desk.log_end is None
    assert press(up, "page_down", "down").desk.log_end is None
    assert press(up, "first").desk.log_end == 20


def test_search_finds_layers_and_filters():
    shown = scene()
    assert matches(shown, "CONV") == [(0, None), (1, None)]
    assert matches(shown, "17") == [(0, 17)]
    assert matches(shown, "fc1:499") == [(2, 499)]
    assert matches(shown, "fc1:500") == matches(shown, "nothing") == []
    found = search(shown, "fc")
    assert (found.selection.layer, next_match(found, 1).selection.layer, next_match(found, -1).selection.layer) == (
        2,
        3,
        3,
    )
    assert search(shown, "zzz").desk.note == "nothing matches zzz"
    assert search(scene(snapshot(many())), "layers.99.conv").selection.layer == 297


def test_the_search_line_is_edited():
    shown = press(scene(), "search")
    for key, character in (("f", "f"), ("x", "x"), ("backspace", None), ("c", "c"), ("1", "1")):
        shown = typed(shown, key, character)
    assert shown.desk.typing == "fc1"
    assert typed(shown, "enter", "\r").selection.layer == 2
    assert typed(shown, "escape", None).desk.typing is None


def test_a_range_of_filters_is_ended_and_dropped_by_the_keys_that_the_hints_name():
    begun = press(scene().with_desk(focus=PaneName.FILTERS), "first", "range", "right")
    assert find("enter", None, begun.context).id == find("v", "v", begun.context).id == "end_brush"
    assert len(press(begun, "end_brush").selection.marks) == 2
    dropped = press(begun, find("escape", None, begun.context).id)
    assert dropped.selection.anchor is None
    assert not dropped.selection.marks
    assert "Enter mark" in as_text(begun, 120, 40)
    assert find("o", "o", begun.context) is None
