import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.plots.numbers import ago, percent, printable, short
from deepeyes_tui.app.plots.ticks import tick_step, ticks, x_axis_end


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (0.0123, "0.0123"), (0.231, "0.231"), (12.345, "12.3"), (999.6, "1k"), (1200, "1.2k"),
        (20_000, "20k"), (3.4e6, "3.4M"), (-1500, "-1.5k"), (1e-5, "1e-5"), (2.5e-10, "2.5e-10"), (1e20, "1.0e20"),
        (math.nan, "\N{EN DASH}"), (math.inf, "∞"), (-math.inf, "-∞"),
    ],
)  # fmt: skip
def test_short(number, text):
    assert short(number) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (0.034, "3.4%"), (0.0001, "<0.1%"), (0.9996, "99.9%"), (-0.02, "-2%")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_ago():
    assert [ago(s) for s in (0.2, 12, 200, 7200, 200_000)] == ["now", "12s ago", "3min ago", "2h ago", "2d ago"]


@given(st.floats())
def test_numbers_are_short_in_ascii(number):
    for text in (short(number, ascii=True), percent(number, ascii=True), ago(number, ascii=True)):
        assert text.isascii()
        assert text.isprintable()
    assert len(short(number)) <= 9


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("conv1", "conv1"), ("\x1b[31mred\x1b[0m", "red"), ("\x1b]0;title\x07body", "body"), ("a\nb\tc", "a b c"),
        ("\x1b]8;;http://x\x1b\\link", "link"), ("[bold]x[/]", "[bold]x[/]"), ("a\u202eb\u200bc", "abc"),
        ("\x9b2Jx", "x"), ("e\u0301", "e"), ("\x1b", ""), ("\U0001f1e9\U0001f1ea", "DE"), ("\x00\x7f", ""),
    ],
)  # fmt: skip
def test_names_lose_what_could_do_harm(name, text):
    assert printable(name) == text


def test_names_are_cut_to_cells():
    assert printable("convolution", 5) == "conv…"
    assert printable("猫猫猫", 4) == "猫…"
    assert printable("x" * 500, 10, ascii=True) == "xxxxxxxxx~"
    assert printable("café", ascii=True) == "caf?"
    assert printable("abc", 0) == ""


@given(st.text(), st.integers(0, 30), st.booleans())
@settings(deadline=None)
def test_names_fit_and_are_harmless(name, width, ascii):
    text = printable(name, width, ascii)
    assert cell_len(text) <= width
    assert all(c >= " " and not "\x7f" <= c <= "\x9f" and cell_len(c) > 0 for c in text)
    assert text.isascii() or not ascii


@given(st.integers(0, 10**15))
def test_axis_ends_are_near_and_few(step):
    end = x_axis_end(step)
    assert end >= step
    assert end <= max(1.5 * step + 1, 10)


def test_axis_moves_seldom():
    assert len({x_axis_end(step) for step in range(1000, 10_001)}) == 8


def test_ticks_are_round():
    assert ticks(0, 1, tick_step(1, 4)) == [0, 0.25, 0.5, 0.75, 1]
    assert tick_step(20_000, 6) == 5000
    assert tick_step(0, 3) == 1
