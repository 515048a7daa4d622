"""Writing a history: each batch is there as a whole, or not at all."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepeyes_tui.history.curves import CurveStore, Value
from deepeyes_tui.history.describing import encode_description
from deepeyes_tui.history.descriptors import Held, LostDescriptorError, abandon
from deepeyes_tui.history.encoding import encode_arrays
from deepeyes_tui.history.events import Event
from deepeyes_tui.history.limits import Limits
from deepeyes_tui.history.retention import keeps
from deepeyes_tui.history.schema import create
from deepeyes_tui.link.layout import STATUS_ROOM
from deepeyes_tui.link.snapshot import LayerInfo, Snapshot
from deepeyes_tui.link.status import encode_status

THIN_EVERY = 8
"""States after which those that are too many are dropped."""
USED_AT_MOST = 0.8
"""Of the limit; the rest is for the log and for pages in between."""
MAX_EVENT = 2000
BUSY = 2.0
"""Seconds to wait for another process that holds the file: readers do so for moments only."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written."""

    state: Snapshot | None = None
    values: Sequence[Value] = field(default_factory=list)
    events: Sequence[Event] = field(default_factory=list)


class HistoryWriter:
    """Owns the file at `path`, which is made if it is not there. Every method raises sqlite3.Error or OSError.

    After an error this object is to be closed; another one goes on where the last whole batch ended. After a
    LostDescriptorError none may, in this process: SQLite would go on with descriptors that it believes to be open.
    """

    def __init__(self, path: Path, limits: Limits, *, shared_log: bool) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        self._limits, self._density = limits, limits.density
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        if not stat.S_ISREG(path.lstat().st_mode):
            raise PermissionError(0, "it is no regular file")
        self._connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
        try:
            create(self._connection, limits.total, shared_log=shared_log)
            self._curves = CurveStore(self._connection, limits.curves, limits.points)
            self._numbers = [number for (number,) in self._connection.execute("SELECT number FROM state")]
        except sqlite3.Error:
            self._connection.close()
            raise
        self._held = Held(path)
        self._described: tuple[int, tuple[LayerInfo, ...], tuple[str, ...]] | None = None
        self.full = False

    @property
    def refused(self) -> int:
        """How many names of curves found no place."""
        return len(self._curves.refused)

    def write(self, batch: Batch) -> None:
        """Write all of it."""
        self._held.check()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._curves.add(batch.values)
            self._add_events(batch.events)
            if batch.state is not None:
                self._add_state(batch.state)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def close(self, *, last: bool = True) -> None:
        """Let go of the file; the `last` writer leaves it without a log, so that it can be read from anywhere."""
        try:
            self._held.check()
        except LostDescriptorError:
            abandon(self._connection)
            raise
        try:
            if last:
                with suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA busy_timeout = 0").fetchall()
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                    self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        finally:
            self._connection.close()

    def _add_events(self, events: Sequence[Event]) -> None:
        if not events:
            return
        rows = [(event.step, event.at, event.kind, event.text[:MAX_EVENT]) for event in events]
        self._connection.executemany("INSERT INTO event (step, at, kind, text) VALUES (?, ?, ?, ?)", rows)
        newest = "(SELECT max(id) FROM event)"
        self._connection.execute(f"DELETE FROM event WHERE id <= {newest} - ?", (self._limits.events,))

    def _add_state(self, state: Snapshot) -> None:
        data = encode_arrays(state.arrays, state.status.step)
        number = self._numbers[-1] + 1 if self._numbers else 0
        self.full = not self._make_room(number, len(data))
        if self.full:
            return
        status = encode_status(state.status, (), STATUS_ROOM)
        row = (number, state.status.step, state.status.published_at, state.generation, self._describe(state), status)
        self._connection.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?, ?)", row)
        self._connection.execute("INSERT INTO payload VALUES (?, ?)", (number, data))
        self._numbers.append(number)

    def _describe(self, state: Snapshot) -> int:
        """Return the number of the description of these layers, written if they are others than before."""
        if self._described is None or self._described[1:] != (state.layers, state.labels):
            data = encode_description(state.layers, state.labels)
            number = self._connection.execute("INSERT INTO description (data) VALUES (?)", (data,)).lastrowid or 0
            self._described = number, state.layers, state.labels
        return self._described[0]

    def _make_room(self, newest: int, size: int) -> bool:
        """Drop states that are too many, more and more of them until `size` bytes fit. Returns whether they do."""
        if newest % THIN_EVERY == 0:
            self._thin(newest)
        room = self._limits.total * USED_AT_MOST - size
        while self._used() > room and self._density > 1:
            self._density = max(self._density // 2, 1)
            self._thin(newest)
        return self._used() <= room

    def _thin(self, newest: int) -> None:
        numbers = np.array(self._numbers, np.int64)
        kept = keeps(numbers, newest, self._density)
        gone = [(int(number),) for number in numbers[~kept]]
        self._connection.executemany("DELETE FROM state WHERE number = ?", gone)
        self._connection.executemany("DELETE FROM payload WHERE number = ?", gone)
        self._numbers = numbers[kept].tolist()

    def _used(self) -> int:
        """Return the bytes that are in use, without pages that stand free."""
        pages, free, page = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        try:
            log = self._log.stat().st_size
        except OSError:
            log = 0
        return int((pages - free) * page + log)
