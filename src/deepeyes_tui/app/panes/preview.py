"""An operation on the network before it is done: what it saves, what becomes of the output, what is cut where."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len

from deepeyes_tui.app.panes.base import Piece, wrapped, write
from deepeyes_tui.app.panes.parts import arrow, part_rows
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.proposals import Proposal, wanted
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.messages import Action
from deepeyes_tui.link.preview import Preview

Line = list[Piece]
ROWS_ABOVE: Final = 2
LABEL_WIDTH: Final = 15
WIDEST_TEXT: Final = 110
BAR: Final = 24
BESIDE_TITLE: Final = 34
"""Cells of the title's row for which lines are seen, and the rule."""
NOTHING: Final = 1e-6
"""A change of the output below which there is none: what rounding alone makes."""
MOST_NAMED: Final = 12
"""Layers that are named one by one."""
EXACT_FROM: Final = 10_000_000
"""Numbers from which on three digits are enough."""
ROLES: Final = "writes: own weights, passes: a value each on the way, reads: takes them in"


def preview_lines(scene: Scene, width: int) -> list[Line]:
    """Return what is known of the operation that is shown, in lines of at most `width` cells."""
    proposal = scene.desk.proposal
    if proposal is None:
        return []
    lines: list[Line] = []
    if not _fits(proposal, width):
        lines = _said(proposal.title, width, Ink.TITLE, scene.ascii)
        lines.append([])
    lines += _said(proposal.remark, width, Ink.WARNING, scene.ascii)
    if proposal.refusal:
        return [*lines, *_said("Refused: nothing has been changed.", width, Ink.ERROR), *_refusal(scene, width)]
    if proposal.preview is None:
        return [*lines, [("asking the training ...", Ink.MUTED)]]
    sent: Line = [("sent: the training does it before its next step ...", Ink.WARNING)]
    return [*lines, *([sent, []] if proposal.sent else []), *_body(scene, proposal, proposal.preview, width)]


def _fits(proposal: Proposal, width: int) -> bool:
    """Return whether the title is seen whole above the lines."""
    return cell_len(proposal.title) <= width - BESIDE_TITLE


def _refusal(scene: Scene, width: int) -> list[Line]:
    assert scene.desk.proposal is not None
    return _said(scene.desk.proposal.refusal, width, Ink.DEFAULT, scene.ascii)


def _body(scene: Scene, proposal: Proposal, preview: Preview, width: int) -> list[Line]:
    plain = scene.ascii
    lines = [
        _cost("parameters", preview.parameters, width, plain),
        _cost("multiply-adds", preview.multiply_adds, width, plain),
        *_labelled("output", _change_words(proposal, preview, plain), width),
        *_labelled("together with", _others(proposal, preview, plain), width),
    ]
    for text in _cautions(proposal, preview):
        lines += _bullet(text, width, plain)
    return [*lines, [], *_parts(preview, width, plain), [], *_afterwards(proposal, preview, width)]


def _others(proposal: Proposal, preview: Preview, ascii: bool) -> str:
    """Name the layers whose filters go or come with those that were meant, as they are summed or shared with them."""
    meant = wanted(proposal.command)
    owners = dict.fromkeys(_owner(part.tensor) for part in preview.parts if part.role == "writes")
    names = [printable(name, 30, ascii) for name in owners if name not in meant]
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"filters of {', '.join(names[:MOST_NAMED])}{more}, which belong to these"


def _owner(tensor: str) -> str:
    """Return the layer that a tensor is of; of a model's own tensor, its name."""
    layer, parametrized, _ = tensor.partition(".parametrizations.")
    return layer if parametrized else tensor.rpartition(".")[0] or tensor


def _change_words(proposal: Proposal, preview: Preview, ascii: bool) -> str:
    """Say what becomes of the network's output, in eval mode, on a batch of the training."""
    change = preview.change
    if change is None or not math.isfinite(change):
        return "how much it changes is not known"
    if abs(change) >= NOTHING:
        return f"changes by at most {percent(change, ascii=ascii)} of the largest output"
    pruned = proposal.command.action == Action.PRUNE
    return f"no change: {'the filters are silent' if pruned else 'it stays as it is'}"


def _cautions(proposal: Proposal, preview: Preview) -> Iterator[str]:
    if not preview.exact:
        pruned = proposal.command.action == Action.PRUNE
        if pruned:
            yield "Not exact: what the other filters give changes too, not only these fall silent."
        elif not preview.warnings:
            yield "Not exact: the output changes."
    yield from preview.warnings


def _afterwards(proposal: Proposal, preview: Preview, width: int) -> list[Line]:
    verb = "cut" if preview.parameters[1] < preview.parameters[0] else "changed"
    lines = _said(f"Momentum and other optimizer state are {verb} alike. U undoes it.", width, Ink.MUTED)
    if preview.copies:
        copies = "1 copy of the model" if preview.copies == 1 else f"{preview.copies} copies of the model"
        lines += _said(f"{copies} (averages of the weights, and the like): {verb} alike.", width, Ink.MUTED)
    return lines


