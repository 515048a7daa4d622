"""`python output.py LOG FROM[:TO] ...`: read what a script prints, for as long as there is anybody to print.

A process of its own: a script goes on whatever becomes of its output, of the terminal, of who launched it, of the room
on the disk. What comes from descriptor FROM goes into the log and on to descriptor TO; what fits nowhere is dropped.
Nothing is imported that takes time or memory.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

AT_ONCE = 1 << 16
MISSING = b"\n[deepeyes: output is missing here, there was no room for it]\n"


class Log:
    """A file that takes what there is room for, and says where something is missing."""

    def __init__(self, path: str) -> None:
        self._missing = False
        self._file = -1
        with contextlib.suppress(OSError):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        """Write as much as fits."""
        self._missing = not write_all(self._file, MISSING * self._missing + data)


def write_all(file: int, data: bytes) -> bool:
    """Write to a descriptor, and return whether all of it was taken."""
    while data:
        try:
            data = data[os.write(file, data) :]
        except BlockingIOError:
            select.select((), (file,), ())
        except OSError:
            return False
    return True


def carry(log: Log, outlets: dict[int, int]) -> None:
    """Pass on what comes from each descriptor, until all who could write have closed theirs."""
    poll = select.poll()
    for source in outlets:
        poll.register(source, select.POLLIN)
    while outlets:
        for source, _ in poll.poll():
            data = os.read(source, AT_ONCE)
            if not data:
                poll.unregister(source)
                del outlets[source]
                continue
            log.write(data)
            if outlets[source] >= 0 and not write_all(outlets[source], data):
                outlets[source] = -1  # whoever looked on has gone


def main(path: str, *ways: str) -> None:
    """Carry each way, `FROM:TO` or `FROM`, to its end; no signal that a terminal or a user sends ends it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pairs = [way.partition(":")[::2] for way in ways]
    carry(Log(path), {int(source): int(outlet or -1) for source, outlet in pairs})


if __name__ == "__main__":
    main(*sys.argv[1:])
