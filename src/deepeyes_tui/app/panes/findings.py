"""What is found in the run, in words: the finding under the cursor in full, where it leads and what it offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.found import findings_of, found_in, moment
from deepeyes_tui.app.panes.base import Columns, Pane, Piece, sentence, window, wrapped, write
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.findings import Finding, Task, Weight
from deepeyes_tui.findings.acts import SHORT
from deepeyes_tui.findings.finding import QUESTIONS
from deepeyes_tui.link.maps import Stage

SIGNS = {Weight.FAULT: "▲", Weight.FACT: "·", Weight.OPEN: "?"}
ASCII_SIGNS = {Weight.FAULT: "!", Weight.FACT: "-", Weight.OPEN: "?"}
INKS = {Weight.FAULT: Ink.WARNING, Weight.FACT: Ink.DEFAULT, Weight.OPEN: Ink.MUTED}
INDENT = 4
"""Cells left of a finding's words: cursor, sign."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list; `finding` is the number of the one that it belongs to, -1 for heads. Without pieces it is
    that finding in short, drawn only where it is seen.
    """

    pieces: tuple[Piece, ...] = ()
    finding: int = -1


def draw_findings(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the list, the cursor's finding in full in its place."""
    if scene.snapshot is None:
        return sentence(width, height, scene.sentence)
    canvas, found = Canvas(width, height), findings_of(scene)
    for row, line in enumerate(_seen(scene, width, height)):
        write(canvas, row, 0, line.pieces or _short(scene, found[line.finding], width))
    return canvas


def finding_at(scene: Scene, width: int, height: int, row: int) -> int | None:
    """Return the number of the finding that is drawn in a row, if one is."""
    seen = _seen(scene, width, height) if scene.snapshot is not None else []
    number = seen[row].finding if 0 <= row < len(seen) else -1
    return number if number >= 0 else None


