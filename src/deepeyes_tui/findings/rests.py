"""What everything that is said rests on: how many looks, and how long ago the last of them was."""

from __future__ import annotations

from deepeyes_tui.findings.limits import LEAST_INPUTS
from deepeyes_tui.findings.stability import LEAST_LOOKS
from deepeyes_tui.findings.words import count
from deepeyes_tui.link.age import is_old, last_look, looks
from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.snapshot import Snapshot

RARELY = 10
"""Steps for each look from which a larger budget is worth a word."""
ONE_WINDOW = 10
"""Observed steps that one window of the statistics takes."""


def rests_on(snapshot: Snapshot, evidence: Evidence | None = None) -> str:
    """Return sentences where looks were few or what was seen is old, nothing where all is as it should be."""
    return " ".join(filter(None, (_looks(snapshot), _instances(snapshot, evidence))))


def _instances(snapshot: Snapshot, evidence: Evidence | None) -> str:
    """Say of which step the instances are that findings rest on, where that is long ago."""
    steps = [known.step for known in evidence.layers if known.inputs >= LEAST_INPUTS] if evidence is not None else []
    if not steps or not is_old(min(steps), snapshot.status.step):
        return ""
    until = (
        f"up to step {min(steps):,}" if min(steps) == max(steps) else f"up to steps {min(steps):,} to {max(steps):,}"
    )
    return f"What instances say (T3 to T5) is of the network as it was {until} of {snapshot.status.step:,}."


def _looks(snapshot: Snapshot) -> str:
    seen, last, step = looks(snapshot), last_look(snapshot), snapshot.status.step
    if last < 0 or not (is_old(last, step) or seen < ONE_WINDOW < step):
        return _too_rare(snapshot, seen, step)
    steps = f"step {last:,}" if seen == 1 else f"{count(seen, 'observed step')}, the last of them step {last:,},"
    return f"All this is of {steps} of {step:,}. {more_looks(snapshot)} looks more often."


def _too_rare(snapshot: Snapshot, seen: int, step: int) -> str:
    if not seen or seen >= LEAST_LOOKS or step < RARELY * seen:
        return ""
    text = (
        f"{count(seen, 'step')} of {step:,} {'was' if seen == 1 else 'were'} observed, {LEAST_LOOKS} are needed for T1"
    )
    return f"{text}: {more_looks(snapshot)} looks more often."


def more_looks(snapshot: Snapshot) -> str:
    """Return what a user gives to have the training looked at more often."""
    return "`deepeyes run --budget 0.1`" if snapshot.status.summary else "`watch(model, budget=0.1)`"
