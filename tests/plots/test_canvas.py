from rich.style import Style

from deepeyes_tui.app.plots.canvas import Canvas, style_parts
from deepeyes_tui.app.plots.inks import Ink


def test_text_is_cut_at_both_edges():
    canvas = Canvas(5, 1)
    assert canvas.text(0, -2, "abcdefghi") == 7
    assert canvas.lines() == ["cdefg"]
    canvas.text(3, 0, "outside")
    canvas.text(-1, 0, "outside")


def test_wide_glyphs_take_two_cells_and_are_never_halved():
    canvas = Canvas(5, 1)
    assert canvas.text(0, 0, "a猫b") == 4
    assert canvas.lines() == ["a猫b "]
    canvas.text(0, 2, "x")
    assert canvas.lines() == ["a xb "]
    canvas.text(0, 4, "猫")
    assert canvas.lines() == ["a xb "]


def test_paste_is_cut_at_every_edge():
    whole = Canvas(4, 3)
    part = Canvas(3, 2)
    part.text(0, 0, "abc")
    part.text(1, 0, "def")
    whole.paste(part, -1, -1)
    whole.paste(part, 2, 2)
    whole.paste(part, 9, 9)
    assert whole.lines() == ["ef  ", "    ", "  ab"]


def test_strips_join_runs_and_keep_the_width():
    canvas = Canvas(6, 2)
    canvas.text(0, 0, "ab猫", Ink.ACCENT)
    strips = canvas.strips(lambda ink, ground, look: Style(bold=ink > 0))
    assert [strip.text for strip in strips] == ["ab猫  ", "      "]
    assert [len(list(strip)) for strip in strips] == [2, 1]
    assert {strip.cell_length for strip in strips} == {6}
    assert [strip.cell_length for strip in Canvas(0, 2).strips(lambda *_: Style())] == [0, 0]


def test_changed_rows():
    before, after = Canvas(3, 3), Canvas(3, 3)
    after.text(1, 0, "x")
    assert after.changed_rows(before).tolist() == [1]
    assert after.changed_rows(None).tolist() == [0, 1, 2]


def test_styles_are_packed_and_taken_apart():
    canvas = Canvas(3, 1)
    canvas.ink[0], canvas.ground[0], canvas.look[0] = [0, 8191, 4096], [8191, 0, 4097], [31, 0, 8]
    assert [style_parts(key) for key in canvas.style_keys()[0].tolist()] == [
        (0, 8191, 31), (8191, 0, 0), (4096, 4097, 8),
    ]  # fmt: skip
