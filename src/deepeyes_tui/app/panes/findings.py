"""What is found in the run, in words: the finding under the cursor in full, where it leads and what it offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.panes.base import Columns, Pane, Piece, sentence, window, wrapped, write
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.findings import Finding, Kind, Task, Weight, find
from deepeyes_tui.findings.acts import SHORT
from deepeyes_tui.findings.finding import QUESTIONS
from deepeyes_tui.findings.quiet import nothing_found
from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.maps import Stage
from deepeyes_tui.link.snapshot import Snapshot

SIGNS = {Weight.FAULT: "▲", Weight.FACT: "·", Weight.OPEN: "?"}
ASCII_SIGNS = {Weight.FAULT: "!", Weight.FACT: "-", Weight.OPEN: "?"}
INKS = {Weight.FAULT: Ink.WARNING, Weight.FACT: Ink.DEFAULT, Weight.OPEN: Ink.MUTED}
MOST_OF_A_KIND = 30
"""Findings of a kind that are listed: a network of hundreds of layers is told in full by `deepeyes report --json`."""
EVERY = 5.0
"""Seconds between two looks for findings while the pane is only looked at from the side."""
INDENT = 4
"""Cells left of a finding's words: cursor, sign."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list; `finding` is the number of the one that it belongs to, -1 for heads."""

    pieces: tuple[Piece, ...]
    finding: int = -1


@lru_cache(maxsize=2)
def _found(snapshot: Snapshot, evidence: Evidence | None) -> tuple[Finding, ...]:
    told: Counter[Kind] = Counter()
    kept = []
    for finding in find(snapshot, evidence):
        told[finding.kind] += 1
        if told[finding.kind] <= MOST_OF_A_KIND:
            kept.append(finding)
    return tuple(kept)


def findings_of(scene: Scene) -> tuple[Finding, ...]:
    """Return what is found in a scene's run, in the order of the list."""
    return _found(scene.snapshot, scene.maps.evidence) if scene.snapshot is not None else ()


def finding_here(scene: Scene) -> Finding | None:
    """Return the finding under the cursor."""
    found = findings_of(scene)
    return found[min(scene.desk.finding, len(found) - 1)] if found else None


def draw_findings(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the list, the cursor's finding in full in its place."""
    if scene.snapshot is None:
        return sentence(width, height, scene.sentence)
    shown = list(_lines(scene, width))
    canvas = Canvas(width, height)
    here = _here(scene)
    own = [row for row, line in enumerate(shown) if line.finding == here] or [0]
    first = window((own[0] + own[-1]) // 2, len(shown), height)
    if own[0] not in first:  # in a small pane its beginning is what counts
        first = range(own[0], min(own[0] + height, len(shown)))
    for row, number in enumerate(first):
        write(canvas, row, 0, shown[number].pieces)
    return canvas


def finding_at(scene: Scene, width: int, height: int, row: int) -> int | None:
    """Return the number of the finding that is drawn in a row, if one is."""
    shown = list(_lines(scene, width)) if scene.snapshot is not None else []
    here = _here(scene)
    own = [place for place, line in enumerate(shown) if line.finding == here] or [0]
    seen = window((own[0] + own[-1]) // 2, len(shown), height)
    seen = seen if own[0] in seen else range(own[0], min(own[0] + height, len(shown)))
    number = shown[seen[row]].finding if 0 <= row < len(seen) else -1
    return number if number >= 0 else None


def _here(scene: Scene) -> int:
    return max(min(scene.desk.finding, len(findings_of(scene)) - 1), 0)


def _lines(scene: Scene, width: int) -> Iterator[Line]:
    found, here = findings_of(scene), _here(scene)
    for task in Task:
        yield Line(
            ((f" {task} ", Ink.ACCENT, Look.BOLD), (printable(QUESTIONS[task], width - 5, scene.ascii), Ink.TITLE))
        )
        quiet = nothing_found(task, scene.snapshot, found, scene.maps.evidence) if scene.snapshot else ""
        for number, finding in enumerate(found):
            if finding.task is task:
                yield from (
                    _in_full(scene, number, finding, width) if number == here else _short(scene, number, finding, width)
                )
        for text in wrapped(_plain(scene, quiet), width - INDENT - 1) if quiet else ():
            yield Line(((" " * INDENT + text, Ink.MUTED),))
    if said := _waiting(scene):
        yield from (Line(((f" {text}", Ink.MUTED),)) for text in ("", *wrapped(said, width - 2)))


def _short(scene: Scene, number: int, finding: Finding, width: int) -> Iterator[Line]:
    text = printable(_plain(scene, finding.sentence[: 3 * width]), width - INDENT - 1, scene.ascii)
    yield Line((("  ", Ink.DEFAULT), _sign(scene, finding), (text, INKS[finding.weight])), number)


def _in_full(scene: Scene, number: int, finding: Finding, width: int) -> Iterator[Line]:
    focused = scene.desk.focus is PaneName.FINDINGS
    cursor = (">" if scene.ascii else "▸") + " "
    for row, text in enumerate(
        wrapped(printable(_plain(scene, finding.sentence), None, scene.ascii), width - INDENT - 1)
    ):
        head: tuple[Piece, ...] = ((cursor, Ink.ACCENT, Look.BOLD), _sign(scene, finding))
        lead = head if not row else ((" " * INDENT, Ink.DEFAULT),)
        look = Look.BOLD | (Look.REVERSE if focused and not row else Look.PLAIN)
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
    weights = [finding.weight for finding in findings_of(scene)]
    faults, opens = weights.count(Weight.FAULT), weights.count(Weight.OPEN)
    if not weights:
        return ""
    return f"{faults:,} to look at, {len(weights) - faults - opens:,} facts" + (f", {opens:,} open" if opens else "")


def findings_text(scene: Scene) -> str:
    """Return all findings in full."""
    if scene.snapshot is None:
        return scene.sentence
    lines: list[str] = []
    found = findings_of(scene)
    for task in Task:
        lines.append(f"{task}  {QUESTIONS[task]}")
        own = (finding for finding in found if finding.task is task)
        lines += [f"  {ASCII_SIGNS[one.weight]} {printable(f'{one.sentence} {_leads(one)}')}" for one in own]
        quiet = nothing_found(task, scene.snapshot, found, scene.maps.evidence)
        lines += [f"  - {quiet}"] if quiet else []
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
    snapshot: object = scene.snapshot
    if scene.snapshot is not None and scene.desk.focus is not PaneName.FINDINGS:
        snapshot = scene.snapshot.run, scene.snapshot.generation, int(scene.snapshot.status.published_at // EVERY)
    return snapshot, scene.maps.evidence, scene.maps.progress.stage, scene.maps.failure, scene.desk.finding


PANE = Pane(
    PaneName.FINDINGS,
    draw_findings,
    _facts,
    findings_text,
    _reads,
    _columns,
)
