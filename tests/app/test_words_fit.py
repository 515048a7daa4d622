"""Words in little room: numbers are never cut, lines of the log break between words, one number has one value."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.chooser import About, Item, open_list
from deepeyes_tui.app.finding_moves import moved
from deepeyes_tui.app.found import finding_here, findings_of
from deepeyes_tui.app.moves import MOVES, to_layer, to_pane
from deepeyes_tui.app.panes.base import cut_to, wrapped
from deepeyes_tui.app.panes.findings import draw_findings
from deepeyes_tui.app.panes.header import header_text
from deepeyes_tui.app.panes.instances import caption, short_caption
from deepeyes_tui.app.panes.layers import draw_layers
from deepeyes_tui.app.panes.log import pieces
from deepeyes_tui.app.panes.training import draw_training
from deepeyes_tui.app.panes.words import purity_text
from deepeyes_tui.app.picture import Painter, as_text
from deepeyes_tui.app.plots.inks import Look
from deepeyes_tui.app.room import Room
from deepeyes_tui.link.snapshot import Series
from tests.app import synthetic
from tests.app.synthetic_maps import mapped
from tests.app.test_map_panes import on
from tests.findings.test_pane import scene as with_findings


@pytest.mark.parametrize("width", range(4, 24))
def test_captions_keep_their_number(width):
    shown = on(PaneName.INSTANCES)
    name, value, rank = caption(shown, shown.sample, 3)
    text = short_caption(shown, shown.sample, 3, width)
    brief = f"{float(value):.2g}".removeprefix("0")
    assert value in text.split() or text.endswith(brief)
    assert len(text) <= max(width, len(brief))
    assert text == f"{name} {brief}" or width != len(f"{name} {brief}")
    assert text == f"{name} {value} {rank}" or width < len(f"{name} {value} {rank}")


@pytest.mark.parametrize("width", [9, 12, 30])
def test_lines_of_the_log_break_between_words(width):
    text = "step 100  loss 0.8625  accuracy 74.29%"
    rows = list(pieces(text, width))
    assert max(map(len, rows)) <= width
    assert " ".join(rows).split() == text.split()


def test_a_long_word_of_the_log_is_broken_anyway():
    assert list(pieces("x" * 25, 10)) == ["x" * 10, "x" * 10, "x" * 5]


@pytest.mark.parametrize("at", [0.0, 9_000.0])
def test_header_and_legend_tell_one_value(at):
    painter = Painter()
    for value, published in ((1.25, at), (0.75, at and at + 0.3), (0.5, at and at + 1.1)):
        made = synthetic.snapshot(published_at=published, loss=0.1)
        curve = Series("loss", np.array([1, 2]), np.array([2.0, value], np.float32), np.zeros(2, np.int64))
        shown = synthetic.scene(replace(made, series={"loss": curve})).with_desk(focus=PaneName.TRAINING)
        text = "\n".join(painter.draw(shown, 120, 40).canvas.lines())
        (header,), (legend,) = re.findall(r"loss ([\d.]+) ", text), re.findall(r"training ([\d.]+) ", text)
        assert header == legend
    assert header == "0.5"


def test_at_the_end_the_header_tells_the_value_of_the_last_step():
    made = synthetic.snapshot(loss=0.0002)
    curve = Series("loss", np.array([1, 2]), np.array([2.0, 0.0017], np.float32), np.zeros(2, np.int64))
    shown = synthetic.scene(replace(made, series={"loss": curve}))
    assert "loss 0.0017" in header_text(shown)
    assert "loss 0.0002" in header_text(replace(shown, ended=True))


def test_a_flat_curve_takes_little_room():
    made = synthetic.snapshot()
    step, none = np.arange(9), np.zeros(9, np.int64)
    moving, flat = np.linspace(2, 1, 9, dtype=np.float32), np.full(9, 0.1, np.float32)
    curves = {name: Series(name, step, y, none) for name, y in (("loss", moving), ("learning_rate", flat))}
    shown = synthetic.scene(replace(made, series=curves))
    lines = list(draw_training(shown, 60, 40).lines())
    heads = [row for row, line in enumerate(lines) if line.startswith(("loss", "learning_rate"))]
    assert heads == [0, 33]


@pytest.mark.parametrize("pane", [PaneName.LAYERS, PaneName.LAYER, PaneName.FILTERS])
def test_a_frozen_layer_is_said_to_be(pane):
    made = synthetic.snapshot()
    layers = tuple(replace(info, frozen=info.name == "conv2") for info in made.layers)
    plain, frozen = (to_layer(synthetic.scene(shown), 1) for shown in (made, replace(made, layers=layers)))
    texts = [as_text(to_pane(shown, pane).with_desk(full=True), 100, 40) for shown in (plain, frozen)]
    assert ["frozen" in text for text in texts] == [False, True]


def test_the_list_names_each_frozen_layer():
    made = synthetic.snapshot()
    layers = tuple(replace(info, frozen=info.name == "conv2") for info in made.layers)
    rows = draw_layers(synthetic.scene(replace(made, layers=layers)), 54, 20).lines()
    assert [row.split()[0] for row in rows[1:5] if "frozen" in row] == ["conv2"]
    assert "change" in rows[0]


def test_what_is_too_long_for_its_rows_shows_that_it_goes_on():
    lines = wrapped("filter 0: maximum 1.42, last reached at step 602 (195 steps before the last look)", 30)
    assert cut_to(lines, 3, 30, ascii=False) == lines
    cut = cut_to(lines, 2, 30, ascii=False)
    assert cut[1].endswith("…")
    assert max(map(len, cut)) <= 30
    assert cut_to(lines, 0, 30, ascii=False) == []


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
def test_the_words_on_a_filter_end_with_their_last_word(size):
    made = synthetic.snapshot()
    made.arrays["dead"][:] = False
    made.arrays["reached_step"][:] = 602
    shown = to_pane(to_layer(synthetic.scene(made), 2), PaneName.FILTERS).with_desk(maps_screen=True)
    assert "before the last look)" in " ".join(as_text(shown, *size).split())


@pytest.mark.parametrize(
    ("error", "said"), [(0.004, ".89±<.01"), (0.01, ".89±.01"), (0.0, ".89±.00"), (math.nan, ".89")]
)
def test_a_small_error_is_not_none(error, said):
    numbers = replace(mapped().maps.survey.layers[0], purity=0.89, purity_error=error)
    assert purity_text(numbers) == said


def test_the_mark_of_what_is_not_known_is_in_the_legend():
    made = synthetic.snapshot()
    shown = to_pane(to_layer(synthetic.scene(made), 2), PaneName.FILTERS).with_desk(full=True)
    assert "? not known yet" not in as_text(shown, 120, 40)
    made.arrays["maximum"][:] = 0
    made.arrays["reached_step"][:] = -1
    assert "? not known yet" in as_text(shown, 120, 40)


@pytest.mark.parametrize("pane", [PaneName.LAYERS, PaneName.FILTERS])
def test_an_order_that_is_reversed_is_said_to_be(pane):
    shown = to_pane(synthetic.scene(), pane).with_desk(full=True)
    assert "reversed" not in as_text(shown, 120, 40)
    assert "reversed" in as_text(MOVES["reverse"](shown, Room(120, 36)), 120, 40)


def test_a_list_to_choose_from_says_how_it_is_left():
    about = replace(synthetic.scene(), beside=None)
    shown = open_list(about, About.BESIDE, [Item("one"), Item("other")])
    hints = as_text(shown, 120, 40).splitlines()[-1]
    assert all(hint in hints for hint in ("j k move", "Enter choose", "Esc back"))
    assert "no other run" in open_list(about, About.BESIDE, []).desk.note
    assert "no other model" in open_list(about, About.ROOT, []).desk.note


def test_titles_of_maps_begin_with_layer_and_step():
    shown = on(PaneName.INPUT_MAP)
    assert "fc1, step 21, " in as_text(shown, 120, 40)
    point = int(np.flatnonzero(shown.input_map.shape.weights.round() <= 1)[0])
    shown = replace(shown, selection=replace(shown.selection, point=int(shown.input_map.ids[point])))
    words = as_text(to_pane(shown, PaneName.INPUT_MAP).with_desk(full=True), 200, 60)
    assert "1 instance like this" in words


def test_all_lines_of_the_finding_under_the_cursor_stand_out_alike():
    shown = with_findings()
    for step in range(len(findings_of(shown))):
        here = moved(shown, step)
        canvas = draw_findings(here, 50, 200)
        reverse = (canvas.look & Look.REVERSE) > 0
        rows = ("".join(map(chr, glyphs[flags])) for glyphs, flags in zip(canvas.glyph, reverse, strict=True))
        assert " ".join(" ".join(rows).split()) == " ".join(finding_here(here).sentence.split())


def test_words_on_a_filter_of_the_map_tell_what_matters_first_and_its_title_fits():
    shown = on(PaneName.FILTER_MAP)
    shown = replace(shown, selection=replace(shown.selection, cursor=3))
    wide, less = (as_text(shown, *size) for size in ((200, 60), (120, 40)))
    assert re.search(r"filter 3: .*fires on .*, like 4 \(0\.\d\d\)", wide)
    assert re.search(r"fc1, 8 of 500 redundant ", less)
