"""How many instances of each layer are kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from deepeyes_tui.link.ring_layout import MOST_BYTES, MOST_ROWS

FOCUS_BYTES = MOST_BYTES
BESIDE_BYTES = 64 << 20
"""Of the rings of all layers that are not in focus."""
LEAST_ROWS = 4
"""Where a single row is not larger than a layer's share."""
SHARE_OF_ROOM = 0.25
"""Of what is free in shared memory: the training's own workers need it too."""


def shares(row_bytes: Sequence[int], total: int) -> list[int]:
    """Divide `total` bytes equally among layers with rows of these sizes; what one has no use for goes to the rest."""
    given = [0] * len(row_bytes)
    waiting = sorted(range(len(row_bytes)), key=lambda number: row_bytes[number])
    for done, number in enumerate(waiting):
        given[number] = min(MOST_ROWS * row_bytes[number], total // (len(waiting) - done))
        total -= given[number]
    return given


def rows_within(share: int, row_bytes: int) -> int:
    """Return the capacity of a ring within a share of bytes; 0 where not even one row fits."""
    if row_bytes > share:
        return 0
    return min(MOST_ROWS, max(LEAST_ROWS, share // row_bytes), max(1, MOST_BYTES // row_bytes))


def room_in(folder: Path) -> float:
    """Return what share of the intended sizes there is room for, in (0, 1]."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return 1.0
    free = facts.f_bavail * facts.f_frsize
    return min(1.0, max(SHARE_OF_ROOM * free / (FOCUS_BYTES + BESIDE_BYTES), 1e-6))
