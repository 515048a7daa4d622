import numpy as np
import pytest

from deepeyes_tui.app.plots.curve_axes import robust_bounds
from deepeyes_tui.app.plots.curve_points import Curve
from deepeyes_tui.app.plots.curves import draw_curves
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink


def curve(y, ink=Ink.TRAINING, name="training", x=None, **more):
    y = np.asarray(y, float)
    x = np.arange(y.size) if x is None else np.asarray(x)
    return Curve(name, x, y, np.zeros(y.size), ink, **more)


def test_a_rising_line_as_text():
    canvas = draw_curves(24, 7, [curve(np.arange(11), x=np.arange(11))], title="loss", glyphs=Glyphs.ASCII)
    assert canvas.lines() == [
        "loss  * training 10     ",
        "10|                 ****",
        "  |              ***    ",
        "  |       *******       ",
        "  |    ***              ",
        " 0|****                 ",
        "   0                  10",
    ]


@pytest.mark.parametrize("curves", [[], [curve([])]])
def test_nothing_to_draw_is_said(curves):
    assert "no values yet" in "\n".join(draw_curves(40, 9, curves).lines())


def test_a_first_huge_loss_does_not_flatten_the_rest():
    y = 2 * np.exp(-np.arange(200) / 50)
    y[0] = 1e6
    assert robust_bounds(y)[1] < 2
    canvas = draw_curves(60, 12, [curve(y)])
    assert "▲" in canvas.lines()[1]


def test_a_usual_loss_is_shown_whole():
    y = 2.3 * np.exp(-np.arange(1000) / 200) + 0.1
    assert robust_bounds(y) == (y.min(), y.max())


def test_what_is_not_a_number_is_marked_and_counted():
    y = np.ones(100)
    y[50] = np.nan
    y[60] = np.inf
    canvas = draw_curves(60, 10, [Curve("training", np.arange(100), y, np.eye(1, 100, 50)[0] * 41, Ink.TRAINING)])
    assert "42 NaN/inf" in canvas.lines()[0]
    assert (canvas.glyph == ord("\N{MULTIPLICATION SIGN}")).sum() == 2
    assert (canvas.ink[canvas.glyph == ord("\N{MULTIPLICATION SIGN}")] == Ink.ERROR).all()


@pytest.mark.parametrize("glyphs", Glyphs)
def test_validation_differs_without_colour(glyphs):
    one = draw_curves(60, 12, [curve(np.arange(50))], glyphs=glyphs).lines()
    other = draw_curves(60, 12, [curve(np.arange(50), Ink.VALIDATION)], glyphs=glyphs).lines()
    assert one[1:] != other[1:]


def test_legend_has_the_last_values():
    curves = [curve([3, 0.231]), curve([3, 0.245], Ink.VALIDATION, "validation")]
    assert draw_curves(60, 8, curves, title="loss").lines()[0].strip() == "loss  ━ training 0.231  ▪ validation 0.245"


def test_legend_shortens_names_before_it_drops_a_curve():
    curves = [curve([3, 0.231]), curve([3, 0.245], Ink.VALIDATION, "validation")]
    assert draw_curves(36, 8, curves, title="loss").lines()[0].strip() == "loss  ━ trai… 0.231  ▪ vali… 0.245"
    assert draw_curves(24, 8, curves, title="loss").lines()[0].strip() == "loss  ━ 0.231  ▪ 0.245"


def test_percent_and_a_fixed_range():
    text = "\n".join(draw_curves(60, 12, [curve([0.2, 0.3])], y_range=(0, 1), percent=True).lines())
    assert "100%" in text
    assert "0%" in text


def test_log_axis_leaves_out_what_has_no_logarithm():
    text = "\n".join(draw_curves(60, 16, [curve([0, -1, 1e-3, 1, 1e3])], y_log=True).lines())
    assert "100┤" in text
    assert "0.01┤" in text


def test_picture_stands_still_while_steps_come_in():
    y = np.linspace(1, 0, 151)
    before, after = (draw_curves(60, 12, [curve(y[:n], x=np.arange(n) * 10 + 10)]) for n in (140, 145))
    moved = (before.glyph != after.glyph)[1:, :50]
    assert not moved.any()


def test_marks_are_dashed_lines():
    canvas = draw_curves(60, 12, [curve(np.zeros(100))], marks=(50, float("nan"), 1e9))
    assert (canvas.glyph == ord("┊")).any(axis=0).sum() == 1


def test_an_axis_has_an_end_whatever_is_asked_for():
    canvas = draw_curves(40, 6, [curve([0.0])], x_max=1.1e308, glyphs=Glyphs.ASCII)
    assert "1.0e15" in canvas.lines()[-1]


@pytest.mark.parametrize("value", [0.01, 0.05, 0.3])
def test_values_of_single_precision_at_an_axis_end_are_not_beyond_it(value):
    steps = np.arange(40)
    changed = np.where(steps < 20, 2 * value, value).astype(np.float32)
    for y in (changed, np.full(40, value, np.float32)):
        shapes = "\n".join(draw_curves(60, 9, [curve(y)]).lines())
        assert not {"▼", "▲"} & set(shapes)


def test_a_dotted_curve_leaves_the_cells_of_a_line_to_it():
    steps = np.arange(80)
    line = curve(steps % 7 + 0.5 * (steps % 3))
    dotted = curve(np.full(80, 4.0), Ink.VALIDATION, "validation")
    alone, both = draw_curves(40, 12, [line]), draw_curves(40, 12, [line, dotted])
    body = np.s_[1:-2, 4:]
    lit = alone.ink[body] == Ink.TRAINING
    marked = both.glyph[body] == ord(dotted.marker_in(Glyphs.BRAILLE))
    assert marked.any()
    assert (both.ink[body][lit & ~marked] == Ink.TRAINING).all()
    assert (both.glyph[body][lit & ~marked] == alone.glyph[body][lit & ~marked]).all()
