"""Files in shared memory from the reader's side: another process writes them, and may cut them off at any time."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from deepeyes_tui.link.files import open_own

WORD = struct.Struct("<Q")
"""What the counters and flags of these files are kept in."""


class SharedFile:
    """Opens the file at `path`; raises OSError, PermissionError where it is not one of this user.

    `inode` tells it from a later one at the same path.
    """

    def __init__(self, path: Path) -> None:
        self.number = open_own(path)
        facts = os.fstat(self.number)
        self.inode = facts.st_dev, facts.st_ino

    def word(self, at: int) -> int | None:
        """Return the word at an offset; None where the file cannot be read any more."""
        try:
            data = os.pread(self.number, WORD.size, at)
        except OSError:
            return None
        return int(WORD.unpack(data)[0]) if len(data) == WORD.size else None

    def close(self) -> None:
        """Let go of the file. Twice is fine."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)
