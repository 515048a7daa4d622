import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, pixel_ink
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme
from deepeyes_tui.app.plots.pictures import draw_frame_in, draw_image, image_size
from deepeyes_tui.app.plots.tiles import TileLayout, draw_tiles, tile_layout

SIDE = st.integers(1, 240)
PALETTES = [Palette(theme, depth) for theme in Theme for depth in Depth]
CHECKED = np.array([[0, 255], [255, 0]], np.uint8)


def grey(value):
    return int(pixel_ink(*[np.uint8(value)] * 3))


def test_two_pixels_share_a_cell():
    canvas = draw_image(CHECKED, 2, 1)
    assert canvas.lines() == ["▀▀"]
    assert canvas.ink.tolist() == [[grey(0), grey(255)]]
    assert canvas.ground.tolist() == [[grey(255), grey(0)]]


def test_an_odd_line_has_no_ground_of_its_own():
    canvas = draw_image(np.full((3, 2), 200, np.uint8), 2, 2)
    assert canvas.lines() == ["▀▀", "▀▀"]
    assert canvas.ground[1].tolist() == [Ink.DEFAULT] * 2


def test_colours_are_kept():
    red = np.zeros((2, 1, 3), np.uint8)
    red[..., 0] = 255
    assert Palette().color(int(draw_image(red, 1, 1).ink[0, 0])) == "#ff0000"
    assert draw_image(CHECKED[:, :, None], 2, 1).changed_rows(draw_image(CHECKED, 2, 1)).size == 0


@pytest.mark.parametrize(("room", "size"), [((28, 14), (28, 14)), ((60, 40), (56, 28)), ((27, 99), (27, 14)),
                                            ((99, 7), (14, 7)), ((1, 1), (1, 1)), ((0, 9), (0, 0))])  # fmt: skip
def test_whole_enlargements_or_a_reduction(room, size):
    assert image_size(28, 28, *room) == size


