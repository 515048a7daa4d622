"""The training script's own output."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.panes.base import Pane, sentence
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import ESCAPE, printable
from deepeyes_tui.app.scene import Scene

NOTHING = "no output here yet; a script not started by `deepeyes run` prints to its own terminal"
LONGEST = 600
"""Cells of a line that are shown."""


def draw_log(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the last lines, or those above the one that was scrolled to; long lines go on in the next row."""
    if not scene.log:
        return sentence(width, height, NOTHING)
    canvas = Canvas(width, height)
    end = len(scene.log) if scene.desk.log_end is None else min(scene.desk.log_end, len(scene.log))
    rows: list[str] = []
    for line in reversed(scene.log[max(end - height, 0) : end]):
        rows = [*pieces(drawable(line, scene.ascii), max(width - 2, 1)), *rows]
        if len(rows) >= height:
            break
    for row, text in enumerate(rows[-height:] if height else []):
        canvas.text(row, 1, text, Ink.ERROR if _is_error(text) else Ink.DEFAULT)
    return canvas


def drawable(line: str, ascii: bool = False) -> str:
    """Return a line as it may be drawn, keeping its spaces, which `printable` would join."""
    plain = ESCAPE.sub("", line[-LONGEST * 4 :]).expandtabs(4).rstrip()
    return " ".join(printable(word, ascii=ascii) for word in plain[:LONGEST].split(" "))


def pieces(text: str, width: int) -> Iterator[str]:
    """Yield a text in rows of at most `width` cells, broken at a space where a row's second half has one."""
    row, used = "", 0
    for character in text:
        wide = cell_len(character)
        if used + wide > width:
            end = row.rfind(" ") + 1
            end = end if character != " " and end > len(row) // 2 else len(row)
            yield row[:end].rstrip(" ") or row[:end]
            row = row[end:]
            used = cell_len(row)
        row, used = row + character, used + wide
    yield row


def _is_error(text: str) -> bool:
    head = text.lstrip().split(":", 1)[0]
    return head.startswith("Traceback") or (head.endswith(("Error", "Exception")) and " " not in head)


def _facts(scene: Scene) -> str:
    if scene.desk.log_end is None:
        return "following" if scene.log else ""
    return f"line {scene.desk.log_end:,} of {len(scene.log):,}, G follows"


def log_text(scene: Scene) -> str:
    """Return all lines that are kept."""
    return "\n".join(drawable(line) for line in scene.log) or NOTHING


PANE = Pane(
    PaneName.LOG,
    draw_log,
    _facts,
    log_text,
    lambda scene: (scene.log, scene.desk.log_end),
)
