"""Where the output of a script goes: to a process of its own that reads it, keeps it in a log, and shows it on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepeyes_tui.link.threads import HiddenThread

READER = Path(__file__).parents[1] / "script" / "output.py"
ABOVE_STANDARD = 3
"""The first descriptor that is neither input, output nor errors."""
PAUSE = 0.2
"""Seconds before another process takes the place of one that was ended."""


class Reading:
    """The reading of descriptors `sources`, which are ours from now on, to the end of what is written to them.

    Whoever ends the process that reads would end the script, too, at its next word: as long as we are there, another
    process goes on. Raises OSError.
    """

    def __init__(self, command: Sequence[str], sources: tuple[int, ...], *, shown: bool) -> None:
        self._command, self._sources, self._shown = command, sources, shown
        try:
            self.process = self._start()
        except OSError:
            self._let_go()
            raise
        self._thread = HiddenThread(self._stand_by)

    def wait(self, timeout: float) -> bool:
        """Wait for the end, `timeout` seconds at most. Returns whether all was read."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=None if self._shown else subprocess.DEVNULL,
            stderr=None if self._shown else subprocess.DEVNULL,
            pass_fds=self._sources,
            start_new_session=True,
        )

    def _stand_by(self) -> None:
        try:
            while self.process.wait() != 0:
                time.sleep(PAUSE)
                self.process = self._start()
        except OSError:  # no process can be started: the script's words go nowhere
            pass
        finally:
            self._let_go()

    def _let_go(self) -> None:
        for source in self._sources:
            os.close(source)


@dataclass(frozen=True, slots=True)
class Drain:
    """Descriptors that a script is to write to, and the reading of them until all writers are gone."""

    out: int
    err: int
    reading: Reading


@contextlib.contextmanager
def drained(log: Path, *, shown: bool) -> Iterator[Drain]:
    """Start the reading of what goes into `log` and, where it is `shown`, to our own output and errors, too.

    The descriptors are open within the context. Raises OSError.
    """
    out = _pipe()
    apart = shown and not _go_to_one_place(1, 2)
    err = _pipe() if apart else out
    ways = [f"{out[0]}:1" if shown else str(out[0]), *([f"{err[0]}:2"] if apart else [])]
    command = [sys.executable, "-I", "-S", str(READER), str(log), *ways]
    try:
        yield Drain(out[1], err[1], Reading(command, tuple({out[0], err[0]}), shown=shown))
    finally:
        for end in {out[1], err[1]}:
            os.close(end)


def _pipe() -> tuple[int, int]:
    """Return a pipe's two ends, none of which takes the place of a standard stream that is closed."""
    low = os.pipe()
    try:
        source, sink = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, ABOVE_STANDARD) for end in low)
    finally:
        for end in low:
            os.close(end)
    return source, sink


def _go_to_one_place(one: int, other: int) -> bool:
    """Return whether two descriptors are open, and of the same file."""
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False
