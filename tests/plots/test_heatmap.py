import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.heatmap import draw_heatmap, draw_legend, layout_heatmap
from deepeyes_tui.app.plots.inks import Ink, Look

CROSS = "\N{MULTIPLICATION SIGN}"


def draw(width, height, values, **more):
    values = np.asarray(values, float)
    none = np.zeros(values.size, bool)
    given = {
        "reliability": np.ones(values.size), "ramp": Ink.MAXIMUM, "order": np.arange(values.size), "top": 1.0,
        "dead": none, "always_on": none, "marked": none, "cursor": None,
    }  # fmt: skip
    return draw_heatmap(width, height, values, **(given | more))


def flags(size, *on):
    return np.isin(np.arange(size), on)


def test_size_says_reliability():
    canvas = draw(10, 1, [1, 1, 1, 1, 1], reliability=[0, 0.3, 0.5, 0.7, 1])
    assert canvas.lines() == ["· ▪ ■ ▐▌██"]
    assert (canvas.ink == Ink.MAXIMUM + 15).all()


def test_marks_are_shapes():
    canvas = draw(10, 1, [0, 1, 1, 1, np.nan], dead=flags(5, 0), always_on=flags(5, 1), marked=flags(5, 2), cursor=3)
    assert canvas.lines() == [f"{CROSS} ▲█▐▌[]? "]
    assert (canvas.ground[0, 4:6] == Ink.SELECTED).all()
    assert (canvas.ground[0, 6:8] == Ink.CURSOR).all()


def test_order_says_which_filter_stands_where():
    canvas = draw(6, 1, [0, 0.5, 1], order=np.array([2, 0, 1]))
    assert (canvas.ink[0, ::2] - Ink.MAXIMUM).tolist() == [15, 0, 8]


def test_without_colour_and_in_ascii_the_glyph_says_the_value():
    values = [0, 0.5, 1]
    assert draw(6, 1, values, colour=False).lines() == ["▁ ▄ ▇ "]
    canvas = draw(6, 1, values, glyphs=Glyphs.ASCII, reliability=[1, 1, 0], dead=flags(3, 0))
    assert canvas.lines() == ["x + @ "]
    assert canvas.look[0, 4] == Look.DIM


def test_two_filters_share_a_cell():
    values = np.array([1, 0.5, 0, 1] * 4)
    layout = layout_heatmap(16, 8, 1)
    assert layout.half
    canvas = draw(8, 1, values)
    assert canvas.lines() == ["▀" * 8]
    assert canvas.ink[0, :4].tolist() == [47, 40, 32, 47]
    faint = draw(8, 1, values, reliability=np.zeros(16))
    assert (faint.ink >= Ink.MAXIMUM_FADED).all()


def test_half_cells_mark_dead_and_always_on_filters_and_the_cursor():
    canvas = draw(8, 1, np.ones(16), dead=flags(16, 0), always_on=flags(16, 1, 10), cursor=12)
    assert canvas.lines() == [f"{CROSS}▲▄▄▀▄▄▀"]
    assert canvas.ink[0, 2] == Ink.POINTER


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("glyphs", Glyphs)
@given(st.integers(1, 5000), st.integers(1, 130), st.integers(1, 45))
@settings(max_examples=60, deadline=None)
def test_every_place_has_its_cell(glyphs, colour, filters, width, height):
    layout = layout_heatmap(filters, width, height, glyphs=glyphs, colour=colour)
    assert layout.columns * layout.cell_width <= width
    assert layout.height <= height
    for place in {0, filters // 2, filters - 1}:
        row, column = layout.cell_of(place)
        assert 0 <= row < height
        assert 0 <= column < width
        first = layout.place_at(row, column)
        block = place // layout.filters_per_cell
        above = block - layout.columns if layout.half and block // layout.columns % 2 else block
        assert first == above * layout.filters_per_cell
    assert layout.place_at(-1, 0) is None
    assert layout.place_at(0, width + 1) is None


@given(st.integers(1, 3000), st.integers(1, 100), st.integers(1, 30), st.integers(0, 3000), st.integers(-9, 9),
       st.integers(-9, 9))  # fmt: skip
def test_moves_stay_inside(filters, width, height, place, dx, dy):
    layout = layout_heatmap(filters, width, height)
    assert 0 <= layout.move(place, dx, dy, filters) < filters


def test_moves():
    layout = layout_heatmap(20, 16, 3)
    assert layout.columns == 8
    assert [layout.move(9, *d, 20) for d in ((1, 0), (-1, 0), (0, 1), (0, -1))] == [10, 8, 17, 1]
    assert layout.move(14, 0, 1, 20) == 19
    assert layout.move(19, 0, 1, 20) == 19
    assert layout.move(3, 0, -1, 20) == 3
    assert layout.move(7, 1, 0, 20) == 8


def test_few_filters_get_large_cells_and_many_share_one():
    assert layout_heatmap(6, 60, 12).cell_height == 4
    assert layout_heatmap(64, 40, 8).cell_width == 2
    assert layout_heatmap(1000, 200, 60).half
    assert layout_heatmap(4096, 120, 40).filters_per_cell == 1
    assert layout_heatmap(200_000, 80, 20).filters_per_cell > 1


def test_a_layout_for_half_cells_is_drawn_without_colour_as_well():
    layout = layout_heatmap(1001, 80, 20)
    assert layout.half
    for more in ({"colour": False}, {"glyphs": Glyphs.ASCII}):
        canvas = draw(80, 20, np.linspace(0, 1, 1001), layout=layout, cursor=1000, **more)
        assert any("[" in line for line in canvas.lines())


def test_a_block_of_several_shows_their_mean():
    canvas = draw(2, 1, [0, 1, 0, 1, 1, 1, 1, 1], colour=False)
    assert canvas.lines() == ["▄▇"]


@pytest.mark.parametrize("rows", [1, 2])
def test_legend_fits(rows):
    for width in (0, 5, 20, 60, 120):
        canvas = draw_legend(width, ramp=Ink.MAXIMUM, low=0, high=3.2, unit="", rows=rows)
        assert (canvas.width, canvas.height) == (width, rows)
    text = "\n".join(canvas.lines())
    assert "3.2" in text
    assert "last step at 80 % of the maximum" in text
    assert f"{CROSS} dead" in text


def test_the_cursor_is_as_high_as_its_square():
    canvas = draw(40, 9, [1, 1, 1], cursor=1)
    held = canvas.ground[:, :30] == Ink.CURSOR
    rows = np.flatnonzero(held.any(axis=1))
    last = rows[-1] + 1
    columns = np.flatnonzero(held[rows[0]])
    assert (canvas.glyph[last, columns] == ord("▀")).all()
    assert set(canvas.glyph[last, columns[0] + 1 : columns[1]].tolist()) == {ord("▀")}
