"""The board: what a training process shows, in a file that any number of viewers read.

One writer, no locks: a publication goes into the next of four slots, its number is written at the slot's beginning,
then the data, then the number again; a reader takes a slot only if both agree and the checksum holds.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.layout import (
    DESCRIPTION_AT,
    HEADER,
    MAGIC,
    MOST_SERIES,
    NEWEST,
    NEWEST_AT,
    SERIES_POINTS,
    SLOT,
    SLOTS,
    STATUS_ROOM,
    VERSION,
    BoardError,
    Description,
    decode_description,
)
from deepeyes_tui.link.snapshot import ArraySpec, LayerInfo, Series, Snapshot, Status
from deepeyes_tui.link.status_json import decode_status, encode_status

__all__ = ["BoardError", "BoardReader", "BoardWriter"]

TRIES = 4
"""Reads of the newest slot before a reader says "not yet": the writer overtakes it once in thousands of times."""
LARGEST = 1 << 33


class BoardWriter:
    """Creates a board at `path`, in the place of one that was there. Raises OSError when there is no room.

    Not for several threads at once.
    """

    def __init__(
        self, path: Path, *, run: str, generation: int, layers: Sequence[LayerInfo], labels: Sequence[str]
    ) -> None:
        self._description = Description(run, tuple(layers), tuple(labels))
        text = self._description.encode()
        places, slot_bytes = self._description.places()
        self._first = -(-(DESCRIPTION_AT + len(text)) // mmap.PAGESIZE) * mmap.PAGESIZE
        size = self._first + SLOTS * slot_bytes
        self._slot_bytes = slot_bytes
        self._map = _create(path, size)
        self._map[DESCRIPTION_AT : DESCRIPTION_AT + len(text)] = text
        self._slots = [self._views(number, places) for number in range(SLOTS)]
        self._published = 0
        header = (VERSION, generation, DESCRIPTION_AT, len(text), zlib.crc32(text), SLOTS, slot_bytes, self._first, size)
        HEADER.pack_into(self._map, 0, MAGIC, *header)
        _put_in_place(path)

    def publish(self, status: Status, arrays: Mapping[str, NDArray[np.generic]], series: Sequence[Series] = ()) -> None:
        """Show a new state. `arrays` as in `snapshot.layer_arrays`; at most eight curves of 1024 points are kept."""
        number = self._published + 1
        start = self._first + number % SLOTS * self._slot_bytes
        text = encode_status(status, series)
        SLOT.pack_into(self._map, start, number, 0, 0, len(text))
        views = self._slots[number % SLOTS]
        for name, view in views.items():
            if not name.startswith("series_"):
                view[...] = arrays[name]
        for row, curve in enumerate(series[:MOST_SERIES]):
            held = min(len(curve.step), SERIES_POINTS)
            views["series_step"][row, :held] = curve.step[-held:]
            views["series_value"][row, :held] = curve.value[-held:]
            views["series_nonfinite"][row, :held] = curve.nonfinite[-held:]
        at = start + SLOT.size
        self._map[at : at + len(text)] = text
        # crc32: 0.5 ms a MB here; torn and damaged slots are both found, on processors of weak ordering too
        with memoryview(self._map) as whole, whole[at : start + self._slot_bytes] as payload:
            check = zlib.crc32(payload)
        SLOT.pack_into(self._map, start, number, number, check, len(text))
        NEWEST.pack_into(self._map, NEWEST_AT, number, 0)
        self._published = number

    def supersede(self) -> None:
        """Tell readers that another board has taken this one's place."""
        NEWEST.pack_into(self._map, NEWEST_AT, self._published, 1)

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._slots.clear()
        with contextlib.suppress(BufferError):
            self._map.close()

    def _views(self, number: int, places: Mapping[str, int]) -> dict[str, NDArray[np.generic]]:
        start = self._first + number * self._slot_bytes
        return {
            spec.name: np.ndarray(spec.shape, spec.dtype, self._map, start + places[spec.name])
            for spec in self._description.arrays()
        }


