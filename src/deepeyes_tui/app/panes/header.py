"""The rows at the top: which run, its state in words, how far it is, what watching it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.cells import cell_len

from deepeyes_tui.app.panes.base import Piece, write
from deepeyes_tui.app.panes.newest import newest
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.age import looks_too_rarely
from deepeyes_tui.link.snapshot import RunState, Status

GIB = 2**30
RUN_WIDTH = 28
GAP = 2
Item = list[Piece]

SIGNS = {
    RunState.STARTING: ("○", "o", Ink.MUTED),
    RunState.TRAINING: ("●", "*", Ink.GOOD),
    RunState.PAUSED: ("‖", "=", Ink.WARNING),
    RunState.FINISHED: ("■", "#", Ink.ACCENT),
    RunState.STOPPED: ("■", "#", Ink.ACCENT),
    RunState.FAILED: ("✗", "x", Ink.ERROR),
}
SILENT = ("○", "o", Ink.WARNING)
"""The sign of a training that nothing is heard of."""


def draw_header(scene: Scene, width: int, height: int) -> Canvas:
    """Draw one row, or two where one would not hold it."""
    canvas = Canvas(width, height)
    status = scene.snapshot.status if scene.snapshot else Status()
    progress, measured = (_progress(scene, status), _measured(scene, status)) if scene.snapshot else ([], [])
    marks = _marks(scene)
    if height > 1:
        _spread(canvas, 0, scene, status, progress)
        end = _flow(canvas, 1, 1, width - _length(marks) - GAP, measured)
        _right(canvas, 1, end, marks)
    else:
        # The sentence takes what the numbers leave.
        _spread(canvas, 0, scene, status, [*progress, *measured, *([marks] if marks else [])])
    return canvas


def header_text(scene: Scene) -> str:
    """Return the header as a line of text."""
    words = [printable(scene.run), scene.sentence]
    if scene.snapshot:
        status = scene.snapshot.status
        words += [_text(item) for item in (*_progress(scene, status), *_measured(scene, status))]
        words += [printable(status.summary)] if status.summary else []
    return "  ".join(words)


def _spread(canvas: Canvas, row: int, scene: Scene, status: Status, items: list[Item]) -> None:
    """Write run and state at the left, as many items as fit at the right."""
    run = printable(scene.run, RUN_WIDTH, scene.ascii)
    sign, plain, ink = SILENT if scene.silent else SIGNS[_state(scene, status)]
    column = write(canvas, row, 1, [(run, Ink.TITLE, Look.BOLD)]) + GAP
    column = write(canvas, row, column, [(plain if scene.ascii else sign, ink)]) + 1
    least = min(cell_len(scene.sentence), max(canvas.width - column - 2, 12) // 2)
    while items and _total(items) > canvas.width - column - least - GAP - 1:
        items = items[:-1]
    at = canvas.width - _total(items) - 1 if items else canvas.width
    said = printable(scene.sentence, max(at - column - GAP, 0), scene.ascii)
    write(canvas, row, column, [(said, ink if scene.failed else Ink.DEFAULT)])
    _flow(canvas, row, at, canvas.width, items)


def _state(scene: Scene, status: Status) -> RunState:
    if scene.failed:
        return RunState.FAILED
    over = status.state in (RunState.FINISHED, RunState.STOPPED)
    return RunState.FINISHED if scene.ended and not over else status.state


def _progress(scene: Scene, status: Status) -> list[Item]:
    items = [_item("model", printable(status.root, 20, scene.ascii), 0)] if len(status.roots) > 1 else []
    items.append(_item("step", f"{status.step:,}", 6))
    if math.isfinite(status.epoch):
        items.append(_item("epoch", f"{status.epoch:.1f}", 4))
    goes_on = status.state not in (RunState.FINISHED, RunState.STOPPED, RunState.FAILED)
    if math.isfinite(status.steps_per_second) and goes_on:
        items.append([(short(status.steps_per_second).rjust(4), Ink.DEFAULT), (" steps/s", Ink.MUTED)])
    return items


def _measured(scene: Scene, status: Status) -> list[Item]:
    plain = scene.ascii
    items = []
    if not math.isnan(status.loss):
        bad, loss = math.isinf(status.loss), newest(scene, "loss", status.loss)
        items.append(_item("loss", short(loss, ascii=plain), 6, Ink.ERROR if bad else Ink.DEFAULT))
    elif status.step and "loss" in (scene.snapshot.series if scene.snapshot else {}):
        items.append(_item("loss", "NaN", 6, Ink.ERROR))
    if math.isfinite(status.accuracy):
        items.append(_item("accuracy", f"{newest(scene, 'accuracy', status.accuracy):.1%}", 5))
    if math.isfinite(status.cost):
        over = status.cost > status.budget * 1.1
        cost = percent(status.cost, ascii=plain)
        item = _item("monitor", cost, 0, Ink.WARNING if over else Ink.DEFAULT)
        budget = f" of {percent(status.budget, ascii=plain)}"
        items.append([*item, (budget + " " * (4 - len(cost)), Ink.MUTED)])
    if status.observed_every > 1:
        items.append([(f"1 in {status.observed_every} steps", Ink.MUTED)])
    if scene.snapshot is not None and scene.replay is None and not scene.ended and looks_too_rarely(scene.snapshot):
        how = "--budget 0.1" if status.summary else "watch(budget=0.1)"
        items.append([(f"{how} looks more often", Ink.WARNING)])
    if status.ranks > 1:
        items.append([(f"{status.ranks} ranks", Ink.MUTED)])
    if math.isfinite(status.gpu_use):
        items.append(_item("GPU", percent(status.gpu_use, ascii=plain), 4))
    if status.gpu_memory_total:
        memory = f"{status.gpu_memory / GIB:.1f}"
        items.append([(memory, Ink.DEFAULT), (f" of {status.gpu_memory_total / GIB:.0f} GiB", Ink.MUTED)])
    elif status.device and not math.isfinite(status.gpu_use):
        items.append([(printable(status.device, 20, plain), Ink.MUTED)])
    return items


def _marks(scene: Scene) -> Item:
    marks: Item = []
    if scene.desk.frozen:
        marks.append((" frozen, z goes on ", Ink.WARNING, Look.REVERSE))
    if scene.readonly:
        marks.append((" read-only ", Ink.MUTED))
    return marks


def _item(label: str, value: str, least: int, ink: int = Ink.DEFAULT) -> Item:
    return [(f"{label} ", Ink.MUTED), (value.ljust(least), ink)]


def _flow(canvas: Canvas, row: int, column: int, limit: int, items: Iterable[Item]) -> int:
    for item in items:
        if column + _length(item) > limit:
            break
        column = write(canvas, row, column, item) + GAP
    return column


def _right(canvas: Canvas, row: int, after: int, item: Item) -> None:
    at = canvas.width - _length(item) - 1
    if item and at >= after:
        write(canvas, row, at, item)


def _text(item: Item) -> str:
    return "".join(piece[0] for piece in item).strip()


def _length(item: Item) -> int:
    return sum(cell_len(piece[0]) for piece in item)


def _total(items: list[Item]) -> int:
    return sum(map(_length, items)) + GAP * max(len(items) - 1, 0)
