"""SQLite's descriptors, in a process whose other code may close them and use their numbers for files of its own."""

from __future__ import annotations

import ctypes
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deepeyes_tui.link.owned import Mark

OPEN = "/proc/self/fd"
BESIDE = ("", "-wal", "-shm", "-journal")
"""Ends of the names of the files of one database."""


class LostDescriptorError(OSError):
    """What SQLite would write to, or close, is no file of ours any more."""


class Held:
    """The descriptors of the database at `path` that are open by now."""

    def __init__(self, path: Path) -> None:
        files = set(_identities(path))
        self._marks = [mark for mark in _open_ones() if (mark.device, mark.inode) in files]

    def check(self) -> None:
        """Raise LostDescriptorError unless all of them are what they were."""
        if not all(mark.holds() for mark in self._marks):
            raise LostDescriptorError


def abandon(connection: sqlite3.Connection) -> None:
    """Have a connection live for ever: its end would close files that are another's by now."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _identities(path: Path) -> Iterator[tuple[int, int]]:
    for ending in BESIDE:
        with suppress(OSError):
            facts = path.with_name(path.name + ending).stat()
            yield facts.st_dev, facts.st_ino


def _open_ones() -> Iterator[Mark]:
    with suppress(OSError):
        for name in os.listdir(OPEN):  # noqa: PTH208
            with suppress(OSError):
                yield Mark.of(int(name))
