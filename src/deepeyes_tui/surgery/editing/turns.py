"""One surgery at a time in a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deepeyes_tui.surgery.errors import SurgeryError

_turn = threading.Lock()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Raise SurgeryError where another surgery is under way."""
    if not _turn.acquire(blocking=False):
        raise SurgeryError("another surgery is under way")
    try:
        yield
    finally:
        _turn.release()
