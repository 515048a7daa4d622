"""No fork while SQLite is at work in another thread: a child would inherit its locks, held by nobody."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

LONGEST = 0.05
"""Seconds that a fork waits, at most: a disk that hangs must not hold up the training."""


class Quiet:
    """A lock that is held while a thread works with SQLite, and that a fork takes for its moment."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held = False
        _known.add(self)

    def before_fork(self) -> None:
        """Wait for the work to end."""
        self.held = self.lock.acquire(timeout=LONGEST)

    def after_fork(self) -> None:
        """Let it go on."""
        if self.held:
            self.held = False
            self.lock.release()


_known: WeakSet[Quiet] = WeakSet()


def _before() -> None:
    for quiet in list(_known):
        quiet.before_fork()


def _after() -> None:
    for quiet in list(_known):
        quiet.after_fork()


os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
