"""Going through what was recorded of a run, also while it is under way."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from deepeyes_tui.history.buckets import Buckets, decode_buckets, halved, joined, single
from deepeyes_tui.history.curves import FRESH
from deepeyes_tui.history.describing import decode_description
from deepeyes_tui.history.encoding import decode_arrays
from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.history.events import Event, EventKind
from deepeyes_tui.history.kept import KeptMap, list_kept
from deepeyes_tui.history.opening import open_history, salvaged
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.journal import JOURNAL, read_journal
from deepeyes_tui.link.layout import SERIES_POINTS, SERIES_SLOTS
from deepeyes_tui.link.snapshot import Flag, Float, Int, LayerInfo, Series, Snapshot, Status
from deepeyes_tui.link.status import decode_status

DAMAGED = "the history is damaged: what could be read of it is shown"
UNREADABLE = "the history is damaged: no state of it can be read"
JOURNAL_DAMAGED = "the journal beside the history is damaged: acts are not shown"

MOST_PIECES = 4096
"""That are kept unpacked."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve as it is kept, `(N,)` each: of the `count` values up to `step` since the bucket before, the mean and
    bounds of those that are finite, and how many are not. Exact (`count` 1) for the newest.
    """

    name: str
    step: Int
    mean: Float
    low: Float
    high: Float
    count: Int
    nonfinite: Int


class History:
    """The record of one run. Raises HistoryError when there is none, or none that this version can read.

    Whatever is read is of now: a run that is under way grows. One thread at a time may use it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened = open_history(path)
        self._version = -1
        self._damage = ""
        self._pieces: dict[tuple[int, int, int], tuple[bytes, Buckets]] = {}
        self._whole: dict[int, Buckets] = {}
        self._described: dict[int, tuple[tuple[LayerInfo, ...], tuple[str, ...]]] = {}
        self._journal: tuple[object, tuple[Event, ...]] | None = None
        try:
            self._refresh()
        except BaseException:
            self.close()
            raise

    @property
    def first(self) -> int:
        """The step of the first state that is kept; 0 where there is none."""
        return int(self.steps[0]) if len(self._steps) else 0

    @property
    def last(self) -> int:
        """The step of the newest state; 0 where there is none."""
        return int(self.steps[-1]) if len(self._steps) else 0

    @property
    def steps(self) -> Int:
        """The steps of which a state is kept, rising, `(N,)`."""
        self._refresh()
        return self._steps

    @property
    def series_names(self) -> tuple[str, ...]:
        """The names of all curves, in the order in which they came up."""
        self._refresh()
        return tuple(self._curves)

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened, in its order: what the monitor saw, and what was done to the training."""
        self._refresh()
        rows = self._rows("step, at, kind, text", "event", "id")
        found = [Event(int(step), float(at), str(kind), str(text)) for step, at, kind, text in rows]
        return tuple(sorted([*found, *self._acts(), *self._kept()], key=lambda event: (event.step, event.at)))

    @property
    def kept(self) -> tuple[KeptMap, ...]:
        """The maps that somebody asked to keep, by their steps."""
        return list_kept(self.path.parent)

    @property
    def damage(self) -> str:
        """A sentence if something of what was asked for could not be read; else empty."""
        return self._damage

    def at(self, step: int) -> Snapshot:
        """Return the newest state recorded at or before a step; the first one for any step before that.

        Raises HistoryError where no state can be read.
        """
        with self._reading():
            return self._at(step)

    def _at(self, step: int) -> Snapshot:
        self._refresh()
        place = max(bisect_right(self._state_steps, step), 1)
        for number, *row in reversed(self._states[:place]):
            try:
                return self._state(number, row)
            except (HistoryError, sqlite3.DatabaseError, ValueError, TypeError):
                self._damage = DAMAGED
        lost = self._states or self._damage == DAMAGED
        raise HistoryError(UNREADABLE if lost else f"{self.path} holds no state yet")

    def series(self, name: str, first: int | None = None, last: int | None = None) -> Series:
        """Return a curve from step `first` to step `last`. Raises KeyError for a name that is not known."""
        curve = self.curve(name, first, last)
        return Series(name, curve.step, curve.mean, curve.nonfinite)

    def curve(self, name: str, first: int | None = None, last: int | None = None) -> Curve:
        """Return a curve with its bounds from step `first` to step `last`. Raises KeyError."""
        with self._reading():
            self._refresh()
            return _curve(name, _between(self._buckets(self._curves[name]), first, last))

    def close(self) -> None:
        """Let go of the file. Twice is fine."""
        self._opened.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Let all that is read meanwhile be of one moment."""
        connection = self._opened.connection
        with suppress(sqlite3.Error):
            connection.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                connection.execute("COMMIT")

    def _refresh(self) -> None:
        """Read what there is, if somebody has written since."""
        try:
            (version,) = self._opened.connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.ProgrammingError:
            raise HistoryError(f"{self.path} was closed") from None
        except sqlite3.DatabaseError:
            version = self._version
            self._damage = DAMAGED
            if version >= 0:
                return
        if version == self._version:
            return
        self._version = version
        self._whole.clear()
        states = self._rows("number, step, at, generation, description, status", "state", "number")
        states = [row for row in states if isinstance(row[1], int)]
        steps = np.array([row[1] for row in states], np.int64)
        standing = _standing(steps)
        self._states: list[tuple[Any, ...]] = [states[place] for place in np.flatnonzero(standing)]
        self._state_steps: list[int] = steps[standing].tolist()
        self._steps = np.unique(steps[standing])
        self._steps.flags.writeable = False
        self._curves = {str(name): int(number) for number, name in self._rows("id, name", "curve", "id")}

    def _rows(self, columns: str, table: str, key: str) -> list[tuple[Any, ...]]:
        rows, whole = salvaged(self._opened.connection, columns, table, key)
        if not whole:
            self._damage = DAMAGED
        return rows

    def _state(self, number: int, row: list[Any]) -> Snapshot:
        step, _, generation, description, status = row
        layers, labels = self._description(description)
        found = self._opened.connection.execute("SELECT data FROM payload WHERE number = ?", (number,)).fetchone()
        if found is None:
            raise HistoryError(DAMAGED)
        arrays = decode_arrays(found[0], len(layers), sum(layer.filters for layer in layers))
        return Snapshot(
            run=self.path.absolute().parent.name,
            generation=generation,
            sequence=number + 1,
            layers=layers,
            labels=labels,
            status=self._status(status),
            arrays=MappingProxyType(arrays),
            series=MappingProxyType(self._series_until(step)),
        )

    def _description(self, number: int) -> tuple[tuple[LayerInfo, ...], tuple[str, ...]]:
        if number not in self._described:
            query = "SELECT data FROM description WHERE id = ?"
            found = self._opened.connection.execute(query, (number,)).fetchone()
            if found is None:
                raise HistoryError(DAMAGED)
            self._described[number] = decode_description(found[0])
        return self._described[number]

    def _status(self, data: bytes) -> Status:
        return decode_status(data, SERIES_SLOTS, SERIES_POINTS)[0]

    def _series_until(self, step: int) -> Mapping[str, Series]:
        """Return the curves that a board would show, as they were at a step."""
        found = {}
        for name, number in list(self._curves.items())[:SERIES_SLOTS]:
            buckets = _between(self._buckets(number), None, step)
            while len(buckets) > SERIES_POINTS:
                buckets = halved(buckets)
            if len(buckets):
                curve = _curve(name, buckets)
                found[name] = Series(name, curve.step, curve.mean, curve.nonfinite)
        return found

    def _buckets(self, curve: int) -> Buckets:
        """Return all buckets of a curve, the oldest first."""
        if curve not in self._whole:
            self._whole[curve] = self._read_buckets(curve)
        return self._whole[curve]

    def _read_buckets(self, curve: int) -> Buckets:
        rows = self._rows("level, number, data", f"piece WHERE curve = {curve}", "level, number")
        pieces = [self._piece(curve, *row) for row in sorted(rows, key=lambda row: (-row[0], row[1]))]
        fresh = [data for (data,) in self._rows("data", "fresh", "id")]
        usable = [data for data in fresh if isinstance(data, bytes) and len(data) % FRESH.itemsize == 0]
        new = np.frombuffer(b"".join(usable), FRESH)
        new = new[new["curve"] == curve]
        buckets = joined([*pieces, single(new["step"], new["value"])])
        return np.asarray(buckets[_standing(buckets["step"])])

    def _piece(self, curve: int, level: int, number: int, data: bytes) -> Buckets:
        """Return one piece; what was read before is not unpacked again."""
        before = self._pieces.get((curve, level, number))
        if before is not None and before[0] == data:
            return before[1]
        try:
            buckets = decode_buckets(data)
        except (HistoryError, TypeError):
            self._damage = DAMAGED
            return single(np.zeros(0, np.int64), np.zeros(0, np.float32))
        if len(self._pieces) >= MOST_PIECES:
            self._pieces.clear()
        self._pieces[curve, level, number] = data, buckets
        return buckets

    def _kept(self) -> list[Event]:
        return [Event(one.step, one.at, EventKind.KEPT, f"the maps of {one.layer} were kept") for one in self.kept]

    def _acts(self) -> tuple[Event, ...]:
        """Return what was done to the training, as the journal beside the history has it."""
        journal = self.path.with_name(JOURNAL)
        try:
            facts = journal.stat()
        except OSError:
            return ()
        stamp = facts.st_mtime_ns, facts.st_size
        if self._journal is None or self._journal[0] != stamp:
            try:
                entries = read_journal(journal)
            except RunError:
                self._damage, entries = JOURNAL_DAMAGED, []
            acts = (Event(entry.step, entry.at, EventKind.ACT, entry.sentence) for entry in entries)
            self._journal = stamp, tuple(acts)
        return self._journal[1]


def _standing(steps: Int) -> Flag:
    """Return which of the steps `(N,)` are not taken back by a later one: steps of a run may be counted anew."""
    return np.asarray(steps <= np.minimum.accumulate(steps[::-1])[::-1])


def _between(buckets: Buckets, first: int | None, last: int | None) -> Buckets:
    start = 0 if first is None else int(np.searchsorted(buckets["step"], first))
    end = len(buckets) if last is None else int(np.searchsorted(buckets["step"], last, "right"))
    return buckets[start:end]


def _curve(name: str, buckets: Buckets) -> Curve:
    columns = {column: buckets[column].copy() for column in ("step", "mean", "low", "high", "count", "nonfinite")}
    for column in columns.values():
        column.flags.writeable = False
    return Curve(name, **columns)
