"""Long computations tell how far they are, and can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

Progress = Callable[[str, float], bool | None]
"""Called with a stage and the share of the whole that is done, 0..1; True stops the computation."""


class Stopped(Exception):  # noqa: N818 - the caller's wish, not an error
    """A `progress` callback asked to stop."""


def report(progress: Progress | None, stage: str, share: float) -> None:
    """Tell `progress`, if there is one. Raises Stopped when it answers True."""
    if progress is not None and progress(stage, share):
        raise Stopped(f"stopped at: {stage}")


def rising(progress: Progress | None) -> Progress | None:
    """A progress that several threads may tell: one at a time, and the share never falls."""
    if progress is None:
        return None
    lock, highest = threading.Lock(), 0.0

    def tell(stage: str, share: float) -> bool | None:
        nonlocal highest
        with lock:
            highest = max(highest, share)
            return progress(stage, highest)

    return tell


def part_of(progress: Progress | None, first: float, last: float) -> Progress | None:
    """A progress whose 0..1 is the part `first`..`last` of `progress`."""
    if progress is None:
        return None
    return lambda stage, share: progress(stage, first + (last - first) * share)
