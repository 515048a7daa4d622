"""Following a script's output as it is written to a file."""

from __future__ import annotations

import re
from pathlib import Path

MOST_AT_ONCE = 1 << 18
"""Bytes read at a time; of more, the end."""
LONGEST_LINE = 2000
"""Characters of a line that are kept."""
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*(?:[@-~]|$)|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]+[0-~]|[0-Z\\-_a-~])"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


class LogFollower:
    """Gives the lines that have come to a file since the last look: whole ones, free of escape sequences.

    A line that is written over (a progress bar and its carriage returns) counts as it stood last.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._rest = b""

    def read_new(self) -> list[str]:
        """Return new lines; none where the file is not there."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                if size < self._place:
                    self._place, self._rest = 0, b""
                start = max(self._place, size - MOST_AT_ONCE)
                skipped = start > self._place
                file.seek(start)
                data = file.read(size - start)
        except OSError:
            return []
        self._place = size
        *lines, self._rest = ((b"" if skipped else self._rest) + data).split(b"\n")
        self._rest = self._rest[-4 * LONGEST_LINE :]
        return [clean_line(line) for line in (lines[1:] if skipped else lines)]

    def unfinished(self) -> str:
        """Return the line that is still being written, as it stands."""
        return clean_line(self._rest)


def clean_line(line: bytes) -> str:
    """Return a line as it would stand on a terminal, without colours, at most `LONGEST_LINE` long."""
    shown = [part for part in line.rstrip(b"\r").split(b"\r") if part]
    text = (shown[-1] if shown else b"").decode(errors="replace")
    return ESCAPES.sub("", text).replace("\t", "    ")[:LONGEST_LINE]
