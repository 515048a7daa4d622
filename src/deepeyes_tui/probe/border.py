"""The border to the user's training: nothing of ours may raise through it."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

ERRORS_TOLERATED = 3


def say(sentence: str) -> None:
    """Write one line to the training's own stderr, if it still has one."""
    if sys.stderr is None:  # print would take stdout instead
        return
    try:
        print(f"deepeyes: {sentence}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        pass


def comes_from_a_signal(trace: TracebackType | None) -> bool:
    """Return whether an error was raised by a handler of a signal that happened to come while we were at work."""
    codes = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False


class Border:
    """Calls our code for the user's training. After `ERRORS_TOLERATED` errors it stops calling, and says so once."""

    def __init__(self) -> None:
        self.errors = 0
        self.off = False
        self.last_error = ""

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what `function` returns, or None when it failed or the border is off."""
        if self.off:
            return None
        try:
            return function(*args, **kwargs)
        except Exception as error:  # whatever went wrong in the monitor, the training goes on
            if comes_from_a_signal(error.__traceback__):
                raise
            self._count(error)
            return None

    def switch_off(self, reason: str) -> None:
        """Do nothing from now on."""
        if not self.off:
            self.off = True
            say(f"monitoring is off: {reason}. Training goes on.")

    def _count(self, error: Exception) -> None:
        self.errors += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = str(error).strip().partition("\n")[0][:200]
        self.last_error = f"{type(error).__name__}: {message} ({where.name}, line {where.lineno})"
        if self.errors >= ERRORS_TOLERATED:
            self.switch_off(f"{self.errors} errors of its own, the last: {self.last_error}")
