"""Any values, any size: nothing is raised, nothing is written outside, ASCII stays ASCII."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.plots.curve_points import Curve
from deepeyes_tui.app.plots.curves import draw_curves
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.heatmap import draw_heatmap, draw_legend, layout_heatmap
from deepeyes_tui.app.plots.histogram import draw_changes, draw_histogram
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.palette import Palette
from deepeyes_tui.app.plots.sparkline import sparkline

ANY = st.floats(allow_nan=True, allow_infinity=True)
SIZE = st.tuples(st.integers(0, 240), st.integers(0, 70))
VALUES = st.lists(ANY, max_size=60).map(np.array)
WIDE = st.one_of(VALUES, st.integers(0, 5000).map(lambda n: np.random.default_rng(n).normal(size=n)))
GLYPHS = st.sampled_from(Glyphs)
STYLE = Palette().style
OFTEN = settings(max_examples=150, deadline=None)


def check(canvas, size, glyphs):
    assert (canvas.width, canvas.height) == size
    lines = canvas.lines()
    if glyphs is Glyphs.ASCII:
        assert all(" " <= c <= "~" for line in lines for c in line)
    if glyphs is Glyphs.BLOCK:
        assert not any("\u2800" <= c <= "\u28ff" for line in lines for c in line)
    assert not any(c >= "\U0001fb00" for line in lines for c in line)
    assert all(strip.cell_length == size[0] for strip in canvas.strips(STYLE))


@given(
    SIZE, VALUES, VALUES, VALUES, GLYPHS, st.booleans(), st.booleans(), st.none() | ANY, st.none() | st.tuples(ANY, ANY)
)
@OFTEN
def test_curves(size, x, y, nonfinite, glyphs, log, percent, x_max, y_range):
    curves = [
        Curve("a\x1b[31m猫", x, y, nonfinite, Ink.TRAINING),
        Curve("b", np.arange(y.size), y, nonfinite, Ink.VALIDATION),
    ]
    canvas = draw_curves(
        *size, curves, title="t\n", x_max=x_max, y_range=y_range, y_log=log, glyphs=glyphs, percent=percent,
        marks=tuple(nonfinite),
    )  # fmt: skip
    check(canvas, size, glyphs)


@given(SIZE, VALUES, ANY, ANY, ANY, st.none() | ANY, GLYPHS, st.booleans())
@OFTEN
def test_histograms(size, shares, undetected, low, high, scale, glyphs, axis):
    canvas = draw_histogram(
        *size, shares, undetected=undetected, low=low, high=high, glyphs=glyphs, axis=axis, scale=scale
    )
    check(canvas, size, glyphs)
    check(draw_changes(*size, shares, undetected_change=undetected, glyphs=glyphs, scale=scale), size, glyphs)


@given(SIZE, WIDE, VALUES, VALUES, ANY, st.none() | st.integers(-5, 6000), GLYPHS, st.booleans(), st.booleans())
@OFTEN
def test_heatmaps(size, values, reliability, order, top, cursor, glyphs, colour, other_layout):
    layout = layout_heatmap(values.size, *size) if other_layout else None
    canvas = draw_heatmap(
        *size, values, reliability=reliability, ramp=Ink.FREQUENCY, order=order, top=top, dead=values < -1,
        always_on=values > 1, marked=reliability > 0, cursor=cursor, glyphs=glyphs, layout=layout, colour=colour,
    )  # fmt: skip
    check(canvas, size, glyphs)


@given(st.integers(0, 240), ANY, ANY, GLYPHS, st.booleans(), st.booleans(), st.sampled_from(["", "%", "x\x1b"]))
@OFTEN
def test_legends(width, low, high, glyphs, colour, half, unit):
    canvas = draw_legend(
        width, ramp=Ink.MAXIMUM, low=low, high=high, unit=unit, glyphs=glyphs, colour=colour, half=half
    )
    check(canvas, (width, 1), glyphs)


@given(VALUES, st.integers(0, 100), ANY, ANY, st.none() | ANY, GLYPHS)
@OFTEN
def test_sparklines(values, width, low, high, threshold, glyphs):
    text = sparkline(values, width, low=low, high=high, glyphs=glyphs, threshold=threshold)
    assert len(text) == width
    assert text.isascii() or glyphs is not Glyphs.ASCII


def test_sparkline():
    assert sparkline([0, 0.5, 1, np.nan, 2], 7, high=1) == "  ▁▅█ █"
    assert sparkline(np.arange(9), 3, high=8, glyphs=Glyphs.ASCII) == "*##"
    crossing = sparkline([0.04, 0.06], 2, high=1, threshold=0.05)
    assert crossing == "▂▃"
