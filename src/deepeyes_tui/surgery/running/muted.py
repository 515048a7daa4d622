"""What a network prints when we ask it is no part of the script's output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def muted() -> Iterator[None]:
    """Drop what this thread prints to `sys.stdout`; what others print goes on."""
    before = sys.stdout
    if before is None:
        yield
        return
    stream = _Muted(before)
    sys.stdout = stream
    try:
        yield
    finally:
        stream.end()
        if sys.stdout is stream:
            sys.stdout = before


class _Muted:
    """Stands for a stream; whoever keeps hold of it has that stream once this is over."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def end(self) -> None:
        """Drop nothing any longer."""
        self._thread = 0

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        return len(text) if threading.get_ident() == self._thread else int(self._stream.write(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines, or drop them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
