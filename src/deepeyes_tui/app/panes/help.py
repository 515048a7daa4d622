"""The help screen: the keys that work here and now, from their table."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len

from deepeyes_tui.app.bindings import Binding, Group, applicable
from deepeyes_tui.app.panes.base import Piece, wrapped, write
from deepeyes_tui.app.panes.timeline import SIGNS, WORDS
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.scene import Scene

ARROWS = {"↓": "down", "↑": "up", "←": "left", "→": "right"}
KEY_WIDTH = 12
COLUMN_FROM = 110
Line = list[Piece]


def help_lines(scene: Scene) -> list[Line]:
    """Return the lines of the help screen, groups with their keys."""
    shown = list(applicable(replace(scene.context, help=False)))
    lines: list[Line] = []
    for group in Group:
        bindings = [binding for binding in shown if binding.group is group]
        if bindings:
            lines += [[(str(group), Ink.ACCENT, Look.BOLD)], *(_line(binding, scene.ascii) for binding in bindings), []]
    if scene.replay is not None:
        signs: list[Line] = [
            [("  " + sign.ljust(KEY_WIDTH), ink), (WORDS[kind], Ink.DEFAULT)] for kind, (sign, ink) in SIGNS.items()
        ]
        lines += [[("On the line of time", Ink.ACCENT, Look.BOLD)], *signs, []]
    return lines


def draw_help(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the keys, in two columns where there is room, from the line that was scrolled to."""
    canvas, lines, room = Canvas(width, height), help_lines(scene), height - 2
    canvas.text(0, 0, ("=" if scene.ascii else "━") * width, Ink.ACCENT)
    write(
        canvas,
        0,
        1,
        [(f" Keys that work in {'the panel' if scene.desk.panel else scene.desk.focus} ", Ink.ACCENT, Look.BOLD)],
    )
    if width >= COLUMN_FROM and len(lines) > room:
        narrow = fitted(lines, width // 2 - 2)
        half = _break(narrow)
        if max(half, len(narrow) - half) <= room:
            _column(canvas, narrow[:half], 1, scene.ascii)
            _column(canvas, narrow[half:], width // 2, scene.ascii)
            return canvas
    lines = fitted(lines, width - 2)
    top = min(scene.desk.help_top, max(len(lines) - room, 0))
    _column(canvas, lines[top : top + room], 1, scene.ascii)
    if len(lines) > room:
        more = f" {top + 1}-{min(top + room, len(lines))} of {len(lines)}, j k scroll "
        canvas.text(0, width - cell_len(more) - 2, more, Ink.MUTED)
    return canvas


def fitted(lines: list[Line], width: int) -> list[Line]:
    """Return the lines with what keys do wrapped to a width, beneath where it begins."""
    within: list[Line] = []
    for line in lines:
        if len(line) < 2:
            within.append(line)
            continue
        key, does = line
        blank: Piece = (" " * cell_len(key[0]), Ink.DEFAULT)
        rows = wrapped(does[0], max(width - cell_len(key[0]), 1))
        within += [[blank if number else key, (text, Ink.DEFAULT)] for number, text in enumerate(rows)]
    return within


def _column(canvas: Canvas, lines: list[Line], left: int, ascii: bool) -> None:
    for row, line in enumerate(lines, 2):
        column = left
        for text, ink, *look in line:
            shown = text if text.startswith(" ") else printable(text, ascii=ascii)
            column = canvas.text(row, column, shown, ink, look[0] if look else Look.PLAIN)


def _break(lines: list[Line]) -> int:
    """Return where the second column begins: at a group, near the middle."""
    starts = [i + 1 for i, line in enumerate(lines) if not line]
    return min(starts, key=lambda i: abs(i - len(lines) / 2), default=len(lines))


def _line(binding: Binding, ascii: bool) -> Line:
    shown = binding.shown
    for arrow, word in ARROWS.items():
        shown = shown.replace(arrow, word) if ascii else shown
    return [("  " + shown.ljust(KEY_WIDTH), Ink.TITLE), (binding.does, Ink.DEFAULT)]


def help_text(scene: Scene) -> str:
    """Return the help screen as text."""
    return "\n".join("".join(piece[0] for piece in line).rstrip() for line in help_lines(scene))
