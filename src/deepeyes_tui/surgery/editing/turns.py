"""One surgery at a time in a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.running.interrupts import uninterrupted

_turn = threading.Lock()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Raise SurgeryError where another surgery is under way; Ctrl-C waits for the end of this one."""
    with uninterrupted():
        if not _turn.acquire(blocking=False):
            raise SurgeryError("another surgery is under way")
        try:
            yield
        finally:
            _turn.release()