class BoardReader:
    """Reads a board. Raises BoardError where there is none that can be read.

    The file is read, not mapped: one that is cut short under a map would kill the reader with SIGBUS.
    """

    def __init__(self, path: Path) -> None:
        self._file = _open(path)
        try:
            header = self._header()
            self.generation = header[2]
            _, _, _, place, length, check, slots, self._slot_bytes, self._first, _ = header
            text = os.pread(self._file, min(length, LARGEST), place)
            if zlib.crc32(text) != check:
                raise BoardError("the board's description is damaged")
            self._description = decode_description(text)
            self._places, slot_bytes = self._description.places()
            if slots != SLOTS or slot_bytes != self._slot_bytes:
                raise BoardError("the board's layout is not the one that its description asks for")
        except BaseException:
            self.close()
            raise
        self._specs = self._description.arrays()
        self._seen = 0

    @property
    def superseded(self) -> bool:
        """Whether another board has taken this one's place."""
        raw = os.pread(self._file, NEWEST.size, NEWEST_AT)
        return len(raw) == NEWEST.size and NEWEST.unpack(raw)[1] != 0

    def read(self) -> Snapshot | None:
        """Return the newest state, or None when there is nothing new or nothing whole: not yet."""
        for _ in range(TRIES):
            raw = os.pread(self._file, NEWEST.size, NEWEST_AT)
            number = NEWEST.unpack(raw)[0] if len(raw) == NEWEST.size else 0
            if number in (0, self._seen):
                return None
            slot = os.pread(self._file, self._slot_bytes, self._first + number % SLOTS * self._slot_bytes)
            snapshot = self._snapshot(slot, number)
            if snapshot is not None:
                self._seen = number
                return snapshot
        return None

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _header(self) -> tuple[int, ...]:
        raw = os.pread(self._file, HEADER.size, 0)
        if len(raw) < HEADER.size or raw[: len(MAGIC)] != MAGIC:
            raise BoardError("this is no board of a deepeyes run")
        header = HEADER.unpack(raw)
        if header[1] != VERSION:
            raise BoardError(f"the board has version {header[1]}, this viewer reads version {VERSION}")
        if header[-1] > LARGEST or os.fstat(self._file).st_size < header[-1]:
            raise BoardError("the board is cut short")
        return header

    def _snapshot(self, slot: bytes, number: int) -> Snapshot | None:
        if len(slot) != self._slot_bytes:
            return None
        begun, ended, check, length = SLOT.unpack_from(slot)
        if begun != number or ended != number or length > STATUS_ROOM:
            return None
        if zlib.crc32(memoryview(slot)[SLOT.size :]) != check:
            return None
        try:
            status, curves = decode_status(slot[SLOT.size : SLOT.size + length])
        except ValueError:
            return None
        arrays = {spec.name: _array(slot, spec, self._places[spec.name]) for spec in self._specs}
        return Snapshot(
            run=self._description.run,
            generation=self.generation,
            sequence=number,
            layers=self._description.layers,
            labels=self._description.labels,
            status=status,
            arrays={name: array for name, array in arrays.items() if not name.startswith("series_")},
            series=_series(arrays, curves),
        )


def _array(slot: bytes, spec: ArraySpec, place: int) -> NDArray[np.generic]:
    count = int(np.prod(spec.shape, dtype=np.int64))
    raw = np.frombuffer(slot, spec.dtype if spec.dtype != "|b1" else "|u1", count, place).reshape(spec.shape)
    if spec.dtype == "|b1":
        array = raw != 0
    else:
        array = np.clip(raw, raw.dtype.type(spec.low), raw.dtype.type(spec.high))
    array.setflags(write=False)
    return array


def _series(arrays: Mapping[str, NDArray[np.generic]], curves: Sequence[tuple[str, int]]) -> dict[str, Series]:
    step, value, nonfinite = (arrays[f"series_{part}"] for part in ("step", "value", "nonfinite"))
    return {
        name: Series(name, step[row, :held], value[row, :held], nonfinite[row, :held])  # type: ignore[arg-type]
        for row, (name, held) in enumerate(curves)
    }


def _open(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise BoardError(f"the board cannot be opened ({error.strerror})") from None
    facts = os.fstat(file)
    if facts.st_uid not in (os.getuid(), 0) or not stat.S_ISREG(facts.st_mode):
        os.close(file)
        raise BoardError("the board belongs to another user")
    return file


def _create(path: Path, size: int) -> mmap.mmap:
    fresh = _fresh(path)
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(file, 0, size)
        return mmap.mmap(file, size)
    except BaseException:
        fresh.unlink()
        raise
    finally:
        os.close(file)


def _put_in_place(path: Path) -> None:
    _fresh(path).replace(path)


def _fresh(path: Path) -> Path:
    return path.with_name(path.name + ".new")
