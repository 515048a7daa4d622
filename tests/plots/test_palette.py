import itertools

import pytest
from rich.color import Color, ColorSystem, ColorType

from deepeyes_tui.app.plots.color_tables import DARK_GROUND, LIGHT_GROUND
from deepeyes_tui.app.plots.inks import FADES, LEVELS, Ink, Look
from deepeyes_tui.app.plots.palette import MOST_STYLES, Depth, Palette, Theme

TEXT = [
    Ink.DEFAULT, Ink.MUTED, Ink.ACCENT, Ink.TITLE, Ink.UP, Ink.DOWN, Ink.WARNING, Ink.ERROR, Ink.GOOD, Ink.TRAINING,
    Ink.VALIDATION, Ink.BAR, Ink.UNDETECTED,
]  # fmt: skip
EVERY = [Palette(theme, depth) for theme, depth in itertools.product(Theme, Depth)]


def luminance(color: str) -> float:
    parts = [c / 255 for c in Color.parse(color).get_truecolor()]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("theme", "ground"), [(Theme.DARK, DARK_GROUND), (Theme.LIGHT, LIGHT_GROUND)])
@pytest.mark.parametrize("depth", [Depth.TRUECOLOR, Depth.C256])
def test_texts_stand_out(theme, ground, depth):
    palette = Palette(theme, depth)
    low = {ink.name: contrast(palette.color(ink), ground) for ink in TEXT if contrast(palette.color(ink), ground) < 4.5}
    assert not low


def test_labels_stand_out_on_dark():
    palette = Palette(Theme.DARK)
    assert min(contrast(palette.color(Ink.LABEL + n), DARK_GROUND) for n in range(10)) > 4.5
    assert len({palette.color(Ink.LABEL + n) for n in range(10)}) == 10


@pytest.mark.parametrize("depth", [Depth.TRUECOLOR, Depth.C256])
@pytest.mark.parametrize("ramp", [Ink.MAXIMUM, Ink.FREQUENCY])
def test_ramps_move_away_from_the_ground(depth, ramp):
    dark = [luminance(Palette(Theme.DARK, depth).color(ramp + n)) for n in range(LEVELS)]
    light = [luminance(Palette(Theme.LIGHT, depth).color(ramp + n)) for n in range(LEVELS)]
    assert dark == sorted(dark)
    assert light == sorted(light, reverse=True)


def test_text_on_ramps_and_cursor_is_readable():
    for theme in (Theme.DARK, Theme.LIGHT):
        palette = Palette(theme)
        for ramp, level in itertools.product((Ink.MAXIMUM, Ink.FREQUENCY), range(LEVELS)):
            ink = Ink.ON_LOW if level < LEVELS // 2 else Ink.ON_HIGH
            assert contrast(palette.color(ink), palette.color(ramp + level)) > 3
        assert contrast(palette.color(Ink.ON_CURSOR), palette.color(Ink.CURSOR)) > 4.5


@pytest.mark.parametrize("palette", EVERY, ids=lambda p: f"{p.theme}-{p.depth}")
def test_depth_is_kept_by_every_ink(palette):
    for ink, ground in itertools.product([*Ink, *range(32, 176)], [Ink.DEFAULT, Ink.SELECTED, Ink.CURSOR, Ink.MAXIMUM]):
        style = palette.style(ink, ground, Look.PLAIN)
        for color in (style.color, style.bgcolor):
            if palette.depth is Depth.NONE:
                assert color is None
            elif palette.depth is Depth.C16 or palette.theme is Theme.ANSI:
                assert color is None or color.type is ColorType.STANDARD
            elif palette.depth is Depth.C256 and color is not None:
                steady = color.downgrade(ColorSystem.EIGHT_BIT)
                assert steady.get_truecolor() == color.get_truecolor()


@pytest.mark.parametrize("palette", EVERY, ids=lambda p: f"{p.theme}-{p.depth}")
def test_selection_and_cursor_are_seen_in_every_depth(palette):
    plain = palette.style(Ink.DEFAULT, Ink.DEFAULT, Look.PLAIN)
    assert plain.color is None
    assert plain.bgcolor is None
    assert not plain.reverse
    for ink in (Ink.SELECTED, Ink.CURSOR):
        assert palette.style(ink, Ink.DEFAULT, Look.PLAIN).reverse
        on = palette.style(Ink.DEFAULT, ink, Look.PLAIN)
        assert on.reverse or on.bgcolor is not None
    look = palette.style(Ink.DEFAULT, Ink.DEFAULT, Look.BOLD | Look.DIM | Look.UNDERLINE | Look.REVERSE)
    assert look.bold
    assert look.dim
    assert look.underline
    assert look.reverse


def test_styles_are_kept_but_not_without_end():
    palette = Palette(Theme.DARK)
    assert palette.style(Ink.UP, 0, 0) is palette.style(Ink.UP, 0, 0)
    for ink, ground in itertools.product(range(176), range(60)):
        palette.style(ink, ground, 0)
    assert len(palette._styles) <= MOST_STYLES


def test_faded_ramps_end_at_the_last_table_place():
    assert Palette().color(Ink.FREQUENCY_FADED + FADES * LEVELS - 1) != "default"
    assert Palette().color(255) == "default"


RAMPED = ("red", "blue", "cyan", "bright_red", "bright_green", "bright_yellow", "bright_blue", "bright_magenta")
XTERM = dict(zip(RAMPED, ["cd0000", "0000ee", "00cdcd", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff"], strict=True))
VGA = dict(zip(RAMPED, ["aa0000", "0000aa", "00aaaa", "ff5555", "55ff55", "ffff55", "5555ff", "ff55ff"], strict=True))


@pytest.mark.parametrize("colors", [XTERM, VGA])
@pytest.mark.parametrize("ramp", [Ink.MAXIMUM, Ink.FREQUENCY])
def test_ramps_of_sixteen_colours_grow_brighter(colors, ramp):
    names = [Palette(Theme.DARK, Depth.C16).color(ramp + level) for level in range(LEVELS)]
    bright = [luminance(f"#{colors[name]}") for name in names]
    assert bright == sorted(bright)
    assert len(set(names)) >= 4
