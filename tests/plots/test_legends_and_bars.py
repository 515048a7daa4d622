import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.plots.bars import draw_bars
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import LEVELS, POINT_FROM, Ink, Look, intensity_inks, intensity_levels, label_inks
from deepeyes_tui.app.plots.label_legend import (
    QUALITY,
    draw_intensity,
    draw_labels,
    draw_quality,
    label_letter,
    label_letters,
    quality_inks,
    quality_letters,
)  # fmt: skip
from deepeyes_tui.app.plots.legend import draw_legend
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme

ANY = st.floats(allow_nan=True, allow_infinity=True)
GLYPHS = st.sampled_from(Glyphs)
PALETTES = st.sampled_from([Palette(theme, depth) for theme in Theme for depth in Depth])
OFTEN = settings(max_examples=120, deadline=None)


def labels(count, width, rows, **more):
    names, letters = [f"name{n}" for n in range(count)], [label_letter(n) for n in range(count)]
    inks = label_inks(np.arange(count), count).tolist()
    return draw_labels(width, rows, names, list(range(100, 100 + count)), inks, letters, **more)


def check(canvas, size, glyphs, palette):
    assert (canvas.width, canvas.height) == size
    assert "".join(canvas.lines()).isascii() or glyphs is not Glyphs.ASCII
    assert all(strip.cell_length == size[0] for strip in canvas.strips(palette.style))


def test_letters():
    assert [label_letter(n) for n in (0, 9, 10, 35, 36, 61, 62, -1)] == list("09azAZ0o")
    assert label_letters([[0, 10]]).tolist() == [[ord("0"), ord("a")]]


def test_labels_as_text():
    canvas = labels(3, 36, 2)
    assert canvas.lines() == ["■ 0 name0 100  ■ 1 name1 101        ", "■ 2 name2 102" + " " * 23]
    assert canvas.ink[0, :5].tolist() == [Ink.LABEL] * 3 + [0, 0]
    assert labels(2, 30, 1, glyphs=Glyphs.ASCII, colour=False).lines() == ["0 name0 100  1 name1 101      "]
    assert draw_labels(10, 1, ["7"], [1200], [64], ["7"]).lines() == ["■ 7: 1,200"]


def test_what_has_no_room_is_counted():
    canvas = labels(1000, 60, 3)
    written = "".join(canvas.lines())
    assert written.count("name") == 8
    assert "+ 992 more" in written
    assert "more" not in "".join(labels(4, 60, 1).lines())
    assert labels(5, 13, 1).lines() == ["+ 5 more     "]


def test_swatches_give_way_to_labels():
    assert labels(2, 26, 1).lines() == ["0 name0 100  1 name1 101  "]
    assert labels(2, 28, 1).lines() == ["■ 0 name0 100  ■ 1 name1 101"]


@pytest.mark.parametrize("width", [36, 48, 66, 86, 120])
def test_ten_named_labels_all_have_their_colours_told(width):
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    letters, inks = [label_letter(n) for n in range(10)], label_inks(np.arange(10), 10).tolist()
    canvas = draw_labels(width, 2, names, [1000 + n for n in range(10)], inks, letters)
    written = "\n".join(canvas.lines())
    assert all(f"{n} {name}" in written for n, name in enumerate(names)) == (width > 36)
    assert ("+ " in written) == (width == 36)
    assert set(inks) <= set(canvas.ink.ravel().tolist()) or width == 36
    assert ("1,009" in written) == (width >= 86)


def test_order_and_focus():
    canvas = labels(3, 30, 1, order=[2, 1], focus={1})
    assert canvas.lines()[0].split() == ["■", "2", "name2", "102", "■", "1", "name1", "101"]
    assert set(canvas.ink[0, :13].tolist()) == {Ink.GREYED}
    assert canvas.ink[0, 15] == Ink.LABEL + 1
    assert Look.DIM in labels(3, 30, 1, focus=set(), colour=False).look
    with pytest.raises(ValueError, match="none of them"):
        labels(3, 30, 1, order=[3])
    with pytest.raises(ValueError, match="as many counts"):
        draw_labels(30, 1, ["a"], [1, 2], [64], ["0"])


def test_intensity_as_text():
    canvas = draw_intensity(40, ramp=Ink.MAXIMUM, low=0, high=3.25, title="filter 12")
    assert canvas.lines()[0].strip() == "filter 12 0 " + "█" * 16 + " 3.25"
    assert sorted(set(canvas.ink[0, 12:28].tolist())) == list(range(Ink.MAXIMUM + POINT_FROM, Ink.MAXIMUM + LEVELS))
    assert draw_intensity(16, ramp=Ink.MAXIMUM, low=0, high=1, glyphs=Glyphs.ASCII).lines() == ["0 .:-=+*#%@ 1   "]


