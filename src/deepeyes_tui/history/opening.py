"""Opening a history to read it: while it is written, after a kill, without permission to write beside it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.history.schema import check

WAIT = 1.0
"""Seconds to wait for a process that is just opening or closing the same file."""
HEADER = b"SQLite format 3\0"


@dataclass(slots=True)
class Opened:
    """A connection that only reads. `copy` is the folder of a copy, if one had to be made."""

    connection: sqlite3.Connection
    copy: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()
        if self.copy is not None:
            self.copy.cleanup()


def open_history(path: Path) -> Opened:
    """Open a history for reading. Raises HistoryError."""
    _look(path)
    problem: Exception | None = None
    for attempt in _attempts(path):
        try:
            opened = attempt
            check(opened.connection)
            opened.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except HistoryError:
            opened.close()
            raise
        except sqlite3.DatabaseError as error:
            problem = error
            if not isinstance(error, sqlite3.OperationalError) and _tolerates_damage(opened.connection):
                return opened
            opened.close()
        else:
            return opened
    raise HistoryError(f"the history {path} cannot be read: {problem}")


def _look(path: Path) -> None:
    """Say at once what is no history. Raises HistoryError."""
    try:
        with path.open("rb") as file:
            start = file.read(len(HEADER))
    except FileNotFoundError:
        raise HistoryError(f"there is no history at {path}: the run was not recorded") from None
    except OSError as error:
        raise HistoryError(f"the history {path} cannot be read: {error.strerror}") from None
    if not start:
        raise HistoryError(f"the history {path} is empty: nothing was recorded yet")
    if start != HEADER:
        raise HistoryError(f"{path} is no history, or its first page is damaged")


def _attempts(path: Path) -> Iterator[Opened]:
    """Yield ways to open it, the best first: as it is, as a file that nobody writes, as a copy with its log."""
    yield Opened(_connect(path, "mode=ro"))
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        yield Opened(_connect(path, "mode=ro&immutable=1"))
        return
    folder = tempfile.TemporaryDirectory(prefix="deepeyes-")
    try:
        for part in (path, log):
            shutil.copyfile(part, Path(folder.name, part.name))
        yield Opened(_connect(Path(folder.name, path.name), "mode=ro"), folder)
    except OSError:
        folder.cleanup()


def _connect(path: Path, how: str) -> sqlite3.Connection:
    location = f"file:{quote(str(path.absolute()))}?{how}"
    return sqlite3.connect(location, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)


def _tolerates_damage(connection: sqlite3.Connection) -> bool:
    """Let SQLite read a file that is shorter than it should be. Returns whether that helps."""
    try:
        connection.execute("PRAGMA writable_schema = ON")
        check(connection)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError:
        return False
    return True


def salvaged(
    connection: sqlite3.Connection, columns: str, table: str, key: str
) -> tuple[list[tuple[object, ...]], bool]:
    """Return the rows of a table in the order of `key`, and whether all of them could be read.

    Where a page is damaged, the rows before and behind it are returned. Raises nothing of SQLite's.
    """
    rows: list[tuple[object, ...]] = []
    try:
        rows.extend(connection.execute(f"SELECT {columns} FROM {table} ORDER BY {key}"))
        return rows, True
    except sqlite3.DatabaseError:
        pass
    behind: list[tuple[object, ...]] = []
    try:
        down = ", ".join(f"{part.strip()} DESC" for part in key.split(","))
        behind.extend(connection.execute(f"SELECT {columns} FROM {table} ORDER BY {down}"))
    except sqlite3.DatabaseError:
        pass
    known = set(rows)
    return rows + [row for row in reversed(behind) if row not in known], False
