"""Tokens, curves and rows as text: harmless, as wide as they were asked to be, and saying what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.plots.columns import draw_bars, draw_columns, ranked, scores
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.signals import draw_signal, scale_of
from deepeyes_tui.app.plots.tokens import draw_text, draw_tokens, joined, spelling_of

HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b\u202e\u200d\u0301\u05d0\u6f22\U0001f468 \n\t\x00Ġ▁#")),
    max_size=12,
)


def spelled(pieces, tokens=None, special=(), ascii=False):
    table = dict(enumerate(pieces))
    spell = spelling_of(table, special, ascii)
    return [spell.word(token) for token in (range(len(pieces)) if tokens is None else tokens)]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["The", "Ġcat", "'s", "Ġca", "fÃ©", "Ċ"], "The cat's café↵"),
        (["▁The", "▁cat", "s", "<0x0A>", "▁"], "The cats↵␣"),
        (["the", "un", "##like", "##ly", "."], "the unlikely ."),
        (["The", " cat", "s", " "], "The cats␣"),
        (list("a cat"), "a␣cat"),
        (["red", "green", "blue"], "red green blue"),
        (["<s>", "▁hi", "</s>", "[PAD]"], "<s> hi </s> [PAD]"),
    ],
)
def test_tokens_are_joined_as_their_tokenizer_means_it(pieces, text):
    assert joined(spelled(pieces)) == text


def test_unknown_tokens_are_numbers_and_special_ones_are_faint():
    words = spelled(["▁<x y>", "▁a", "pad"], [1, 77, 2, 0], special={2})
    assert joined(words, range(1, 2)) == "a [#77] pad <x y>"
    canvas = draw_tokens(30, words, range(1, 2), 10)
    line = canvas.lines()[0]
    assert line.index("#77") == 10
    assert canvas.ink[0, line.index("pad")] == Ink.FAINT
    assert canvas.look[0, 10] == Look.BOLD | Look.UNDERLINE
    assert canvas.look[0, 8] == Look.PLAIN
    assert "[#77]" in draw_tokens(30, words, range(1, 2), 10, ascii=True).lines()[0]


@given(st.lists(HOSTILE, min_size=1, max_size=17), st.integers(0, 17), st.integers(0, 90), st.booleans())
@settings(deadline=None, max_examples=150)
def test_nothing_in_a_token_does_any_harm(pieces, own, width, ascii):
    words = spelled(pieces, ascii=ascii)
    mine = range(own, own + 1) if own < len(words) else range(0)
    text = joined(words, mine)
    line = draw_tokens(width, words, mine, width * 2 // 5, ascii)
    block = draw_text(width, 5, words, mine, ascii)
    for shown in (text, *line.lines(), *block.lines()):
        assert "\x1b" not in shown
        assert "\n" not in shown
        assert "\u202e" not in shown
        assert all(cell_len(character) for character in shown)
        assert not ascii or shown.isascii()
    assert [cell_len(row) for row in (*line.lines(), *block.lines())] == [width] * 6


def test_a_token_of_two_columns_takes_two():
    words = spelled(["漢", "字", "x"])
    assert draw_tokens(9, words, range(1, 2), 4).lines() == ["  漢字x  "]


def test_the_most_unusual_columns_come_first():
    values = np.array([[1, 5, 7], [1, 5, 9], [1, 5, 8], [1, 50, 8]], np.float32)
    score = scores(values)
    assert score[:, 0].tolist() == [0, 0, 0, 0]
    assert score[3, 1] == pytest.approx(1.732, abs=1e-3)
    assert [column.name for column in ranked(("a", "b"), values[3], score[3])] == ["b", "a", "c2"]
    line = draw_columns(40, ranked(("a", "b"), values[3], score[3])).lines()[0]
    assert line.rstrip() == "b +1.7 (50)  a +0.0 (1)  c2 +0.0 (8)"


def test_broken_values_come_first_of_all():
    values = np.array([[1, np.nan], [2, 3], [4, np.inf]], np.float32)
    score = scores(values)
    assert np.isnan(score[[0, 2], 1]).all()
    first = ranked((), values[0], score[0])[0]
    assert (first.name, np.isnan(first.value)) == ("c1", True)
    assert "c1 (-)" in draw_columns(30, ranked((), values[0], score[0]), ascii=True).lines()[0]


@given(st.integers(0, 60), st.integers(0, 9), st.booleans())
@settings(deadline=None, max_examples=40)
def test_bars_fit_any_room(width, height, ascii):
    values = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    canvas = draw_bars(width, height, ranked(["größe" * 9], values[0], scores(values)[0]), ascii)
    assert [cell_len(row) for row in canvas.lines()] == [width] * height


@pytest.mark.parametrize("glyphs", Glyphs)
def test_a_rising_signal_rises(glyphs):
    canvas = draw_signal(
        np.linspace(0, 1, 64, dtype=np.float32)[None], 16, 6, (0.0, 1.0), own=(0.5, 1.0), glyphs=glyphs
    )
    drawn = canvas.glyph != ord(" ")
    heights = [int(np.flatnonzero(column).mean()) for column in drawn.T]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0], heights[-1]) == (5, 0)
    assert set(canvas.ink[drawn & (np.arange(16) < 8)].tolist()) == {Ink.MUTED}
    assert set(canvas.ink[drawn & (np.arange(16) >= 8)].tolist()) == {Ink.TRAINING}


@given(st.integers(0, 40), st.integers(0, 9), st.sampled_from(Glyphs), st.integers(0, 64), st.booleans())
@settings(deadline=None, max_examples=60)
def test_signals_of_any_kind_fit_any_room(width, height, glyphs, count, flat):
    draw = np.random.default_rng(count)
    values = (np.zeros((2, count)) if flat else draw.normal(size=(2, count))).astype(np.float32)
    values[:, : count // 4] = np.nan
    canvas = draw_signal(values, width, height, scale_of(values), spread=np.abs(values), glyphs=glyphs)
    assert [cell_len(row) for row in canvas.lines()] == [width] * height
    low, high = scale_of(values)
    assert low < high
