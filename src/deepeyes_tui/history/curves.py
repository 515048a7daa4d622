"""Curves of any length in bounded room: exact for the newest values, in buckets of doubling width before.

Each level of a curve holds so many whole pieces; once it has two more, its two oldest become one of the level above.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.history.buckets import (
    PIECE,
    Buckets,
    decode_buckets,
    encode_buckets,
    halved,
    joined,
    single,
)
from deepeyes_tui.history.errors import HistoryError

FRESH = np.dtype([("curve", "<u2"), ("step", "<i8"), ("value", "<f4")])
FRESH_VALUES, FRESH_OF_A_CURVE = 4096, 128
"""Values that may wait in `fresh` before they are sorted into pieces: in all, or, if that is more, of each curve."""
REFUSED = 0xFFFF
MAX_NAME = 200
Value = tuple[str, int, float]
PUT = "INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?)"
GET = "SELECT data FROM piece WHERE curve = ? AND level = ? AND number = ?"
DROP = "DELETE FROM piece WHERE curve = ? AND level = ? AND number = ?"


class CurveStore:
    """Writes the curves of one history. What it knows of the file is read anew by whoever makes another one.

    Every method raises sqlite3.Error; after that, this object is of no more use.
    """

    def __init__(self, connection: sqlite3.Connection, curves: int, points: int) -> None:
        self._connection, self._most = connection, curves
        self._pieces = max(points // PIECE, 1)
        self._ids: dict[str, int] = dict(connection.execute("SELECT name, id FROM curve"))
        self._levels: dict[tuple[int, int], deque[int]] = defaultdict(deque)
        for curve, level, number in connection.execute("SELECT curve, level, number FROM piece ORDER BY number"):
            self._levels[curve, level].append(number)
        self._fresh = sum(len(data) for (data,) in connection.execute("SELECT data FROM fresh")) // FRESH.itemsize
        self.refused: set[str] = set()

    def add(self, values: Sequence[Value]) -> None:
        """Add values of any curves, those of each in their order."""
        rows = self._rows(values)
        if self._fresh + len(rows) < max(FRESH_VALUES, FRESH_OF_A_CURVE * len(self._ids)):
            if len(rows):
                self._connection.execute("INSERT INTO fresh (data) VALUES (?)", (rows.tobytes(),))
                self._fresh += len(rows)
            return
        before = [row for (row,) in self._connection.execute("SELECT data FROM fresh ORDER BY id").fetchall()]
        self._sort(np.concatenate([np.frombuffer(b"".join(before), FRESH), rows]))
        self._connection.execute("DELETE FROM fresh")
        self._fresh = 0

    def _rows(self, values: Sequence[Value]) -> NDArray[np.void]:
        """Return the values as rows of `FRESH`, without those for whose curve there is no place."""
        rows = np.zeros(len(values), FRESH)
        if not values:
            return rows
        names, rows["step"], numbers = zip(*values, strict=True)
        with np.errstate(over="ignore"):
            rows["value"] = numbers
        ids = {name: self._id(name) for name in dict.fromkeys(names)}
        rows["curve"] = [REFUSED if (number := ids[name]) is None else number for name in names]
        return np.asarray(rows[rows["curve"] != REFUSED])

    def _id(self, name: str) -> int | None:
        number = self._ids.get(name)
        if number is not None or name in self.refused:
            return number
        if len(self._ids) >= self._most:
            self.refused.add(name)
            return None
        number = len(self._ids)
        self._connection.execute("INSERT INTO curve VALUES (?, ?)", (number, name[:MAX_NAME]))
        self._ids[name] = number
        return number

    def _sort(self, rows: NDArray[np.void]) -> None:
        rows = rows[np.argsort(rows["curve"], kind="stable")]
        curves, starts = np.unique(rows["curve"], return_index=True)
        for curve, own in zip(curves.tolist(), np.split(rows, starts[1:]), strict=True):
            self._extend(curve, single(own["step"], own["value"]))

    def _extend(self, curve: int, new: Buckets) -> None:
        """Add buckets to the last piece of level 0, and as many pieces as they need."""
        numbers = self._levels[curve, 0]
        number = numbers[-1] if numbers else 0
        last = self._get(curve, 0, number) if numbers else new[:0]
        if len(last) == PIECE:
            number, last = number + 1, new[:0]
        filled = np.concatenate([last, new])
        for at in range(0, len(filled), PIECE):
            self._put(curve, 0, number, filled[at : at + PIECE])
            number += 1

    def _put(self, curve: int, level: int, number: int, buckets: Buckets) -> None:
        self._connection.execute(PUT, (curve, level, number, encode_buckets(buckets)))
        numbers = self._levels[curve, level]
        if not numbers or numbers[-1] != number:
            numbers.append(number)
        if len(numbers) > self._pieces + 2:
            self._widen(curve, level)

    def _widen(self, curve: int, level: int) -> None:
        """Make one piece of the level above of the two oldest."""
        numbers, above = self._levels[curve, level], self._levels[curve, level + 1]
        oldest = numbers.popleft(), numbers.popleft()
        both = joined([self._get(curve, level, number) for number in oldest])
        self._connection.executemany(DROP, [(curve, level, number) for number in oldest])
        self._put(curve, level + 1, above[-1] + 1 if above else 0, halved(both))

    def _get(self, curve: int, level: int, number: int) -> Buckets:
        found = self._connection.execute(GET, (curve, level, number)).fetchone()
        try:
            return decode_buckets(found[0])
        except HistoryError as error:
            raise sqlite3.DatabaseError(str(error)) from error
