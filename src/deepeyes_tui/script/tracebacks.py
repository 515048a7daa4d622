"""Tracebacks as python would show them: without the frames of ours that a script never called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = str(Path(__file__).parent) + "/"
Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


def shorten_next() -> None:
    """Have the error that is about to end the script shown without our frames, by the script's own hook or python's."""
    shown_by: Hook = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = shown_by
        _shorten_chain(error)
        sys.last_traceback = error.__traceback__
        shown_by(kind, error, error.__traceback__)

    sys.excepthook = hook


def _shorten_chain(error: BaseException | None) -> None:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = without_ours(one.__traceback__)
            waiting += [one.__cause__, one.__context__]
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()


def without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without the frames of this folder, and the import system's that lead to them alone."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept = [one for one in frames if not one.tb_frame.f_code.co_filename.startswith(HERE)]
    shortened: TracebackType | None = None
    for one in reversed(kept):
        shortened = TracebackType(shortened, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return shortened
