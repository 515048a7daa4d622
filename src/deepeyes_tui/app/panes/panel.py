"""The panel for editing the training: a list of what can be set and done, and beneath it what the row is about."""

from __future__ import annotations

from itertools import groupby

from rich.cells import cell_len

from deepeyes_tui.app.panel import Panel, Row
from deepeyes_tui.app.panel_layer import frozen_text
from deepeyes_tui.app.panel_rows import row_here, rows
from deepeyes_tui.app.panes.base import window, wrapped, write
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.quantities import value_text
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.steering import refusal

LABEL = 16
"""Cells of a row's name."""
VALUE_AT = 4 + LABEL
DETAIL = 3
"""Lines at the foot that say what the row under the cursor is about."""
ASKING = "asking the training ..."
Line = Row | str
"""A row, or a heading; an empty line."""


def draw_panel(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the list around the cursor; where all fits, with a line between its parts."""
    canvas, panel = Canvas(width, height), scene.desk.panel
    if panel is None:
        return canvas
    _head(canvas, scene, panel)
    here, lines = row_here(scene), seen_lines(scene, height)
    for row, line in enumerate(lines, 1):
        if isinstance(line, Row):
            _row(canvas, row, line, line == here, scene.ascii)
        else:
            canvas.text(row, 1, printable(line, width - 2, scene.ascii), Ink.ACCENT, Look.BOLD)
    if here is not None:
        _detail(canvas, scene, panel, here, min(height - DETAIL, len(lines) + 2))
    return canvas


def seen_lines(scene: Scene, height: int) -> list[Line]:
    """Return the lines below the title that are seen in `height` rows."""
    here, room = row_here(scene), height - 2 - DETAIL
    lines = panel_lines(scene, apart=True)
    if len(lines) > room:
        lines = panel_lines(scene, apart=False)
    place = next((i for i, line in enumerate(lines) if line == here), 0)
    return [lines[index] for index in window(place, len(lines), room)]


def panel_lines(scene: Scene, apart: bool) -> list[Line]:
    """Return headings and rows in their order; `apart`: with empty lines between the parts."""
    lines: list[Line] = []
    for section, members in groupby(rows(scene), key=lambda row: row.section):
        lines += [*([""] if lines and apart else []), section, *members]
    return lines


def _head(canvas: Canvas, scene: Scene, panel: Panel) -> None:
    canvas.text(0, 0, ("=" if scene.ascii else "━") * canvas.width, Ink.ACCENT)
    write(canvas, 0, 1, [(" Edit the training ", Ink.ACCENT, Look.BOLD)])
    facts = ASKING if panel.asking else "not answered: r asks again" if panel.failure else refusal(scene)
    if facts:
        text = f" {printable(facts, canvas.width - 26, scene.ascii)} "
        ink = Ink.MUTED if panel.asking else Ink.WARNING
        canvas.text(0, canvas.width - cell_len(text) - 2, text, ink)


def _row(canvas: Canvas, row: int, line: Row, here: bool, ascii: bool) -> None:
    """Draw one row. What is refused has a cross before it, what is only proposed an arrow and a star."""
    look = Look.BOLD if here else Look.PLAIN
    ink = Ink.MUTED if line.refusal else Ink.DEFAULT
    if here:
        canvas.text(row, 0, ">" if ascii else "▸", Ink.ACCENT, Look.BOLD)
    mark = "x" if line.refusal else "*" if line.proposal else " "
    canvas.text(row, 2, mark, Ink.WARNING if line.proposal else Ink.MUTED, look)
    canvas.text(row, 4, line.label, ink, look | (Look.REVERSE if here else Look.PLAIN))
    room = canvas.width - VALUE_AT - 1
    if line.proposal:
        after = printable(f"-> {line.proposal}", room // 2, ascii)
        before = printable(line.value, room - cell_len(after) - 1, ascii)
        write(canvas, row, VALUE_AT, [(before, ink, look), (" ", ink), (after, Ink.WARNING, Look.BOLD)])
        return
    write(canvas, row, VALUE_AT, [(printable(_said(line), room, ascii), ink, look)])


def _said(line: Row) -> str:
    """Return the value of a row, and why there is no other one."""
    if not line.refusal:
        return line.value
    return f"{line.value}  ({line.refusal})" if line.value.strip("-\N{EN DASH}") else line.refusal


def _detail(canvas: Canvas, scene: Scene, panel: Panel, here: Row, top: int) -> None:
    width = canvas.width - 2
    ink = Ink.ERROR if panel.problem else Ink.WARNING if here.refusal else Ink.MUTED
    lines = [(line, int(ink)) for line in wrapped(_about(panel, here, scene.ascii), width)]
    more = _by_group(panel, here, scene.ascii) or _frozen(panel, scene.ascii)
    lines += [(line, int(Ink.MUTED)) for line in wrapped(more, width)] if more else []
    for row, (line, line_ink) in enumerate(lines[:DETAIL], top):
        last = row == top + DETAIL - 1 and len(lines) > DETAIL
        text = printable(f"{line} ...", width, scene.ascii) if last else line
        canvas.text(row, 1, text, line_ink)


def _about(panel: Panel, here: Row, ascii: bool) -> str:
    if panel.problem:
        return printable(panel.problem, ascii=ascii)
    if here.refusal:
        return printable(f"{here.label}: {here.refusal}", ascii=ascii)
    return printable(here.help, ascii=ascii)


def _by_group(panel: Panel, here: Row, ascii: bool) -> str:
    setting = panel.setting(here.id)
    if setting is None or len(setting.values) < 2:
        return ""
    shown = (f"{number}: {value_text(value, ascii)}" for number, value in enumerate(setting.values))
    return printable(f"by parameter group: {', '.join(shown)}", ascii=ascii)


def _frozen(panel: Panel, ascii: bool) -> str:
    if here := panel.settings and frozen_text(panel.settings.frozen, ascii):
        return printable(f"frozen by now: {here}", ascii=ascii)
    return ""