@given(SIDE, SIDE, st.integers(0, 240), st.integers(0, 70))
@settings(max_examples=300, deadline=None)
def test_pictures_fit_and_keep_their_aspect(h, w, width, height):
    columns, rows = image_size(h, w, width, height)
    assert columns <= width
    assert rows <= height
    assert (columns > 0) == (width > 0 and height > 0)
    if columns >= w and 2 * rows >= h:
        assert columns % w == 0
        assert rows == -(-h * (columns // w) // 2)
    elif columns > 1 and rows > 1:
        assert abs(2 * rows - h * columns / w) <= 2 + h / w


def test_a_reduction_takes_means():
    pixels = np.zeros((40, 40), np.uint8)
    pixels[:20, :20] = 100
    pixels[:20:2, :20:2] = 200
    canvas = draw_image(pixels, 2, 1)
    assert canvas.ink.tolist() == [[grey(125), grey(0)]]
    whole = np.random.default_rng(0).integers(0, 256, (96, 64, 3)).astype(np.uint8)
    small = draw_image(np.full_like(whole, 70), 13, 9)
    assert set(np.append(small.ink, small.ground[:-1]).tolist()) == {grey(70)}


def test_without_colour_white_is_dense():
    ramp = np.repeat(np.linspace(0, 255, 10).astype(np.uint8)[None], 2, axis=0)
    assert draw_image(ramp, 10, 1, Glyphs.ASCII).lines() == [" .:-=+*#%@"]
    assert draw_image(ramp, 20, 2, colour=False).lines() == ["  ..::--==++**##%%@@"] * 2
    green = np.zeros((2, 1, 3), np.uint8)
    green[..., 1] = 255
    assert draw_image(green, 1, 1, Glyphs.ASCII).lines() == ["+"]


def test_other_pictures_are_refused():
    with pytest.raises(ValueError, match="uint8, not float64"):
        draw_image(np.zeros((2, 2)), 9, 9)
    for shape in ((4,), (2, 2, 2), (2, 2, 4), (1, 2, 2, 3)):
        with pytest.raises(ValueError, match="has the shape"):
            draw_image(np.zeros(shape, np.uint8), 9, 9)
    assert draw_image(np.zeros((0, 5), np.uint8), 9, 9).width == 0


@given(SIDE, SIDE, st.integers(0, 240), st.integers(0, 70), st.sampled_from([None, 1, 3]), st.sampled_from(Glyphs),
       st.booleans(), st.sampled_from(PALETTES))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_picture_in_any_room(h, w, width, height, channels, glyphs, colour, palette):
    shape = (h, w) if channels is None else (h, w, channels)
    canvas = draw_image(
        np.random.default_rng(h).integers(0, 256, shape).astype(np.uint8), width, height, glyphs, colour
    )
    assert (canvas.width, canvas.height) == image_size(h, w, width, height)
    assert all(strip.cell_length == canvas.width for strip in canvas.strips(palette.style))
    assert "".join(canvas.lines()).isascii() or (colour and glyphs is not Glyphs.ASCII)


def test_a_box_in_its_input():
    assert draw_frame_in((8, 8), (2, 2, 4, 4), 10, 6, Glyphs.ASCII).lines() == [
        "+--------+", "|        |", "|  ####  |", "|  ####  |", "|        |", "+--------+",
    ]  # fmt: skip
    canvas = draw_frame_in((8, 8), (-3, 5, 6, 6), 10, 6)
    assert canvas.lines() == ["┌────────┐", "│     ███│", "│     ▀▀▀│", "│        │", "│        │", "└────────┘"]
    assert canvas.ink[1, 6] == Ink.ACCENT
    for outer, box in (((8,), (0, 0, 1, 1)), ((8, 8), (0, 0, 1))):
        with pytest.raises(ValueError, match="an input is"):
            draw_frame_in(outer, box, 10, 6)


@given(SIDE, SIDE, st.tuples(*[st.integers(-20, 300)] * 2, *[st.integers(1, 260)] * 2), st.integers(0, 240),
       st.integers(0, 70), st.sampled_from(Glyphs))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_a_box_that_touches_its_input_is_always_seen(h, w, box, width, height, glyphs):
    canvas = draw_frame_in((h, w), box, width, height, glyphs)
    assert canvas.width <= width
    assert canvas.height <= height
    assert (canvas.width > 0) == (min(width, height) >= 3)
    y, x, high, wide = box
    touches = y < h and x < w and y + high > 0 and x + wide > 0
    assert (canvas.ink == Ink.ACCENT).any() == (touches and canvas.width > 0)


def test_the_largest_tiles_of_which_all_fit():
    assert tile_layout(2, 28, 28, 120, 38) == TileLayout(2, 2, 1, 56, 29)
    assert tile_layout(8, 28, 28, 120, 38) == TileLayout(8, 4, 2, 28, 15)
    many = tile_layout(500, 28, 28, 120, 38)
    assert (many.shown, many.tile_width) == (28, 16)
    assert tile_layout(1, 500, 500, 40, 10).shown == 1
    assert tile_layout(3, 28, 28, 2, 1).shown == 0
    assert tile_layout(0, 28, 28, 120, 38).shown == 0


@given(st.integers(0, 300), st.integers(1, 70), st.integers(1, 70), st.integers(0, 240), st.integers(0, 70))
@settings(max_examples=200, deadline=None)
def test_tiles_lie_in_the_room_and_are_found_again(count, h, w, width, height):
    layout = tile_layout(count, h, w, width, height)
    assert layout.shown <= count
    assert layout.shown <= layout.columns * layout.rows
    for number in range(layout.shown):
        row, column = layout.place(number)
        assert 1 <= column <= width - layout.tile_width - 1
        assert 0 <= row <= height - layout.tile_height
        assert layout.cell_at(row, column) == number
        assert layout.cell_at(row + layout.tile_height - 1, column + layout.tile_width - 1) == number
        assert layout.cell_at(row, column - 1) is None
        assert {layout.move(number, *d) < layout.shown for d in ((1, 0), (-1, 0), (0, 1), (0, -1), (9, 9))} == {True}
    assert layout.cell_at(-1, 5) is None
    assert layout.cell_at(500, 5) is None


def test_tiles_as_text():
    dark, light = np.zeros((2, 4), np.uint8), np.full((2, 4), 255, np.uint8)
    canvas = draw_tiles([dark, light, light], ["a", "bc\x1b[1m", "longer"], 16, 4, cursor=1, marked=[2],
                        glyphs=Glyphs.ASCII, layout=TileLayout(3, 3, 1, 4, 2))  # fmt: skip
    assert canvas.lines() == ["     [@@@@]@@@@ ", " a   [bc  ]*lo~ ", " " * 16, " " * 16]
    assert set(canvas.ground[1, 6:10].tolist()) == {Ink.CURSOR}
    assert set(canvas.ground[1, 11:15].tolist()) == {Ink.SELECTED}


def test_captions_have_inks_and_none_is_missing():
    light = np.full((2, 4), 255, np.uint8)
    canvas = draw_tiles([light], ["seven"], 40, 12, inks=[Ink.LABEL + 7])
    assert "seven" in "".join(canvas.lines())
    assert (canvas.ink == Ink.LABEL + 7).sum() == len("seven")
    with pytest.raises(ValueError, match="2 pictures need a caption"):
        draw_tiles([light, light], ["one"], 40, 12)
    assert draw_tiles([], [], 4, 2).lines() == [" " * 4] * 2


@given(st.integers(0, 30), st.integers(1, 240), st.integers(0, 70), st.none() | st.integers(-3, 40),
       st.sampled_from(Glyphs), st.booleans(), st.sampled_from(PALETTES))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_number_of_tiles_in_any_room(count, width, height, cursor, glyphs, colour, palette):
    images = list(np.random.default_rng(count).integers(0, 256, (count, 28, 28)).astype(np.uint8))
    canvas = draw_tiles(images, ["猫 caption"] * count, width, height, cursor=cursor, marked={0, 2}, glyphs=glyphs,
                        colour=colour)  # fmt: skip
    assert (canvas.width, canvas.height) == (width, height)
    assert all(strip.cell_length == width for strip in canvas.strips(palette.style))
    assert "".join(canvas.lines()).isascii() or glyphs is not Glyphs.ASCII
