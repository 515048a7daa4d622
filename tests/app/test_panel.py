"""The panel for editing the training: values as they are read and stepped, and what is drawn."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.bindings import applicable
from deepeyes_tui.app.panel import MOST_NEW, Panel
from deepeyes_tui.app.panel_moves import PANEL_MOVES, begin_typing, entered
from deepeyes_tui.app.panel_rows import row_here, rows
from deepeyes_tui.app.panes.help import help_text
from deepeyes_tui.app.panes.panel import draw_panel, panel_lines
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Look
from deepeyes_tui.app.quantities import NAMES, after_values, groups_text, read_count, read_value, stepped, value_text
from deepeyes_tui.app.room import Room
from deepeyes_tui.link.messages import GROWTHS, HYPERPARAMETERS
from deepeyes_tui.link.preview import Setting, Settings
from tests.app import synthetic
from tests.app.driving import SIZES
from tests.app.steered import ADAMW

ROOM = Room(78, 20)
WIDE = synthetic.snapshot(synthetic.infos((("a.very.long.layer.name." * 8, "ConvTranspose2d", 4096, 10**8, (), ()),)))


def shown(told=ADAMW, marks=(), row="lr", **changes):
    scene = synthetic.scene(**changes).with_desk(panel=replace(Panel(generation=1).told(told), row=row))
    return replace(scene, selection=replace(scene.selection, marked={0: frozenset(marks)} if marks else {}))


def press(scene, *actions):
    for action in actions:
        scene = PANEL_MOVES[action](scene, ROOM)
    return scene


def row(scene, id):
    return next(row for row in rows(scene) if row.id == id)


def test_values_are_written_short():
    said = [value_text(value) for value in (0.001, 5e-5, 0.9, 0.01, 0, 1024, [0.9, 0.999], 1.23456e-7, 0.3, 2.0)]
    assert said == ["1e-3", "5e-5", "0.9", "0.01", "0", "1024", "0.9, 0.999", "1.235e-7", "0.3", "2"]
    assert value_text(None, ascii=True) == "-"
    assert value_text(math.nan) == "nan"
    assert value_text("\x1b[31mred") == "red"


def test_groups_are_named_and_counted():
    assert groups_text((0.1,)) == "0.1"
    assert groups_text((0.1, 0.01)) == "0.1, 0.01 (2 groups)"
    assert groups_text((0.1,) * 12, counted=False) == "0.1, 0.1, 0.1, ..."
    assert groups_text(([0.9, 0.99], [0.8, 0.9])) == "0.9, 0.99; 0.8, 0.9 (2 groups)"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("lr", " 1e-4 ", 1e-4),
        ("momentum", "0", 0.0),
        ("betas", "0.9 0.99", [0.9, 0.99]),
        ("betas", "(0.9, 0.99)", [0.9, 0.99]),
        ("weight_decay", "0", 0.0),
        ("batch_size", "64", 64),
    ],
)
def test_what_is_typed_is_read(name, text, value):
    assert read_value(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("lr", text) for text in ("0", "-1", "nan", "inf", "1_0", "\uff11", "1e999", "", "fast", "0,1")),
        *(("momentum", text) for text in ("1", "-0.1", "0.9 0.9")),
        *(("betas", text) for text in ("0.9", "0.9 1", "0.9 x", "0.9 0.9 0.9")),
        *(("weight_decay", text) for text in ("-1e-4", "none")),
        *(("batch_size", text) for text in ("0", "-2", "\uff11", "1.5", "9" * 20, "many")),
    ],
)
def test_nonsense_is_refused_in_a_sentence(name, text):
    with pytest.raises(ValueError, match=r"will not do: .+ (is|are) .*number"):
        read_value(name, text)


@given(st.sampled_from(HYPERPARAMETERS), st.text(max_size=30))
def test_whatever_is_typed_is_a_value_or_a_sentence(name, text):
    try:
        value = read_value(name, text)
    except ValueError:
        return
    assert read_value(name, value_text(value, digits=17)) == value


def test_new_filters_are_counted():
    assert read_count("12", MOST_NEW) == 12
    for text in ("0", "-1", "x", str(MOST_NEW + 1), ""):
        with pytest.raises(ValueError, match=f"1 to {MOST_NEW}"):
            read_count(text, MOST_NEW)


def test_steps_go_up_and_back_down():
    for name, value in (("lr", 0.001), ("momentum", 0.9), ("weight_decay", 0.01), ("batch_size", 64)):
        up = stepped(name, value, 1)
        assert up > value
        assert stepped(name, up, -1) == value
    assert stepped("betas", [0.9, 0.999], 1) == [0.95, 0.999]
    assert stepped("weight_decay", 0, 1) > 0
    assert stepped("weight_decay", 1e-6, -1) == 0
    assert stepped("batch_size", 1, -1) == 1
    for name, value in (("lr", 0), ("lr", None), ("lr", "0.1"), ("momentum", None), ("betas", None)):
        with pytest.raises(ValueError, match="type a value"):
            stepped(name, value, 1)


@given(
    st.sampled_from(("lr", "momentum", "weight_decay", "batch_size")),
    st.lists(st.sampled_from((-1, 1)), max_size=60),
)
def test_steps_stay_what_can_be_set(name, signs):
    value = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "batch_size": 8}[name]
    for sign in signs:
        value = stepped(name, value, sign)
        assert read_value(name, value_text(value, digits=17)) == value


def test_ratios_of_groups_are_kept_by_rates_and_decays():
    assert after_values("lr", (0.0, 0.1, 0.01), 0.05) == pytest.approx((0.0, 0.05, 0.005))
    assert after_values("momentum", (0.9, 0.8), 0.5) == (0.5,)
    assert after_values("weight_decay", (0.01, 0.1), 0.0) == (0.0,)
    assert after_values("lr", (0.0, 0.0), 0.1) == (0.1,)


def test_a_proposal_that_came_true_is_none_any_more():
    scene = press(shown(), "panel_more")
    assert row(scene, "lr").proposal == "2e-3"
    told = replace(ADAMW, settings=(Setting("lr", (0.002,), ""), *ADAMW.settings[1:]))
    panel = scene.desk.panel.told(told)
    assert dict(panel.proposals) == {}
    assert dict(scene.desk.panel.told(ADAMW).proposals) == {"lr": 0.002}
    assert row(press(scene, "panel_less"), "lr").proposal == ""


def test_the_cursor_walks_through_all_rows():
    scene, seen = shown(), []
    for _ in rows(scene):
        seen.append(row_here(scene).id)
        scene = press(scene, "down")
    assert seen == [row.id for row in rows(scene)]
    assert row_here(press(scene, "first")).id == "lr"
    assert row_here(press(scene, "first", "page_down", "page_up", "last", "down")).id == "save"


def test_the_filter_that_is_split_is_the_marked_one_or_the_cursors():
    scene = press(shown(row="way"), "panel_more")
    assert row(scene, "grow").command.arguments["how"] == GROWTHS[1]
    assert row(scene, "grow").command.arguments["source"] == scene.selection.cursor
    marked = press(shown(marks=[7], row="way"), "panel_more")
    assert row(marked, "grow").command.arguments["source"] == 7
    assert "split filter 7" in row(marked, "way").value
    assert row(press(marked, "panel_more"), "grow").command.arguments["source"] is None
    assert "output changes" in row(press(marked, "panel_more"), "way").value


@pytest.mark.parametrize(
    ("frozen", "marks", "freeze", "unfreeze"),
    [
        ({}, (), "", "nothing of it is frozen"),
        ({"conv1": ()}, (), "already", ""),
        ({"conv1": ()}, (3,), "already", "as a whole"),
        ({"conv1": (3, 4)}, (3,), "already", ""),
        ({"conv1": (3, 4)}, (3, 5), "", ""),
        ({"conv1": (3, 4)}, (5,), "", "none of the marked"),
        ({"conv1": (3, 4)}, (), "", ""),
        ({"conv2": ()}, (), "", "nothing of it"),
    ],
)
def test_what_can_be_frozen_and_what_not(frozen, marks, freeze, unfreeze):
    scene = shown(replace(ADAMW, frozen=frozen), marks)
    for id, part in (("freeze", freeze), ("unfreeze", unfreeze)):
        assert part in row(scene, id).refusal
        assert bool(row(scene, id).refusal) is bool(part)
        assert row(scene, id).command.arguments["filters"] == (list(marks) or None)


def test_the_line_that_is_typed_keeps_nonsense_and_says_why():
    scene = begin_typing(shown())
    assert scene.desk.typing == ""
    wrong = entered(scene.with_desk(typing="no"), "no")
    assert wrong.desk.typing == "no"
    assert "a learning rate is a number above 0" in as_text(wrong, 80, 24)
    right = entered(wrong, "0.01")
    assert right.desk.typing is None
    assert "1e-3 -> 0.01" in as_text(right, 80, 24)
    assert "will not do" not in as_text(right, 80, 24)
    assert row(entered(begin_typing(shown(row="grow")), "9"), "grow").value == "9 filters: 20 -> 29"
    assert begin_typing(shown(row="undo")).desk.typing is None


def test_what_is_so_already_is_said_and_not_asked():
    lr = 0.0194300816453
    told = replace(ADAMW, settings=(Setting("lr", (lr, 2 * lr), ""), *ADAMW.settings[1:]))
    for typed in (str(lr), f"{lr:.15g}"):
        same = entered(begin_typing(shown(told)), typed)
        assert same.desk.question is None
        assert dict(same.desk.panel.proposals) == {}
        assert same.desk.note == "the learning rate is 0.01943, 0.03886 (2 groups) already"
    near = entered(begin_typing(shown(told)), "0.01943")
    assert "0.0194300816453, 0.0388601632906 (2 groups) -> 0.01943, 0.03886?" in near.desk.question.text
    assert entered(begin_typing(shown(row="betas")), "0.9 0.999").desk.question is None


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("glyphs", Glyphs)
def test_everything_is_seen_at_every_size(width, height, glyphs):
    scene = shown(glyphs=glyphs, colour=False)
    text = as_text(scene, width, height)
    for one in rows(scene):
        assert f" {one.label} " in text
    assert "AdamW has no momentum" in text
    assert glyphs is not Glyphs.ASCII or text.isascii()


@settings(deadline=None)
@given(st.integers(80, 240), st.integers(24, 70), st.sampled_from([*NAMES, "grow", "way", "freeze", "undo", "save"]))
def test_the_cursor_and_its_words_are_always_in_sight(width, height, id):
    long, made = WIDE.layers[0].name, WIDE
    groups = tuple(10.0**-k for k in range(30))
    told = Settings(
        (
            Setting("lr", groups, ""),
            Setting("momentum", (0.9,), "the momentum follows OneCycleLR, which would set it back " * 4),
            *ADAMW.settings[2:],
        ),
        {long: tuple(range(0, 4000, 2)), "other": ()},
        "add a layer behind " + long,
        1,
    )
    scene = shown(told, marks=range(0, 4000, 3), row=id, made=made)
    canvas = draw_panel(scene, width, height)
    lines = canvas.lines()
    assert sum(line.startswith("▸") for line in lines) == 1
    assert any(line[4:].startswith(row_here(scene).label) for line in lines)
    assert all(len(line) == width for line in lines)
    here = next(number for number, line in enumerate(lines) if line.startswith("▸"))
    assert any(line.strip() for line in lines[max(here + 1, 19) :])
    assert (canvas.look & Look.REVERSE).any()


def test_what_does_not_fit_scrolls_with_the_cursor():
    scene = shown(row="save")
    lines = draw_panel(scene, 80, 12).lines()
    assert any("save" in line for line in lines)
    assert not any("learning rate" in line for line in lines)
    assert any("learning rate" in line for line in draw_panel(press(scene, "first"), 80, 12).lines())


def test_parts_stand_apart_where_there_is_room():
    scene = shown()
    assert [line for line in panel_lines(scene, apart=False) if isinstance(line, str)] == [
        "Hyper-parameters",
        "Layer conv1: Conv2d, 20 filters",
        "Run",
    ]
    assert panel_lines(scene, apart=True).count("") == 2


def test_before_there_are_layers_it_has_no_part_for_one():
    scene = shown(made=synthetic.snapshot(()))
    assert {row.section for row in rows(scene)} == {"Hyper-parameters", "Run"}
    assert "Layer" not in "\n".join(draw_panel(scene, 80, 21).lines())


def test_what_is_frozen_elsewhere_is_told():
    text = as_text(shown(replace(ADAMW, frozen={"conv2": (), "fc1": (3, 4, 5)})), 80, 24)
    assert "frozen by now: conv2; fc1 3-5" in text


def test_no_key_means_two_things_in_the_panel():
    keys = [key for binding in applicable(shown().context) for key in binding.keys]
    assert len(keys) == len(set(keys))
    assert {"enter", "E", "5", "h", "escape", "[", "P"} <= set(keys)


def test_help_lists_the_panels_keys():
    text = help_text(shown())
    assert "close the panel" in text
    assert "type another value" in text
    assert "go to the pane of this number" not in text
