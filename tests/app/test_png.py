"""The screen as a picture: known cells have known pixels, neighbours join, nothing that is shown lacks a shape."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.picture import draw_picture
from deepeyes_tui.app.plots.canvas import BLANK, CONTINUED, Canvas
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme
from deepeyes_tui.app.png import pixels_of, png_available, png_of
from deepeyes_tui.app.png.colors import colors_of, terminal_of
from deepeyes_tui.app.png.lines import LINES, arms_of, line
from deepeyes_tui.app.png.masks import Drawn, Part, mask_of
from deepeyes_tui.app.png.text import unknown
from deepeyes_tui.app.themes import base_style
from tests.app import synthetic, synthetic_maps

Image = pytest.importorskip("PIL.Image")

CELL = (10, 20)
PALETTE = Palette(Theme.DARK)
BASE = base_style(Theme.DARK, PALETTE)
SIZES = ((10, 20), (8, 16), (7, 13), (12, 25), (5, 9), (16, 32))


def drawn(text, ink=Ink.ACCENT, look=Look.PLAIN, ground=Ink.DEFAULT, palette=PALETTE, base=BASE):
    """The pixels of one line of text."""
    canvas = Canvas(len(text), 1)
    canvas.text(0, 0, text, ink, look, ground)
    return read(png_of(canvas, palette, base, cell=CELL))


def read(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def mask(character, size=CELL, part=Part.WHOLE, bold=False, underline=False):
    return mask_of(Drawn(ord(character), part, bold, underline), size)


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


ACCENT, GROUND = rgb(PALETTE.color(Ink.ACCENT)), rgb(BASE.bgcolor.name)


def test_a_picture_has_the_size_of_its_cells_and_is_true_colour():
    image = Image.open(io.BytesIO(png_of(Canvas(7, 3), PALETTE, BASE, cell=(9, 17))))
    image.load()
    assert (image.size, image.mode, image.format) == ((63, 51), "RGB", "PNG")


def test_the_file_holds_exactly_the_pixels_that_were_drawn():
    canvas = draw_picture(synthetic.scene(), 80, 24).canvas
    assert (read(png_of(canvas, PALETTE, BASE)) == pixels_of(canvas, PALETTE, BASE, CELL)).all()


def test_the_same_canvas_gives_the_same_bytes():
    canvases = [draw_picture(synthetic_maps.mapped(), 120, 40).canvas for _ in range(2)]
    first, second = (png_of(canvas, Palette(Theme.DARK), BASE) for canvas in canvases)
    assert first == second


@pytest.mark.parametrize(("text", "ink", "ground"), [("█", ACCENT, GROUND), (" ", GROUND, GROUND)])
def test_a_full_block_and_a_blank_have_one_colour(text, ink, ground):
    assert (drawn(text) == ink).all()
    assert (drawn(text, look=Look.REVERSE) == (ground if text == "█" else ACCENT)).all()


def test_half_blocks_have_the_two_colours_of_their_cell():
    pixels = drawn("▀▌", Ink.GOOD, ground=Ink.BAR)
    good, bar = rgb(PALETTE.color(Ink.GOOD)), rgb(PALETTE.color(Ink.BAR))
    assert (pixels[:10, :10] == good).all()
    assert (pixels[10:, :10] == bar).all()
    assert (pixels[:, 10:15] == good).all()
    assert (pixels[:, 15:] == bar).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pair", ["▀▄", "▌▐", "▁▔", "▖▜", "▗▛", "▘▟", "▝▙", "▞▚"])
def test_two_blocks_that_make_up_a_cell_leave_no_gap_and_do_not_overlap(pair, size):
    total = sum(mask(character, size).astype(int) for character in pair)
    if pair == "▁▔":
        assert abs(total.sum() / 255 - size[0] * size[1] / 4) < size[0]
    else:
        assert np.abs(total - 255).max() <= 1


@pytest.mark.parametrize("eighths", range(1, 9))
def test_eighths_fill_their_part_from_below_and_from_the_left(eighths):
    for first, step in ((0x2580, 1), (0x2590, -1)):
        filled = mask(chr(first + step * eighths)) / 255
        assert filled.mean() == pytest.approx(eighths / 8, abs=0.01)
    assert mask(chr(0x2580 + eighths))[-1].all()
    assert mask(chr(0x2590 - eighths))[:, 0].all()


def test_shades_are_a_quarter_a_half_and_three_quarters():
    assert [int(mask(character).min()) for character in "░▒▓"] == [64, 128, 191]
    assert [int(np.ptp(mask(character))) for character in "░▒▓"] == [0, 0, 0]


@pytest.mark.parametrize("bit", range(8))
def test_each_braille_dot_is_in_its_place_and_alone(bit):
    column, row = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))[bit]
    dots = mask(chr(0x2800 + (1 << bit))).reshape(4, 5, 2, 5).swapaxes(1, 2)
    assert dots[row, column, 2, 2] == 255
    assert dots.any(axis=(2, 3)).sum() == 1


def test_braille_without_dots_is_blank_and_dots_stay_apart():
    assert not mask("\u2800").any()
    full = mask("⣿")
    assert (full[[2, 7, 12, 17]][:, [2, 7]] == 255).all()
    assert full[[4, 9, 14, 19]].max() < 80


def test_every_dark_cell_of_a_reversed_braille_pattern_is_a_lit_one_of_the_plain():
    plain, reverse = drawn("⣷"), drawn("⣷", look=Look.REVERSE)
    lit = (plain == ACCENT).all(axis=2)
    assert lit.sum() >= 7
    assert (reverse[lit] == GROUND).all()


@pytest.mark.parametrize("size", SIZES)
def test_lines_reach_the_sides_that_their_names_say_and_meet_their_neighbours(size):
    upright, level, heavy_upright, heavy_level = (mask(character, size) > 127 for character in "│─┃━")
    straight = {("up", "LIGHT"): upright[0], ("down", "LIGHT"): upright[-1]}
    straight |= {("left", "LIGHT"): level[:, 0], ("right", "LIGHT"): level[:, -1]}
    straight |= {("up", "HEAVY"): heavy_upright[0], ("down", "HEAVY"): heavy_upright[-1]}
    straight |= {("left", "HEAVY"): heavy_level[:, 0], ("right", "HEAVY"): heavy_level[:, -1]}
    for character, arms in {
        "┌": {"right": "LIGHT", "down": "LIGHT"},
        "┘": {"left": "LIGHT", "up": "LIGHT"},
        "┤": {"left": "LIGHT", "up": "LIGHT", "down": "LIGHT"},
        "╋": dict.fromkeys(("left", "right", "up", "down"), "HEAVY"),
        "┱": {"left": "HEAVY", "down": "HEAVY", "right": "LIGHT"},
        "╻": {"down": "HEAVY"},
        "╼": {"left": "LIGHT", "right": "HEAVY"},
    }.items():
        found = mask(character, size) > 127
        edges = {"up": found[0], "down": found[-1], "left": found[:, 0], "right": found[:, -1]}
        for side, edge in edges.items():
            expected = straight[side, arms[side]] if side in arms else np.zeros_like(edge)
            assert (edge == expected).all(), (character, side)


def test_every_box_drawing_character_has_a_shape():
    for code in LINES:
        shape = line(code, CELL)
        assert shape.shape == (20, 10)
        assert 0 < shape.mean() < 0.6
        assert shape.min() >= 0
        assert shape.max() <= 1


def test_arms_are_read_from_names():
    assert arms_of("DOWN LIGHT AND RIGHT HEAVY") == {"down": "LIGHT", "right": "HEAVY"}
    assert arms_of("LIGHT ARC UP AND LEFT") == {"up": "LIGHT", "left": "LIGHT"}
    assert arms_of("VERTICAL SINGLE AND RIGHT DOUBLE") == {"up": "SINGLE", "down": "SINGLE", "right": "DOUBLE"}


def test_a_double_line_is_two_with_a_gap_and_a_broken_one_has_as_many_dashes_as_its_name_says():
    assert runs(mask("║")[0] > 0) == 2
    assert runs(mask("╬")[0] > 0) == 2
    assert [runs(mask(character).max(axis=1) > 0) for character in "╎┆┊"] == [2, 3, 4]
    assert [runs(np.tile(mask(character).max(axis=0) > 0, 4)) for character in "╌┄┈"] == [8, 12, 16]


def runs(lit):
    return int(lit[0]) + int((np.diff(lit.astype(int)) == 1).sum())


@pytest.mark.parametrize(("left", "right"), ["▲▼", "←→", "↑↓", "▸◂", "≤≥"])
def test_marks_that_are_mirrored_are_each_others_mirror(left, right):
    flipped = np.flipud if left in "▲↑" else np.fliplr
    assert np.abs(flipped(mask(left)).astype(int) - mask(right)).max() <= 1
    assert not (mask(left) == mask(right)).all()


def test_a_bold_letter_has_more_ink_and_an_underlined_one_a_line_across_the_cell():
    for character in "iomW%9":
        assert mask(character, bold=True).sum() > 1.15 * mask(character).sum()
    under = mask("o", underline=True)
    assert (under == 255).all(axis=1).sum() == 1
    assert (mask(" ", underline=True) == 255).all(axis=1).sum() == 1
    assert (mask("─", bold=True) == mask("─")).all()


@pytest.mark.parametrize("size", SIZES)
def test_letters_are_inside_the_cell_in_its_middle_and_all_different(size):
    seen = set()
    for character in map(chr, range(33, 127)):
        found = mask(character, size)
        columns = np.flatnonzero(found.max(axis=0))
        assert len(columns), character
        assert abs(columns[0] + columns[-1] + 1 - size[0]) <= 1, character
        seen.add(found.tobytes())
    assert len(seen) == 94


def test_what_hangs_below_the_line_is_not_cut():
    for character in "gjpqy(@,;|":
        assert not mask(character)[[0, -1]].any(), character


def test_an_accent_adds_to_its_letter_and_a_letter_of_full_width_takes_two_cells():
    for letter, accented in zip("eaonucy", "éãöñûçý", strict=True):
        assert (mask(accented) >= mask(letter)).all()
        assert mask(accented).sum() > mask(letter).sum() + 255
    wide = np.hstack(
        [
            mask("\N{FULLWIDTH LATIN CAPITAL LETTER A}", part=Part.LEFT),
            mask("\N{FULLWIDTH LATIN CAPITAL LETTER A}", part=Part.RIGHT),
        ]
    )
    assert (wide == mask("A", (20, 20))).all()


def box(size=CELL):
    return np.rint(255 * unknown(size)).astype(np.uint8)


def test_what_the_font_lacks_is_a_box_of_one_or_two_cells():
    assert (mask("λ") == box()).all()
    pixels = drawn("漢字..")[:, :20]
    lit = np.abs(pixels.astype(int) - GROUND).sum(axis=2) > 0
    assert (lit == (box((20, 20)) > 0)).all()
    assert box((20, 20)).any()


@pytest.mark.parametrize("glyphs", Glyphs)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_nothing_on_the_screen_is_a_box(width, height, glyphs):
    used = set()
    scenes = synthetic.scene(glyphs=glyphs), synthetic_maps.mapped(), synthetic.scene(synthetic.snapshot(()))
    for name in PaneName:
        for scene in scenes:
            for full, help in ((True, False), (False, False), (False, True))[: 3 if name is PaneName.TRAINING else 2]:
                canvas = draw_picture(scene.with_desk(focus=name, full=full, help=help), width, height).canvas
                used.update(np.unique(canvas.glyph).tolist())
    used -= {BLANK, CONTINUED, 0x2800}
    assert len(used) > 60
    for code in used:
        assert mask(chr(code)).any(), chr(code)
        assert not (mask(chr(code)) == box()).all(), chr(code)


def test_dim_goes_towards_the_ground_and_reverse_changes_places():
    terminal = TerminalTheme((0, 0, 0), (200, 100, 50), [(10 * k, 0, 0) for k in range(8)])
    assert colors_of(Style(dim=True), terminal) == ((100, 50, 25), (0, 0, 0))
    assert colors_of(Style(reverse=True), terminal) == ((0, 0, 0), (200, 100, 50))
    assert colors_of(Style(color="red", bgcolor="#010203"), terminal) == ((10, 0, 0), (1, 2, 3))
    assert colors_of(Style(color="color(196)"), terminal)[0] == (255, 0, 0)


@pytest.mark.parametrize("depth", Depth)
def test_the_terminals_own_colours_are_light_on_dark_or_dark_on_light(depth):
    for theme, lighter in ((Theme.ANSI, True), (Theme.DARK, True), (Theme.LIGHT, False)):
        pixels = drawn("█ ", Ink.DEFAULT, palette=Palette(theme, depth), base=Style()).astype(int)
        assert bool(pixels[0, 0].sum() > pixels[0, -1].sum()) == lighter


@pytest.mark.parametrize("theme", [Theme.DARK, Theme.LIGHT])
def test_each_of_the_sixteen_colours_is_seen_on_its_ground(theme):
    terminal = terminal_of(theme)
    ground = np.array(terminal.background_color, int)
    colours = [np.array(terminal.ansi_colors[number], int) for number in range(1, 16)]
    assert all(np.abs(colour - ground).sum() > 150 for colour in colours)
    assert len({tuple(colour) for colour in colours}) == 15


def test_a_half_of_a_wide_glyph_alone_is_drawn_too():
    canvas = Canvas(3, 1)
    canvas.glyph[0] = CONTINUED, CONTINUED, ord("漢")
    pixels = pixels_of(canvas, PALETTE, BASE, CELL)
    assert (pixels[:, :20] == GROUND).all()
    assert not (pixels[:, 20:] == GROUND).all()


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_an_empty_canvas_is_no_picture(size):
    with pytest.raises(ValueError, match="no picture"):
        png_of(Canvas(*size), PALETTE, BASE)


@pytest.mark.parametrize("cell", [(0, 20), (10, 3), (-1, -1), (65, 20), (10, 1000)])
def test_a_cell_that_is_too_small_or_too_large_is_refused(cell):
    with pytest.raises(ValueError, match="a cell is from"):
        png_of(Canvas(2, 2), PALETTE, BASE, cell=cell)


def test_a_picture_that_is_too_large_is_refused_before_it_is_drawn():
    with pytest.raises(ValueError, match="no picture"):
        png_of(Canvas(3000, 1000), PALETTE, BASE)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 30),
    height=st.integers(1, 8),
    cell=st.tuples(st.integers(4, 64), st.integers(8, 128)),
    theme=st.sampled_from(Theme),
    depth=st.sampled_from(Depth),
    most=st.sampled_from([0x80, 0x3000, 0x20000, 0x110000, 2**32]),
)
def test_any_canvas_is_a_picture(seed, width, height, cell, theme, depth, most):
    random, canvas = np.random.default_rng(seed), Canvas(width, height)
    canvas.glyph[:] = np.where(random.random((height, width)) < 0.2, 0, random.integers(most, size=(height, width)))
    canvas.ink[:] = random.integers(8192, size=(height, width))
    canvas.ground[:] = random.integers(8192, size=(height, width))
    canvas.look[:] = random.integers(16, size=(height, width))
    palette = Palette(theme, depth)
    pixels = read(png_of(canvas, palette, base_style(theme, palette), cell=cell))
    assert pixels.shape == (height * cell[1], width * cell[0], 3)


@given(text=st.text(max_size=20))
def test_any_text_is_a_picture(text):
    canvas = Canvas(40, 1)
    canvas.text(0, 0, text)
    assert pixels_of(canvas, PALETTE, BASE, CELL).shape == (20, 400, 3)


def test_without_pillow_it_says_so():
    program = """
import sys
sys.modules["PIL"] = None
from rich.style import Style
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.palette import Palette
from deepeyes_tui.app.png import png_available, png_of
assert not png_available()
try:
    png_of(Canvas(2, 2), Palette(), Style())
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "needs Pillow" in done.stdout
    assert png_available()