def _cost(label: str, pair: tuple[int, int], width: int, ascii: bool) -> Line:
    before, after = (_count(number, pair, ascii) for number in pair)
    numbers = f"{before} {arrow(ascii)} {after}"
    line: Line = [(label.ljust(LABEL_WIDTH), Ink.MUTED), (numbers.ljust(24), Ink.DEFAULT, Look.BOLD)]
    line.append((f" {_share(pair, ascii)}".ljust(14), Ink.DEFAULT))
    used = sum(cell_len(piece[0]) for piece in line)
    return [*line, *_bar(pair, ascii)] if used + BAR <= width else line


def _count(number: int, pair: tuple[int, int], ascii: bool) -> str:
    alike = short(pair[0]) == short(pair[1]) and pair[0] != pair[1]
    return f"{number:,}" if number < EXACT_FROM or alike else short(number, ascii=ascii)


def _share(pair: tuple[int, int], ascii: bool) -> str:
    before, after = pair
    if before == after:
        return "unchanged"
    if not before:
        return ""
    return f"{percent(abs(after - before) / before, ascii=ascii)} {'fewer' if after < before else 'more'}"


def _bar(pair: tuple[int, int], ascii: bool) -> Line:
    """Return what stays as a full bar, and what goes or comes in another texture behind it."""
    most = max(pair)
    if most <= 0:
        return []
    stays = min(round(min(pair) / most * BAR), BAR - (pair[0] != pair[1]))
    full, gone, new = "#-+" if ascii else "▅▁▃"
    rest, ink = (gone, Ink.FAINT) if pair[1] < pair[0] else (new, Ink.ACCENT)
    return [(full * stays, Ink.BAR), (rest * (BAR - stays), ink)]


def _parts(preview: Preview, width: int, ascii: bool) -> list[Line]:
    if not preview.parts:
        return [[("No tensor that there is changes its size.", Ink.MUTED)]]
    count = len(preview.parts) + preview.parts_left_out
    verb = "becomes smaller" if any(part.after < part.before for part in preview.parts) else "becomes larger"
    head: Line = [(f"What {verb} where", Ink.ACCENT, Look.BOLD), (f"  {count:,} tensor{'s' * (count != 1)}", Ink.MUTED)]
    lines = [head, *_said(ROLES, width, Ink.MUTED), *part_rows(preview.parts, width, ascii)]
    if preview.parts_left_out:
        lines.append([(f"  and {preview.parts_left_out:,} more", Ink.MUTED)])
    return lines


def _labelled(label: str, text: str, width: int) -> list[Line]:
    if not text:
        return []
    rows = wrapped(text, max(width - LABEL_WIDTH, 1))
    heads = [label, *[""] * (len(rows) - 1)]
    return [
        [(head.ljust(LABEL_WIDTH), Ink.MUTED), (row, Ink.DEFAULT, Look.BOLD)]
        for head, row in zip(heads, rows, strict=True)
    ]


def _bullet(text: str, width: int, ascii: bool) -> list[Line]:
    rows = wrapped(printable(text, ascii=ascii), max(min(width, WIDEST_TEXT) - 2, 1))
    return [[("! " if not number else "  ", Ink.WARNING), (row, Ink.WARNING)] for number, row in enumerate(rows)]


def _said(text: str, width: int, ink: int, ascii: bool = False) -> list[Line]:
    if not text:
        return []
    return [[(row, ink)] for row in wrapped(printable(text, ascii=ascii), max(min(width, WIDEST_TEXT), 1))]


def most_scrolled(scene: Scene, width: int, rows: int) -> int:
    """Return the line from which on the rest of them fits in so many rows."""
    return max(len(preview_lines(scene, width - 2)) - rows, 0)


def draw_preview(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the operation over the whole body, from the line that was scrolled to."""
    canvas, proposal = Canvas(width, height), scene.desk.proposal
    if proposal is None:
        return canvas
    canvas.text(0, 0, ("=" if scene.ascii else "━") * width, Ink.ACCENT)
    title = printable(proposal.title, width - 2 - BESIDE_TITLE, scene.ascii)
    write(canvas, 0, 1, [(f" {title[:1].upper()}{title[1:]} ", Ink.ACCENT, Look.BOLD)])
    lines, room = preview_lines(scene, width - 2), height - ROWS_ABOVE
    top = min(scene.desk.proposal_top, max(len(lines) - room, 0))
    for row, line in enumerate(lines[top : top + room], ROWS_ABOVE):
        write(canvas, row, 1, line)
    if len(lines) > room:
        more = f" {top + 1}-{min(top + room, len(lines))} of {len(lines)}, j k scroll "
        canvas.text(0, width - cell_len(more) - 2, more, Ink.MUTED)
    return canvas


def preview_text(scene: Scene) -> str:
    """Return the operation as text."""
    title = printable(scene.desk.proposal.title) if scene.desk.proposal else ""
    lines = preview_lines(scene, WIDEST_TEXT)
    return "\n".join([title, "", *("".join(piece[0] for piece in line).rstrip() for line in lines)])
