"""What everything that is said rests on: how many looks, and how long ago the last of them was."""

from __future__ import annotations

from deepeyes_tui.findings.words import count
from deepeyes_tui.link.snapshot import Snapshot

FEW_LOOKS = 10
"""Observed steps that one window of the statistics takes."""
OLD_SHARE, OLD_STEPS = 0.2, 20
"""Share of the training, and steps at least, since the last look, from which what was seen is old."""


def last_look(snapshot: Snapshot) -> int:
    """Return the step at which any layer was looked at last, -1 before the first."""
    return int(snapshot.arrays["last_observed_step"].max(initial=-1))


def is_old(snapshot: Snapshot) -> bool:
    """Return whether the training has gone a good way since the last look."""
    step, last = snapshot.status.step, last_look(snapshot)
    return last >= 0 and step - last > max(OLD_SHARE * step, OLD_STEPS)


def rests_on(snapshot: Snapshot) -> str:
    """Return a sentence where there were few looks or the last is long ago, nothing where all is as it should be."""
    looks, last, step = int(snapshot.arrays["observed"].max(initial=0)), last_look(snapshot), snapshot.status.step
    if last < 0 or not (is_old(snapshot) or (looks < FEW_LOOKS < step)):
        return ""
    how = "`deepeyes run --budget`" if snapshot.status.summary else "watch(budget=...)"
    return (
        f"All this is of {count(looks, 'observed step')} only, the last of them step {last:,} of {step:,}. "
        f"A larger {how} looks more often."
    )
