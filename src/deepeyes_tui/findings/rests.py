"""What everything that is said rests on: how many looks, and how long ago the last of them was."""

from __future__ import annotations

from deepeyes_tui.findings.words import count
from deepeyes_tui.link.age import is_old, last_look, looks
from deepeyes_tui.link.snapshot import Snapshot

ONE_WINDOW = 10
"""Observed steps that one window of the statistics takes."""


def rests_on(snapshot: Snapshot) -> str:
    """Return a sentence where there were few looks or the last is long ago, nothing where all is as it should be."""
    seen, last, step = looks(snapshot), last_look(snapshot), snapshot.status.step
    if last < 0 or not (is_old(last, step) or seen < ONE_WINDOW < step):
        return ""
    steps = f"step {last:,}" if seen == 1 else f"{count(seen, 'observed step')}, the last of them step {last:,},"
    return f"All this is of {steps} of {step:,}. {more_looks(snapshot)} looks more often."


def more_looks(snapshot: Snapshot) -> str:
    """Return what a user gives to have the training looked at more often."""
    return "`deepeyes run --budget 0.1`" if snapshot.status.summary else "`watch(model, budget=0.1)`"
