"""What all panes have in common: their interface, title rules, lines of text in several inks, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from deepeyes_tui.app.bindings import KEY_OF, PANE_KEYS, PaneName
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.scene import Scene

Draw = Callable[[Scene, int, int], Canvas]
Words = Callable[[Scene], str]
Columns = tuple[Sequence[str], Sequence[Sequence[str]]]
Reads = Callable[[Scene], tuple[object, ...]]
LEAST_FACTS = 16
"""Cells in which facts are worth being cut."""
Piece = tuple[str, int] | tuple[str, int, int]
"""A text, its ink, its look."""


@dataclass(frozen=True, slots=True)
class Pane:
    """`draw(scene, width, height)` its body, `facts` for the right of its title rule, `text` all of it as a table.

    `reads` is all that they are functions of, beside the size and what never changes: equal parts, equal picture.
    `columns` are heads and rows for a spreadsheet, where a pane has such.
    """

    name: PaneName
    draw: Draw
    facts: Words
    text: Words
    reads: Reads
    columns: Callable[[Scene], Columns | None] = lambda _: None


def write(canvas: Canvas, row: int, column: int, pieces: Iterable[Piece]) -> int:
    """Write pieces one behind the other; return the column behind them."""
    for text, ink, *look in pieces:
        column = canvas.text(row, column, text, ink, look[0] if look else Look.PLAIN)
    return column


def lay(canvas: Canvas, part: Canvas, row: int, column: int) -> None:
    """Put a part onto an area that is still blank: as `paste`, without looking for glyphs that it would halve."""
    bottom, right = row + part.height, column + part.width
    if row < 0 or column < 0 or bottom > canvas.height or right > canvas.width:
        canvas.paste(part, row, column)
        return
    for name in canvas.__slots__:
        getattr(canvas, name)[row:bottom, column:right] = getattr(part, name)


def sentence(width: int, height: int, text: str, ink: int = Ink.MUTED) -> Canvas:
    """Return an area that says one thing, in its upper third."""
    canvas = Canvas(width, height)
    lines = wrapped(text, max(width - 4, 1))[: max(height, 1)]
    top = max((height - len(lines)) // 3, 0)
    for row, line in enumerate(lines):
        canvas.text(top + row, max((width - cell_len(line)) // 2, 0), line, ink)
    return canvas


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` cells, broken between words where that is possible."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        while cell_len(word) > width:
            room = width - cell_len(line) - (1 if line else 0)
            head = _head(word, room if room > width // 2 else width)
            lines, line = (lines, f"{line} {head}") if line and room > width // 2 else (_with(lines, line), head)
            word = word[len(head.split(" ")[-1]) :]
            lines, line = _with(lines, line), ""
        if line and cell_len(line) + 1 + cell_len(word) > width:
            lines, line = _with(lines, line), word
        else:
            line = f"{line} {word}" if line else word
    return _with(lines, line) or [""]


def cut_to(lines: list[str], rows: int, width: int, ascii: bool) -> list[str]:
    """Return as many lines as there are rows; the last one shows that it is not the end."""
    if len(lines) <= rows or rows <= 0:
        return lines[: max(rows, 0)]
    return [*lines[: rows - 1], printable(" ".join(lines[rows - 1 :]), width, ascii)]


def _with(lines: list[str], line: str) -> list[str]:
    return [*lines, line] if line else lines


def _head(word: str, width: int) -> str:
    used = 0
    for at, character in enumerate(word):
        used += cell_len(character)
        if used > width:
            return word[: max(at, 1)]
    return word


def title_rule(scene: Scene, name: PaneName, facts: str, width: int, focused: bool, tabs: bool) -> Canvas:
    """Draw the line above a pane: number and name (with `tabs` those of all panes), facts at the right.

    The focus is said by weight as well as colour: a heavy line, and the name in bold.
    """
    canvas = Canvas(width, 1)
    line, ink = ("=-" if scene.ascii else "━─")[not focused], Ink.ACCENT if focused else Ink.FAINT
    canvas.text(0, 0, line * width, ink)
    facts = printable(facts, ascii=scene.ascii)
    column = 1
    for pane, label in tab_labels(name, facts, width, tabs):
        here = pane is name
        column = write(canvas, 0, column, _tab(KEY_OF[pane], label, here, here and focused)) + bool(label)
    room = width - column - 4
    if facts and room >= min(cell_len(facts), LEAST_FACTS):
        facts = printable(facts, room, scene.ascii)
        canvas.text(0, width - cell_len(facts) - 3, f" {facts} ", Ink.MUTED)
    return canvas


def tab_labels(name: PaneName, facts: str, width: int, tabs: bool) -> list[tuple[PaneName, str]]:
    """Return the panes of a title rule with their names; where there is little room, empty ones but for its own."""
    shown = [pane for pane in PANE_KEYS.values() if tabs or pane is name]
    named = sum(len(pane) + 5 for pane in shown) + cell_len(facts) + 5 <= width
    return [(pane, str(pane) if named or pane is name else "") for pane in shown]


def _tab(key: str, name: str, here: bool, focused: bool) -> list[Piece]:
    name_ink = Ink.ACCENT if focused else Ink.TITLE if here else Ink.MUTED
    label = f"{name} " if name else ""
    return [(f" {key} ", Ink.ACCENT if focused else Ink.MUTED), (label, name_ink, Look.BOLD * here)]


def window(position: int, count: int, height: int) -> range:
    """Return which of `count` rows are seen in `height`, the one at `position` in their middle where possible."""
    start = max(min(position - height // 2, count - height), 0)
    return range(start, min(start + max(height, 0), count))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as text in aligned columns, the first to the left, the others to the right."""
    lines = [heads, *rows]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(
        "  ".join(_aligned(cell, w, not i) for i, (cell, w) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    )


def _aligned(text: str, width: int, left: bool) -> str:
    pad = " " * (width - cell_len(text))
    return text + pad if left else pad + text