def _seen(scene: Scene, width: int, height: int) -> list[Line]:
    """Return the lines that there is room for, those of the finding under the cursor in their middle."""
    lines, here = list(_lines(scene, width)), _here(scene)
    own = [row for row, line in enumerate(lines) if line.finding == here] or [0]
    seen = window((own[0] + own[-1]) // 2, len(lines), height)
    if own[0] not in seen:  # in a small pane its beginning is what counts
        seen = range(own[0], min(own[0] + height, len(lines)))
    return lines[seen.start : seen.stop]


def _here(scene: Scene) -> int:
    return max(min(scene.desk.finding, len(findings_of(scene)) - 1), 0)


def _lines(scene: Scene, width: int) -> Iterator[Line]:
    found, here = found_in(scene), _here(scene)
    for part in wrapped(found.rests, width - 2) if found.rests else ():
        yield Line(((f" {part}", Ink.WARNING),))
    for task in Task:
        question = printable(QUESTIONS[task], width - 5, scene.ascii)
        yield Line(((f" {task} ", Ink.ACCENT, Look.BOLD), (question, Ink.TITLE)))
        for number, finding in enumerate(found.findings):
            if finding.task is task:
                yield from _in_full(scene, number, finding, width) if number == here else (Line((), number),)
        for text in filter(None, (_more(found.more.get(task, 0)), found.quiet[task])):
            for part in wrapped(printable(_plain(scene, text), None, scene.ascii), width - INDENT - 1):
                yield Line(((" " * INDENT + part, Ink.MUTED),))
    if said := _waiting(scene):
        yield from (Line(((f" {text}", Ink.MUTED),)) for text in ("", *wrapped(said, width - 2)))


def _more(count: int) -> str:
    return f"and {count:,} more: `deepeyes report --json` tells them all" if count else ""


def _short(scene: Scene, finding: Finding, width: int) -> tuple[Piece, ...]:
    text = printable(_plain(scene, finding.sentence[: 3 * width]), width - INDENT - 1, scene.ascii)
    return ("  ", Ink.DEFAULT), _sign(scene, finding), (text, INKS[finding.weight])


def _in_full(scene: Scene, number: int, finding: Finding, width: int) -> Iterator[Line]:
    focused = scene.desk.focus is PaneName.FINDINGS
    cursor = (">" if scene.ascii else "▸") + " "
    said = printable(_plain(scene, finding.sentence), None, scene.ascii)
    for row, text in enumerate(wrapped(said, width - INDENT - 1)):
        head: tuple[Piece, ...] = ((cursor, Ink.ACCENT, Look.BOLD), _sign(scene, finding))
        lead = head if not row else ((" " * INDENT, Ink.DEFAULT),)
        look = Look.BOLD | (Look.REVERSE if focused else Look.PLAIN)
        yield Line((*lead, (text, INKS[finding.weight], look)), number)
    for text in wrapped(printable(_leads(finding), None, scene.ascii), width - INDENT - 1):
        yield Line(((" " * INDENT, Ink.DEFAULT), (text, Ink.ACCENT if focused else Ink.MUTED)), number)


def _sign(scene: Scene, finding: Finding) -> Piece:
    signs = ASCII_SIGNS if scene.ascii else SIGNS
    return f"{signs[finding.weight]} ", INKS[finding.weight], Look.BOLD


def _leads(finding: Finding) -> str:
    """Say where a finding leads, and what may be done about it."""
    where = f"Enter: {finding.pane} of {finding.layer}" if finding.layer else f"Enter: {finding.pane}"
    if finding.filters:
        where += f", {len(finding.filters):,} filter{'s' * (len(finding.filters) > 1)} marked"
    return where if finding.act is None else f"{where}.  X: {SHORT[finding.act.action]} (asks, with a preview)"


def _plain(scene: Scene, text: str) -> str:
    return text.replace("±", "+-") if scene.ascii else text


def _waiting(scene: Scene) -> str:
    """Say why T4 and T5 are not known yet, where they are not."""
    if scene.maps.evidence is not None:
        return ""
    stage = scene.maps.progress.stage
    if scene.maps.failure:
        return printable(f"No instances could be looked at: {scene.maps.failure}", 300, scene.ascii)
    doing = "" if stage in (Stage.READY, Stage.STARTING) else f" ({stage})"
    return f"What the instances say (T3 to T5) is not known yet{doing}."


def _facts(scene: Scene) -> str:
    weights = found_in(scene).weights
    if not weights:
        return ""
    faults, facts, opens = (weights.get(weight, 0) for weight in (Weight.FAULT, Weight.FACT, Weight.OPEN))
    return f"{faults:,} to look at, {facts:,} facts" + (f", {opens:,} open" if opens else "")


def findings_text(scene: Scene) -> str:
    """Return all findings in full."""
    if scene.snapshot is None:
        return scene.sentence
    found = found_in(scene)
    lines = [found.rests] if found.rests else []
    for task in Task:
        lines.append(f"{task}  {QUESTIONS[task]}")
        own = (finding for finding in found.findings if finding.task is task)
        lines += [f"  {ASCII_SIGNS[one.weight]} {printable(f'{one.sentence} {_leads(one)}')}" for one in own]
        lines += [f"  - {text}" for text in (_more(found.more.get(task, 0)), found.quiet[task]) if text]
    waiting = _waiting(scene)
    return "\n".join([*lines, waiting] if waiting else lines)


def _columns(scene: Scene) -> Columns | None:
    rows = [
        (
            str(f.task),
            str(f.kind),
            str(f.weight),
            printable(f.layer),
            " ".join(map(str, f.filters)),
            printable(f.sentence),
        )
        for f in findings_of(scene)
    ]
    return (("task", "kind", "weight", "layer", "filters", "sentence"), rows)


def _reads(scene: Scene) -> tuple[object, ...]:
    when = moment(scene.snapshot) if scene.snapshot is not None else None
    return when, scene.maps.evidence, scene.maps.progress.stage, scene.maps.failure, scene.desk.finding


PANE = Pane(PaneName.FINDINGS, draw_findings, _facts, findings_text, _reads, _columns)
