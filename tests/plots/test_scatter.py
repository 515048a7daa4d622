import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look, label_inks
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme
from deepeyes_tui.app.plots.scatter import View, density_letters, draw_scatter, fit, place

ANY = st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.lists(st.tuples(ANY, ANY), max_size=40).map(lambda pairs: np.array(pairs).reshape(-1, 2))
RANDOM = st.integers(0, 3000).map(lambda n: np.random.default_rng(n).normal(size=(n, 2)))
SIZE = st.tuples(st.integers(0, 240), st.integers(0, 70))
ROW = View(0, 0, 4, 2)
"""Four cells and one row: a unit is a column."""
PALETTES = [Palette(theme, depth) for theme in Theme for depth in Depth]


def draw(points, **more):
    return draw_scatter(4, 1, points, ROW, **({"ink": Ink.LABEL} | more))


def dots(canvas):
    return sum(int(code - 0x2800).bit_count() for code in canvas.glyph.ravel() if code != ord(" "))


def test_a_point_is_a_dot_in_its_cell():
    canvas = draw([[0.1, 0.1], [1.6, 0.6], [3.9, 1.9]], size=0)
    assert canvas.lines() == ["⠁⠐ ⢀"]
    assert canvas.ink[0].tolist() == [Ink.LABEL, Ink.LABEL, 0, Ink.LABEL]


def test_sizes_are_stencils_of_dots():
    wide = View(0, 0, 20, 10)
    counts = [dots(draw_scatter(20, 5, [[10, 5]], wide, ink=1, size=size)) for size in range(5)]
    assert counts == [1, 2, 4, 5, 9]
    assert dots(draw_scatter(20, 5, [[10, 5]], wide, ink=1, size=99)) == 9
    assert dots(draw_scatter(20, 5, [[0, 0]], wide, ink=1, size=4)) == 4


def test_a_cell_has_the_colour_of_most_of_its_dots():
    canvas = draw([[0.1, 0.1], [0.1, 0.6], [0.6, 0.1]], ink=[65, 65, 66], size=0)
    assert canvas.lines()[0][0] == "⠋"
    assert canvas.ink[0, 0] == 65
    assert draw([[0.1, 0.1], [0.1, 0.6]], ink=[64, 65], size=[0, 1]).ink[0, 0] == 65


def test_priority_goes_before_number_and_others_are_left_out():
    points, ink = [[0.1, 0.1], [0.1, 0.6], [0.6, 1.6], [1.1, 0.1]], [Ink.GREYED, Ink.GREYED, 67, Ink.GREYED]
    canvas = draw(points, ink=ink, size=0, priority=[0, 0, 1, 0])
    assert canvas.lines() == ["⢀⠁  "]
    assert canvas.ink[0, :2].tolist() == [67, Ink.GREYED]


def test_half_blocks_have_a_colour_each():
    canvas = draw([[0.1, 0.1], [0.1, 1.1], [1.1, 0.1], [2.1, 1.1], [3.1, 0.1], [3.1, 1.1]],
                  ink=[64, 65, 64, 66, 67, 67], glyphs=Glyphs.BLOCK)  # fmt: skip
    assert canvas.lines() == ["▀▀▄█"]
    assert canvas.ink[0].tolist() == [64, 64, 66, 67]
    assert canvas.ground[0].tolist() == [65, 0, 0, 0]


@pytest.mark.parametrize("more", [{"glyphs": Glyphs.ASCII}, {"colour": False}, {"letters": True},
                                  {"glyphs": Glyphs.BLOCK, "letters": True}])  # fmt: skip
def test_letters_of_most_points_where_colour_is_not_enough(more):
    points = [[0.1, 0.1], [0.2, 0.1], [0.3, 0.1], [2.5, 0.1]]
    canvas = draw(points, ink=[64, 65, 65, 66], letter=[ord(c) for c in "0112"], size=0, **more)
    assert canvas.lines() == ["1 2 "]
    assert canvas.ink[0].tolist() == [65, 0, 66, 0]


def test_greyed_points_have_no_letters():
    points, ink, letter = [[0.1, 0.1], [1.1, 0.1]], [Ink.GREYED, 64], [ord("7"), ord("8")]
    assert draw(points, ink=ink, letter=letter, glyphs=Glyphs.ASCII).lines() == [".8  "]
    plain = draw(points, ink=ink, letter=letter, size=0, colour=False)
    assert plain.lines() == ["⠁8  "]
    assert plain.look[0].tolist() == [Look.DIM, 0, 0, 0]


def test_ascii_tells_sizes_and_intensities():
    points = np.stack([np.arange(4) + 0.5, np.ones(4)], axis=1)
    assert draw(points, size=[0, 1, 3, 4], glyphs=Glyphs.ASCII).lines() == [".:O@"]
    assert draw(points, letter=density_letters([0, 5, 10, 15]), glyphs=Glyphs.ASCII).lines() == [".-*@"]


def test_what_does_not_fit_is_said():
    for name in ("ink", "size", "priority", "letter"):
        with pytest.raises(ValueError, match=f"{name} must have one value for each of 3 points"):
            draw(np.zeros((3, 2)), **{name: [1, 2]})


def test_a_picture_does_not_depend_on_the_order_of_points():
    random = np.random.default_rng(5)
    points, label, size = random.normal(size=(800, 2)), random.integers(0, 10, 800), random.integers(0, 5, 800)
    view, turn = fit(points), random.permutation(800)
    one = draw_scatter(60, 20, points, view, ink=label_inks(label, 10), size=size, priority=label % 3)
    other = draw_scatter(60, 20, points[turn], view, ink=label_inks(label, 10)[turn], size=size[turn],
                         priority=label[turn] % 3)  # fmt: skip
    assert not one.changed_rows(other).size


def test_many_kinds_are_counted_as_few_are():
    random = np.random.default_rng(6)
    points, ink = random.normal(size=(3000, 2)), random.integers(0, 3000, 3000)
    canvas = draw_scatter(120, 40, points, fit(points), ink=ink, size=0)
    column, row = place(points, fit(points), 120, 40)
    for y, x in np.argwhere(canvas.glyph != ord(" "))[::20].tolist():
        assert canvas.ink[y, x] in ink[(column == x) & (row == y)]


@given(SIZE, st.one_of(POINTS, RANDOM), st.integers(0, 99), st.sampled_from(Glyphs), st.booleans(), st.booleans(),
       st.booleans(), st.sampled_from(PALETTES))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_points_in_any_room(size, points, seed, glyphs, colour, letters, spelled, palette):
    random, n = np.random.default_rng(seed), len(points)
    canvas = draw_scatter(
        *size, points, fit(points), ink=random.integers(0, 8192, n), size=random.integers(-2, 9, n),
        priority=random.integers(-1, 2, n), letter=random.integers(33, 127, n) if spelled else None, glyphs=glyphs,
        colour=colour, letters=letters,
    )  # fmt: skip
    assert (canvas.width, canvas.height) == size
    text = "".join(canvas.lines())
    assert text.isascii() or glyphs is not Glyphs.ASCII
    assert not any("\u2800" <= c <= "\u28ff" for c in text) or glyphs is Glyphs.BRAILLE
    assert [strip.cell_length for strip in canvas.strips(palette.style)] == [size[0]] * size[1]
    column, row = place(points, fit(points), *size)
    assert (canvas.glyph[row[row >= 0], column[row >= 0]] != ord(" ")).all()
