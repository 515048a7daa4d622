"""Descriptors in a process whose other code may close them, `os.closerange` for one, and use their numbers anew."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from deepeyes_tui.link.files import read_all, write_all


@dataclass(frozen=True, slots=True)
class Mark:
    """What a descriptor was opened for. Raises OSError for one that is not open."""

    number: int
    device: int
    inode: int

    @staticmethod
    def of(number: int) -> Mark:
        """Return the mark of an open descriptor."""
        facts = os.fstat(number)
        return Mark(number, facts.st_dev, facts.st_ino)

    def holds(self) -> bool:
        """Return whether the descriptor is still open, and of the same file or socket."""
        try:
            facts = os.fstat(self.number)
        except OSError:
            return False
        return facts.st_ino == self.inode and facts.st_dev == self.device


class OwnFile:
    """A file that is open as descriptor `number`. Every method but `close` raises OSError.

    Nothing is written to, read from or closed of another file that has got our number; ours is opened anew by its
    `path`, if it still lies there.
    """

    def __init__(self, path: Path, number: int) -> None:
        self._path, self._mark, self.closed = path, Mark.of(number), False

    def write(self, data: bytes | memoryview, at: int) -> None:
        """Write all of `data` at offset `at`."""
        write_all(self.fileno(), data, at)

    def append(self, data: bytes) -> None:
        """Write all of `data` at the end."""
        number = self.fileno()
        write_all(number, data, os.fstat(number).st_size)

    def read(self, into: memoryview, at: int) -> bool:
        """Fill `into` from offset `at` on. Returns false where the file ends before."""
        return read_all(self.fileno(), into, at)

    def fileno(self) -> int:
        """Return a descriptor of the file."""
        if self.closed:
            raise OSError(errno.EBADF, "it is closed")
        if not self._mark.holds():
            self._mark = self._opened_anew()
        return self._mark.number

    def close(self) -> None:
        """Let go of the file, which stays. Twice is fine."""
        if not self.closed and self._mark.holds():
            os.close(self._mark.number)
        self.closed = True

    def _opened_anew(self) -> Mark:
        mark = Mark.of(os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC))
        if (mark.device, mark.inode) != (self._mark.device, self._mark.inode):
            os.close(mark.number)
            raise OSError(errno.EBADF, "the script has closed a file of the monitor, which is not there any more")
        return mark
