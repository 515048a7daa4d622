"""The journal of a run: a line for every act that changed the training, in the order in which they were done."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.messages import JSON

JOURNAL = "journal.jsonl"
HOLE = b"\0"
"""What stands for an entry that could not be written: a file grows by zeros on a full disk, too."""
BLANK = HOLE + b" \t\r"


@dataclass(frozen=True, slots=True)
class Entry:
    """One act: `action` as in `messages.Action`, by whom, at which step and time (seconds since the epoch).

    `sentence` is what the user reads; `before` and `after` are what changed, in few words. `plans` are the plans of
    surgery that were carried out, `undoes` the number of the entry that was taken back.
    """

    number: int
    action: str
    step: int
    at: float
    sender: str
    sentence: str
    layer: str = ""
    before: str = ""
    after: str = ""
    plans: tuple[Mapping[str, JSON], ...] = ()
    undoes: int | None = None


def append(path: Path, entry: Entry) -> None:
    """Add a line that is on the disk when this returns. Raises OSError, and leaves a hole in its place."""
    line = json.dumps(asdict(entry)).encode("ascii") + b"\n"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end = os.lseek(fd, 0, os.SEEK_END)
        try:
            if os.write(fd, line) != len(line):
                raise OSError(28, "the disk is full")
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, end)
            with suppress(OSError):
                os.ftruncate(fd, end + len(HOLE))
            raise
    finally:
        os.close(fd)


def read_journal(path: Path) -> list[Entry]:
    """Return all entries of a file. Raises RunError for lines that are none; a line that was never ended is left out.

    A file that is not there has no entries.
    """
    return [decode_entry(line) for line in _read(path).split(b"\n")[:-1] if line.strip(BLANK)]


def count_missing(path: Path) -> int:
    """Return how many entries could not be written. Raises RunError."""
    return _read(path).count(HOLE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise RunError(f"the journal cannot be read: {error.strerror or error}") from error


def decode_entry(line: bytes | str) -> Entry:
    """Return the entry of a line. Raises RunError."""
    try:
        plain: dict[str, Any] = json.loads(line.strip(BLANK) if isinstance(line, bytes) else line)
        known = {name: plain[name] for name in Entry.__slots__ if name in plain}
        return Entry(**{**known, "plans": tuple(known.get("plans", ()))})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError("this line is no entry of a journal") from error


def standing(entries: list[Entry]) -> list[Entry]:
    """Return the surgery that was not undone, in its order."""
    undone = {entry.undoes for entry in entries if entry.undoes is not None}
    return [entry for entry in entries if entry.plans and entry.number not in undone]
