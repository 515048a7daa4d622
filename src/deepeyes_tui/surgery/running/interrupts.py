"""Ctrl-C that comes while a model is not as it should be waits until it is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt back until the end of the outermost such context; a second one comes at once.

    In threads other than the main one, which get none, and where interrupts are not handled in Python, nothing is done.
    """
    before = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if not callable(before) or isinstance(before, _Held):
        yield
        return
    held = _Held(before)
    signal.signal(signal.SIGINT, held)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        held.let_go()


def let_interrupts_come() -> None:
    """Raise now what an interrupt that is held back would raise at the end, while things can still be put back."""
    if threading.current_thread() is threading.main_thread() and isinstance(
        held := signal.getsignal(signal.SIGINT), _Held
    ):
        held.let_go()


class _Held:
    """Takes one interrupt, and hands it on when it is told to."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler
        self._came: tuple[int, FrameType | None] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._came is not None:
            self._handler(number, frame)
        self._came = (number, frame)

    def let_go(self) -> None:
        """Handle what came."""
        came, self._came = self._came, None
        if came is not None:
            self._handler(*came)
