import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.histogram import bin_at, bin_columns, draw_changes, draw_histogram
from deepeyes_tui.app.plots.inks import Ink


def test_histogram_as_text():
    canvas = draw_histogram(10, 3, [0.1, 0.2, 0.4, 0.3], undetected=0.5, high=16)
    assert canvas.lines() == [
        "      ██▄▄",
        "⣿ ▄▄██████",
        "∅ 1     16",
    ]
    assert canvas.ink[1, 0] == Ink.UNDETECTED
    assert canvas.ink[1, 9] == Ink.BAR


def test_changes_say_their_direction_by_position():
    canvas = draw_changes(10, 2, [0.1, -0.1, 0, 0.05], undetected_change=-0.1, glyphs=Glyphs.ASCII)
    assert canvas.lines() == ["_ ++____++", "-   --    "]
    assert canvas.ink[0, 2] == Ink.UP
    assert canvas.ink[1, 4] == Ink.DOWN


@given(st.integers(8, 240))
def test_bins_are_merged_by_sum_and_all_are_shown(width):
    layout = bin_columns(width)
    assert layout.sums(np.ones(30)).sum() == 30
    assert layout.last == width
    widths = np.diff(layout.edges)
    assert widths.min() >= 1
    assert widths.max() - widths.min() <= 1
    assert len(set(layout.sums(np.ones(30)))) == 1
    shown = [bin_at(column, width) for column in range(width)]
    assert shown[layout.first] == (0, layout.merged)
    assert shown[-1][1] == 30
    assert bin_at(layout.apart, width) is None


@pytest.mark.parametrize("width", [8, 20, 60, 120])
def test_changes_stand_under_their_bins(width):
    peak = np.zeros(30)
    peak[14] = 0.1
    above = draw_histogram(width, 5, peak, undetected=0, high=64)
    below = draw_changes(width, 5, peak, undetected_change=0)
    assert np.array_equal(
        np.flatnonzero((above.ink == Ink.BAR).any(axis=0)), np.flatnonzero((below.ink == Ink.UP).any(axis=0))
    )


def test_any_share_is_seen():
    canvas = draw_histogram(40, 5, [1.0, 1e-9], undetected=1e-9, high=2)
    assert (canvas.ink[:-1] == Ink.UNDETECTED).any()
    assert (canvas.ink[:-1, -1] == Ink.BAR).sum() == 1
