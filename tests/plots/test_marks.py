import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.plots.canvas import BLANK, Canvas
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.marks import draw_cursor, draw_lines, draw_rectangle
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme
from deepeyes_tui.app.plots.scatter import View, draw_scatter, fit, zoomed

PLACE = st.integers(-20, 260)
SIZE = st.tuples(st.integers(0, 240), st.integers(0, 70))
BOX = View(0, 0, 8, 8)


@pytest.mark.parametrize(("glyphs", "lines"), [
    (Glyphs.BRAILLE, ["⠉⠉⠉⢹    ", "   ⢸    ", "   ⢸    ", "   ⠈    "]),
    (Glyphs.BLOCK, ["····    ", "   ·    ", "   ·    ", "   ·    "]),
    (Glyphs.ASCII, ["''''    ", "   '    ", "   '    ", "   '    "]),
])  # fmt: skip
def test_lines_join_points(glyphs, lines):
    canvas = Canvas(8, 4)
    draw_lines(canvas, [[0, 0], [3.9, 0], [3.9, 6.4]], [[0, 1], [1, 2]], BOX, Ink.FAINT, glyphs)
    assert canvas.lines() == lines
    assert set(canvas.ink[canvas.glyph != BLANK].tolist()) == {Ink.FAINT}


def test_lines_stay_under_points_and_skip_what_is_not_there():
    points = np.random.default_rng(0).normal(size=(50, 2))
    before, after = (draw_scatter(60, 20, points, fit(points), ink=Ink.LABEL) for _ in range(2))
    pairs = np.random.default_rng(1).integers(-5, 60, (200, 2))
    draw_lines(after, points, pairs, fit(points), Ink.FAINT)
    drawn = before.glyph != BLANK
    assert (after.glyph[drawn] == before.glyph[drawn]).all()
    assert (after.ink == Ink.FAINT).sum() > 100
    nothing = Canvas(9, 3)
    draw_lines(nothing, [[np.nan, 0], [1, 1]], [[0, 1], [1, 9]], BOX, Ink.FAINT)
    draw_lines(nothing, [], [], BOX, Ink.FAINT)
    assert nothing.lines() == [" " * 9] * 3
    with pytest.raises(ValueError, match=r"\(m, 2\)"):
        draw_lines(nothing, points, [1, 2, 3], BOX, Ink.FAINT)


def test_lines_from_far_away_cross_the_picture():
    near, far = Canvas(20, 10), Canvas(20, 10)
    draw_lines(near, [[0, 4], [8, 4]], [[0, 1]], BOX, Ink.FAINT)
    draw_lines(far, [[-1e12, 4], [1e12, 4], [0, 90], [8, 90]], [[0, 1], [2, 3]], BOX, Ink.FAINT)
    assert far.lines()[5] == "⠉" * 20
    assert near.lines()[5].strip() == "⠉" * 20
    assert "".join(far.lines()).strip() == "⠉" * 20
    deep = zoomed(BOX, 1e9, (4.0, 4.0))
    draw_lines(far, [[0, 0], [8, 8]], [[0, 1]], deep, Ink.FAINT)
    assert (far.glyph != BLANK).sum() > 30


@pytest.mark.parametrize("glyphs", Glyphs)
def test_cursor_and_brush_hide_no_point(glyphs):
    points = np.random.default_rng(2).normal(size=(900, 2))
    ink = np.arange(900) % 10 + Ink.LABEL
    before, after = (draw_scatter(60, 20, points, fit(points), ink=ink, glyphs=glyphs) for _ in range(2))
    draw_rectangle(after, (10, 3), (40, 15), glyphs)
    draw_cursor(after, 30, 9)
    drawn = before.glyph != BLANK
    assert drawn.sum() > 100
    assert (after.glyph[drawn] != BLANK).all()
    changed = (before.ink != after.ink) & drawn
    changed[9, 30] = False
    assert not changed.any()


@pytest.mark.parametrize("palette", [Palette(t, d) for t in Theme for d in Depth], ids=lambda p: f"{p.theme}-{p.depth}")
@pytest.mark.parametrize("glyphs", Glyphs)
def test_cursor_and_brush_are_seen_in_every_depth(glyphs, palette):
    full = draw_scatter(12, 6, np.indices((12, 12)).reshape(2, -1).T + 0.5, View(0, 0, 12, 12), ink=Ink.LABEL + 1,
                        size=4, glyphs=glyphs)  # fmt: skip
    marked = Canvas(12, 6)
    marked.paste(full, 0, 0)
    draw_rectangle(marked, (2, 1), (8, 4), glyphs)
    draw_cursor(marked, 5, 2)

    def seen(canvas, row, column):
        return canvas.glyph[row, column], palette.style(*(int(a[row, column]) for a in (canvas.ink, canvas.ground)))

    for row, column in ((2, 5), (1, 2), (1, 8), (4, 2), (4, 8), (1, 5), (3, 8)):
        assert seen(marked, row, column) != seen(full, row, column)
        assert marked.glyph[row, column] != ord("█")
    assert seen(marked, 0, 0) == seen(full, 0, 0)


def test_an_empty_brush_is_an_outline():
    canvas = Canvas(6, 4)
    draw_rectangle(canvas, (4, 3), (1, 1))
    assert canvas.lines() == ["      ", " ┌──┐ ", " │  │ ", " └──┘ "]
    assert set(canvas.ground[1:, 1:5].ravel().tolist()) == {Ink.BRUSH}
    draw_cursor(canvas, 2, 2)
    assert canvas.lines()[2] == " │ ]│ "
    assert canvas.ground[2, 2:4].tolist() == [Ink.CURSOR, Ink.BRUSH]
    plain = Canvas(6, 4)
    draw_rectangle(plain, (1, 1), (4, 3), Glyphs.ASCII)
    assert plain.lines()[1:] == [" +--+ ", " |  | ", " +--+ "]


@given(SIZE, st.tuples(PLACE, PLACE), st.tuples(PLACE, PLACE), st.sampled_from(Glyphs))
@settings(max_examples=150, deadline=None)
def test_marks_may_lie_anywhere(size, corner, other, glyphs):
    canvas = Canvas(*size)
    draw_rectangle(canvas, corner, other, glyphs)
    draw_cursor(canvas, *corner)
    inside = 0 <= corner[0] < size[0] and 0 <= corner[1] < size[1]
    assert (canvas.ground == Ink.CURSOR).sum() == inside
    tinted = np.argwhere(canvas.ground > 0)
    for axis, (one, two) in enumerate(zip(corner, other, strict=True)):
        assert ((tinted[:, 1 - axis] >= min(one, two)) & (tinted[:, 1 - axis] <= max(one, two))).all()
    assert "".join(canvas.lines()).isascii() or glyphs is not Glyphs.ASCII
