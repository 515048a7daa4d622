"""Words in little room: numbers are never cut, lines of the log break between words, one number has one value."""

import re
from dataclasses import replace

import numpy as np
import pytest

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.moves import to_layer, to_pane
from deepeyes_tui.app.panes.instances import caption, short_caption
from deepeyes_tui.app.panes.layers import draw_layers
from deepeyes_tui.app.panes.log import pieces
from deepeyes_tui.app.panes.training import draw_training
from deepeyes_tui.app.picture import Painter, as_text
from deepeyes_tui.link.snapshot import Series
from tests.app import synthetic
from tests.app.test_map_panes import on


@pytest.mark.parametrize("width", range(4, 24))
def test_captions_keep_their_number(width):
    shown = on(PaneName.INSTANCES)
    name, value, rank = caption(shown, shown.sample, 3)
    text = short_caption(shown, shown.sample, 3, width)
    assert value in text.split()
    assert len(text) <= max(width, len(value))
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
    rows = draw_layers(synthetic.scene(replace(made, layers=layers)), 80, 20).lines()
    assert [row.split()[1] for row in rows[1:5] if "frozen" in row] == ["frozen"]
