"""`deepeyes report`: the findings of a run as text, or as JSON."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deepeyes_tui.findings import Finding, Task, Weight, find
from deepeyes_tui.findings.acts import SHORT, ctl_line
from deepeyes_tui.findings.asking import ask_evidence
from deepeyes_tui.findings.finding import QUESTIONS
from deepeyes_tui.findings.gathered import gathered
from deepeyes_tui.findings.quiet import nothing_found
from deepeyes_tui.findings.rests import rests_on
from deepeyes_tui.findings.words import count
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.runs import Run, find_run, sweep
from deepeyes_tui.link.snapshot import Snapshot
from deepeyes_tui.link.watcher import RunView, Watcher

MARKS = {Weight.FAULT: "!", Weight.FACT: "-", Weight.OPEN: "?"}
WIDTH = 100
MOST_ALIKE = 8
"""Lines of one kind that are no faults: networks of hundreds of layers are told in full by --layer and --json."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is found in a run. `unknown` says in a sentence what its instances could not tell."""

    run: str
    view: RunView
    snapshot: Snapshot
    findings: tuple[Finding, ...]
    evidence: Evidence | None
    unknown: str

    @property
    def commands(self) -> list[str]:
        """The acts that are offered, as command lines."""
        return [ctl_line(self.run, found.act) for found in self.findings if found.act is not None]


def report(options: argparse.Namespace) -> int:
    """Carry out `deepeyes report`. Raises RunError."""
    sweep()
    made = make_report(find_run(options.run), options.layer)
    width = min(shutil.get_terminal_size((WIDTH, 40)).columns, WIDTH)
    print(json.dumps(as_json(made), indent=1) if options.json else "\n".join(lines(made, options.layer or "", width)))
    return 0


def make_report(run: Run, layer: str | None = None) -> Report:
    """Look for findings in a run, live or ended, of one layer or of all. Raises RunError."""
    watcher = Watcher(run)
    view = watcher.poll()
    watcher.close()
    if view is None or view.snapshot is None:
        reason = view.sentence if view is not None else "nothing is known of it yet"
        raise RunError(f"there is nothing to report of {run.name}: {reason}")
    snapshot = view.snapshot
    names = [info.name for info in snapshot.layers]
    if layer is not None and layer not in names:
        raise RunError(f"there is no layer {layer!r}; there are: {', '.join(names[:20])}")
    evidence, unknown = ask_evidence(run, snapshot)
    findings = tuple(found for found in find(snapshot, evidence) if layer in (None, found.layer))
    return Report(run.name, view, snapshot, findings, evidence, unknown)


def as_json(made: Report) -> dict[str, object]:
    """Return a report, ready for JSON."""
    return {
        "run": made.run,
        "state": str(made.view.condition),
        "step": made.snapshot.status.step,
        "observed_steps": made.snapshot.status.observed_steps,
        "rests_on": rests_on(made.snapshot, made.evidence),
        "instances": made.evidence is not None,
        "unknown": made.unknown,
        "findings": [found.to_json() for found in made.findings],
        "acts": made.commands,
    }


def lines(made: Report, layer: str, width: int) -> Iterator[str]:
    """Yield the lines of a report, in the order of T1 to T5, the acts at the end."""
    status = made.snapshot.status
    of = f", layer {layer}" if layer else ""
    yield f"{made.run}{of}: {made.view.sentence}; step {status.step:,}, {count(status.observed_steps, 'step')} observed"
    if rests := rests_on(made.snapshot, made.evidence):
        yield from textwrap.wrap(rests, width)
    findings = made.findings if layer else gathered(made.findings)
    for task in Task:
        own = [found for found in findings if found.task is task]
        yield ""
        yield f"{task}  {QUESTIONS[task]}"
        yield from _told(own, width)
        quiet = nothing_found(task, made.snapshot, made.findings, made.evidence) if not layer or not own else ""
        if quiet:
            yield from _wrapped("-", quiet, width)
    if made.unknown:
        yield from ("", *_wrapped("?", f"{made.unknown[0].upper()}{made.unknown[1:]}.", width))
    yield from _acts(made)


def _told(findings: Sequence[Finding], width: int) -> Iterator[str]:
    told: dict[str, int] = {}
    for found in findings:
        told[found.kind] = told.get(found.kind, 0) + 1
        if found.weight is Weight.FAULT or told[found.kind] <= MOST_ALIKE:
            yield from _wrapped(MARKS[found.weight], f"{found.sentence} [{found.key} {found.pane}]", width)
    more = {kind: count - MOST_ALIKE for kind, count in told.items() if count > MOST_ALIKE}
    for found in {f.kind: f for f in findings if f.kind in more and f.weight is not Weight.FAULT}.values():
        yield f"    and {more[found.kind]:,} more of this kind ({found.kind}): --layer NAME or --json tells them"


def _wrapped(mark: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=f"  {mark} ", subsequent_indent="    ", break_on_hyphens=False)


def _acts(made: Report) -> Iterator[str]:
    offered = [found for found in made.findings if found.act is not None]
    yield ""
    if not offered:
        yield "Nothing to act upon."
        return
    if made.view.condition.is_over:
        yield "What could be done in a run under way (this one is over):"
    else:
        yield "What may be done; nothing is done by itself:"
    for found in offered:
        if found.act is not None:
            yield f"  {ctl_line(made.run, found.act)}    # {found.kind}: {SHORT[found.act.action]}"
