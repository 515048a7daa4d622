"""Threads that the training's own code does not come across."""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Callable
from typing import Any


class HiddenThread:
    """Runs `target(*arguments)` at once, and ends with the process, as a daemon does.

    `threading.enumerate()` and `active_count()` know nothing of it: scripts join all threads that they find there.
    A forked child has no such thread: there it counts as ended. `ident` is its number, as `threading` has it. Raises
    RuntimeError when none can be started.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._target, self._arguments = target, arguments
        self._done, self._process = threading.Event(), os.getpid()
        self.ident = _thread.start_new_thread(self._run, ())

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, `timeout` seconds at most."""
        if self.is_alive():
            self._done.wait(timeout)

    def is_alive(self) -> bool:
        """Return whether it runs."""
        return self._process == os.getpid() and not self._done.is_set()

    def _run(self) -> None:
        try:
            self._target(*self._arguments)
        finally:
            hide()
            self._done.set()


def hide() -> None:
    """Take the calling hidden thread out of the known ones: `current_thread()`, which logging asks, enters it there."""
    known: dict[int, threading.Thread] = vars(threading).get("_active", {})
    number = threading.get_ident()
    if isinstance(known.get(number), threading._DummyThread):
        known.pop(number, None)
