"""How old what is seen of a run is: the training goes on while it is looked at now and then."""

from __future__ import annotations

from typing import Final

from deepeyes_tui.link.snapshot import Snapshot

OLD_SHARE: Final = 0.2
"""Share of the training since the last look from which what was seen is old."""
OLD_STEPS: Final = 20
"""Steps since the last look that are never much."""
RARE: Final = 100
"""Steps for one look from which looks are rare."""
FEW_LOOKS: Final = 20
"""Looks that fill two windows of the statistics, which are compared with each other."""


def last_look(snapshot: Snapshot) -> int:
    """Return the step at which any layer was looked at last, -1 before the first."""
    return int(snapshot.arrays["last_observed_step"].max(initial=-1))


def looks(snapshot: Snapshot) -> int:
    """Return how many observed steps the layer that was looked at most often has."""
    return int(snapshot.arrays["observed"].max(initial=0))


def is_old(last: int, step: int) -> bool:
    """Return whether the training, at `step`, has gone a good way since it was looked at in step `last`."""
    return last >= 0 and step - last > max(OLD_SHARE * step, OLD_STEPS)


def looks_too_rarely(snapshot: Snapshot) -> bool:
    """Return whether so few steps are observed that a larger budget is worth a word."""
    status = snapshot.status
    rare = status.observed_every > RARE or status.step > RARE * max(looks(snapshot), 1)
    return rare and status.step > RARE and looks(snapshot) < FEW_LOOKS