def test_levels_of_points():
    levels = intensity_levels([-1, 0, 1, 1.999, 2, 9, np.nan, np.inf], 2)
    assert levels.tolist() == [0, 0, 8, 15, 15, 15, -1, 15]
    assert intensity_levels([1, np.nan], 0).tolist() == [0, -1]
    inks = intensity_inks([-1, 0, 15], Ink.MAXIMUM).tolist()
    assert inks == [Ink.GREYED, Ink.MAXIMUM + POINT_FROM, Ink.MAXIMUM + LEVELS - 1]


def test_quality_as_text():
    wide, narrow = draw_quality(80), draw_quality(44)
    assert wide.lines()[0].split("  ")[:4] == ["■ . faithful", "■ f false neighbours", "■ t tears", "■ X both wrong"]
    assert narrow.lines()[0].split("  ")[:4] == ["■ . true", "■ f false", "■ t tears", "■ X both"]
    assert list(dict.fromkeys(ink for ink in wide.ink[0].tolist() if ink in QUALITY)) == list(QUALITY)
    assert draw_quality(60, colour=False, glyphs=Glyphs.ASCII).lines()[0].startswith(". faithful  f false neighbours")
    assert quality_inks([3, 0]).tolist() == [Ink.BOTH_WRONG, Ink.FAITHFUL]
    assert "".join(map(chr, quality_letters([0, 1, 2, 3]))) == ".ftX"


def test_bars_as_text():
    canvas = draw_bars(24, 4, [0.5, 1.0, np.nan], ["conv1", "fc", "out"], percent=True)
    assert canvas.lines() == [
        "conv1 ██████▌       50% ",
        "fc    █████████████ 100%",
        "out                 \N{EN DASH}   ",
        " " * 24,
    ]
    assert canvas.ink[0, 6] == Ink.BAR


def test_bars_have_errors_inks_and_a_top():
    canvas = draw_bars(24, 2, [2, 4], ["a", "b"], [Ink.UP, Ink.DOWN], errors=[0.25, np.nan], top=8, glyphs=Glyphs.ASCII)
    assert canvas.lines() == ["a ###           2 +-0.25", "b #######       4       "]
    assert canvas.ink[:, 2].tolist() == [Ink.UP, Ink.DOWN]
    assert draw_bars(20, 2, [1, 2, 3], list("abc")).lines()[1].strip() == "+ 2 more"
    assert draw_bars(12, 1, [5], ["a"]).lines() == ["a ████████ 5"]
    assert draw_bars(6, 1, [5], ["a"]).lines() == ["a 5   "]
    with pytest.raises(ValueError, match="2 bars need as many"):
        draw_bars(20, 2, [1, 2], ["a"])


@given(st.integers(0, 240), st.integers(0, 40), st.integers(0, 300), GLYPHS, st.booleans(), PALETTES)
@OFTEN
def test_any_number_of_labels(width, rows, count, glyphs, colour, palette):
    canvas = labels(count, width, rows, glyphs=glyphs, colour=colour, focus={1, 3})
    check(canvas, (width, rows), glyphs, palette)


@given(st.integers(0, 240), ANY, ANY, st.text(max_size=30), GLYPHS, st.booleans(), PALETTES)
@OFTEN
def test_any_keys(width, low, high, title, glyphs, colour, palette):
    canvas = draw_intensity(width, ramp=Ink.FREQUENCY, low=low, high=high, title=title, glyphs=glyphs, colour=colour)
    check(canvas, (width, 1), glyphs, palette)
    check(draw_quality(width, glyphs=glyphs, colour=colour), (width, 1), glyphs, palette)


@given(st.integers(0, 240), st.integers(0, 40), st.lists(st.tuples(ANY, ANY, st.text(max_size=9)), max_size=50),
       st.none() | ANY, st.booleans(), GLYPHS, PALETTES)  # fmt: skip
@OFTEN
def test_any_bars(width, height, rows, top, percent, glyphs, palette):
    values, errors, names = ([row[n] for row in rows] for n in range(3))
    canvas = draw_bars(width, height, values, names, errors=errors, top=top, percent=percent, glyphs=glyphs)
    check(canvas, (width, height), glyphs, palette)


@pytest.mark.parametrize("glyphs", [Glyphs.ASCII, Glyphs.BRAILLE])
@pytest.mark.parametrize("width", [60, 120])
def test_sizes_that_are_told_by_a_dim_look_alone_are_told_in_words(glyphs, width):
    row = draw_legend(width, ramp=Ink.MAXIMUM, low=0, high=1, glyphs=glyphs, colour=False).lines()[0]
    assert "dim" in row
    assert "old # # new" not in row
