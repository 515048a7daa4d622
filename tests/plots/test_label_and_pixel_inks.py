import itertools

import numpy as np
import pytest
from rich.color import Color, ColorSystem, ColorType
from tests.plots.test_palette import contrast

from deepeyes_tui.app.plots.color_tables import DARK_GROUND, LIGHT_GROUND
from deepeyes_tui.app.plots.inks import LABELS, MORE_LABELS, PIXEL_LEVELS, Ink, label_ink, label_inks, pixel_ink
from deepeyes_tui.app.plots.palette import LABELS_ANSI, NAMED_ANSI, Depth, Palette, Theme

GROUNDS = {Theme.DARK: DARK_GROUND, Theme.LIGHT: LIGHT_GROUND}
COLOURED = list(itertools.product(GROUNDS, (Depth.TRUECOLOR, Depth.C256)))
QUALITY = Ink.FAITHFUL, Ink.FALSE_NEIGHBOURS, Ink.TEARS, Ink.BOTH_WRONG
PIXELS = range(Ink.PIXEL, Ink.PIXEL + PIXEL_LEVELS**3)


def test_labels_take_ten_colours_or_twenty_four_in_turn():
    assert label_inks([0, 9], LABELS).tolist() == [Ink.LABEL, Ink.LABEL + 9]
    assert label_inks([0, 23, 24], 100).tolist() == [Ink.LABELS_MORE, Ink.LABELS_MORE + 23, Ink.LABELS_MORE]
    assert label_ink(-1, 10) == label_ink(-1, 11) == Ink.MUTED
    assert label_inks([], 10).size == 0


@pytest.mark.parametrize(("theme", "depth"), COLOURED)
def test_more_labels_differ_from_each_other_and_the_ground(theme, depth):
    palette = Palette(theme, depth)
    colors = [palette.color(Ink.LABELS_MORE + n) for n in range(MORE_LABELS)]
    assert len({*colors, GROUNDS[theme], palette.color(Ink.GREYED)}) == MORE_LABELS + 2
    assert min(contrast(color, GROUNDS[theme]) for color in colors) > 2.4


@pytest.mark.parametrize(("theme", "depth"), COLOURED)
def test_quality_stands_out_and_grey_is_quieter_than_any_label(theme, depth):
    palette = Palette(theme, depth)
    assert len({palette.color(ink) for ink in QUALITY}) == 4
    assert min(contrast(palette.color(ink), GROUNDS[theme]) for ink in QUALITY) > 3
    grey = contrast(palette.color(Ink.GREYED), GROUNDS[theme])
    labels = [*range(Ink.LABEL, Ink.LABEL + LABELS), *range(Ink.LABELS_MORE, Ink.LABELS_MORE + MORE_LABELS)]
    louder = [contrast(palette.color(ink), GROUNDS[theme]) > grey for ink in labels]
    assert grey > 1.5
    assert np.mean(louder) > 0.85


def test_no_label_looks_like_a_greyed_point_in_sixteen_colours():
    palette = Palette(Theme.ANSI, Depth.C16)
    assert NAMED_ANSI[Ink.GREYED] not in LABELS_ANSI
    assert len({palette.color(Ink.LABEL + n) for n in range(LABELS)}) == LABELS
    assert palette.color(Ink.LABELS_MORE + 23) == LABELS_ANSI[23 % len(LABELS_ANSI)]


def test_pixels_are_shown_as_they_are():
    ink = pixel_ink(*np.array([[0, 17, 255], [0, 34, 255], [0, 51, 255]], np.uint8))
    assert [Palette().color(i) for i in ink.tolist()] == ["#000000", "#112233", "#ffffff"]
    grey = np.arange(256, dtype=np.uint8)
    shown = np.array([Color.parse(Palette().color(i)).get_truecolor().red for i in pixel_ink(grey, grey, grey)])
    assert abs(shown - grey).max() <= 8


@pytest.mark.parametrize("theme", Theme)
def test_pixels_are_what_the_depth_can_show(theme):
    for depth, kinds in (
        (Depth.C256, {ColorType.EIGHT_BIT}), (Depth.C16, {ColorType.STANDARD}), (Depth.NONE, {ColorType.DEFAULT}),
    ):  # fmt: skip
        colors = [Color.parse(Palette(theme, depth).color(ink)) for ink in PIXELS]
        expected = {ColorType.STANDARD} if theme is Theme.ANSI and depth is Depth.C256 else kinds
        assert {color.type for color in colors} == expected
        assert all(color.downgrade(ColorSystem.EIGHT_BIT) == color for color in colors if depth is Depth.C256)


def test_grey_pixels_never_get_darker_with_more_light():
    grey = np.arange(256, dtype=np.uint8)
    for depth in (Depth.TRUECOLOR, Depth.C256, Depth.C16):
        colors = [Palette(Theme.DARK, depth).color(ink) for ink in pixel_ink(grey, grey, grey)]
        order = ["black", "bright_black", "white", "bright_white"]
        parsed = [order.index(c) if c in order else Color.parse(c).get_truecolor().red for c in colors]
        assert parsed == sorted(parsed)
    assert Palette().color(8192) == "default"


@pytest.mark.parametrize("theme", Theme)
def test_the_edge_of_a_brush_is_seen_in_every_depth(theme):
    for depth in Depth:
        style = Palette(theme, depth).style(Ink.LABEL, Ink.BRUSH_EDGE)
        assert (style.bgcolor is None) == bool(style.reverse)
