"""The last row: a question, what is being typed, a message, or the keys worth knowing here."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len

from deepeyes_tui.app.bindings import Binding, applicable
from deepeyes_tui.app.panes.base import Piece, wrapped, write
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.proposals import Proposal
from deepeyes_tui.app.scene import Asking, Question, Scene

ENTERS = {
    Asking.SEARCH: "search",
    Asking.KEEP: "keep",
    Asking.RECALL: "take up",
    Asking.VALUE: "take it",
    Asking.STEP: "go",
}
NOTE_ROWS = 3
RESUME, HOLD = "P resume", "P hold"
LAST = ("? help", "q leave")


def draw_status(scene: Scene, width: int) -> Canvas:
    """Draw the row; of a message that is longer as many as it takes, `NOTE_ROWS` at most."""
    canvas, desk = Canvas(width, 1), scene.desk
    if desk.question is not None:
        _question(canvas, desk.question, scene.ascii)
    elif desk.typing is not None:
        end = canvas.text(0, 1, desk.asking, Ink.ACCENT, Look.BOLD)
        end = canvas.text(0, end, printable(desk.typing, width - 40, scene.ascii), Ink.DEFAULT)
        canvas.text(0, end, " ", Ink.DEFAULT, Look.REVERSE)
        names = f"  kept: {', '.join(scene.selection.named)}" if desk.asking is Asking.RECALL else ""
        hint = f"Enter {ENTERS[desk.asking]}  Esc cancel{names}"
        canvas.text(0, end + 3, printable(hint, max(width - end - 4, 0), scene.ascii), Ink.MUTED)
    elif desk.note:
        return _message(desk.note, Ink.ERROR if desk.note_is_error else Ink.DEFAULT, width, scene.ascii)
    elif desk.proposal is not None:
        _agreeing(canvas, desk.proposal)
    elif notice := _notice(scene):
        canvas.text(0, 1, printable(notice, width - 2, scene.ascii), Ink.WARNING)
    else:
        _keys(canvas, scene)
    return canvas


def _message(text: str, ink: int, width: int, ascii: bool) -> Canvas:
    lines = wrapped(printable(text, ascii=ascii), width - 2)
    canvas = Canvas(width, min(len(lines), NOTE_ROWS))
    for row, line in enumerate(lines[:NOTE_ROWS]):
        cut = f"{line} ..." if row == NOTE_ROWS - 1 and len(lines) > NOTE_ROWS else line
        canvas.text(row, 1, printable(cut, width - 2, ascii), ink)
    return canvas


def _notice(scene: Scene) -> str:
    notices = scene.snapshot.status.notices if scene.snapshot and scene.replay is None else ()
    return notices[-1] if notices and not scene.desk.help else ""


def _question(canvas: Canvas, question: Question, ascii: bool) -> None:
    answers: list[Piece] = []
    stay = () if any(key == "n" for key, _ in question.answers) else (("Esc", "stay"),)
    for key, name in (*question.answers, *stay):
        answers += [("  ", Ink.MUTED), (key, Ink.ACCENT, Look.BOLD), (f" {name}", Ink.DEFAULT)]
    room = canvas.width - sum(cell_len(piece[0]) for piece in answers) - 2
    text = printable(question.text, max(room, 1), ascii)
    write(canvas, 0, 1, [(text, Ink.WARNING, Look.BOLD), *answers])


def _keys(canvas: Canvas, scene: Scene) -> None:
    here = [binding for binding in applicable(scene.context) if binding.short]
    shown = [_short(scene, binding) for binding in here]
    first = [short for short in shown if short not in LAST]
    if scene.desk.help:
        first, last = ["j k scroll", "Esc back"], ["q leave"]
    elif scene.desk.chooser is not None:
        first, last = ["j k move", "Enter choose", "Esc back"], list(LAST)
    else:
        last = [short for short in LAST if short in shown]
    room = canvas.width - 2 - sum(cell_len(short) + 2 for short in last)
    fitting = []
    for short in first:
        if cell_len(short) + 2 <= room:
            fitting.append(short)
            room -= cell_len(short) + 2
    _hints(canvas, 1, fitting)
    _hints(canvas, canvas.width - 1 - sum(cell_len(short) + 2 for short in last) + 2, last)


def _short(scene: Scene, binding: Binding) -> str:
    if binding.id == "play" and scene.replay is not None and scene.replay.playing:
        return HOLD
    return RESUME if binding.id == "pause" and scene.paused else binding.short


def _agreeing(canvas: Canvas, proposal: Proposal) -> None:
    """Say how the operation that is shown is agreed to, where it can be."""
    hints = [("Enter y", proposal.verb), ("Esc n", "not")] if proposal.ready else [("Esc", "back")]
    column = 1
    for key, name in (*hints, ("j k", "scroll")):
        column = write(canvas, 0, column, [(key, Ink.ACCENT), (f" {name}", Ink.MUTED)]) + 2


def _hints(canvas: Canvas, column: int, shorts: Iterable[str]) -> None:
    for short in shorts:
        key, _, name = short.rpartition(" ")
        column = write(canvas, 0, column, [(key, Ink.ACCENT), (f" {name}", Ink.MUTED)]) + 2
