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


SPARED, SPARED_SHARE = 16 << 20, 1 / 16
"""Bytes of a disk that a log leaves free, at most this share of it: for the record of the run, and its history."""
BETWEEN_LOOKS = 1 << 20
"""Bytes that are written until it is looked again how much is free."""


class Log:
    """A file that takes what there is room for, and says where something is missing."""

    def __init__(self, path: str) -> None:
        self._missing = False
        self._file, self._allowed = -1, 0
        with contextlib.suppress(OSError):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        """Write as much as fits."""
        data = MISSING * self._missing + data
        if len(data) > self._allowed:
            self._allowed = self._look()
        self._missing = not write_all(self._file, data[: self._allowed]) or len(data) > self._allowed
        self._allowed -= min(len(data), self._allowed)

    def _look(self) -> int:
        """Return how many bytes may be written until the next look."""
        try:
            disk = os.fstatvfs(self._file)
        except OSError:
            return 0
        free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        return max(0, min(free - int(min(SPARED, SPARED_SHARE * size)), BETWEEN_LOOKS))


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
