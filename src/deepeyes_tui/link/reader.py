"""Reading a board: whatever bytes are there, a frozen `Snapshot`, nothing new, or one clear error."""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.errors import BoardError
from deepeyes_tui.link.frozen import frozen
from deepeyes_tui.link.layout import (
    CHECKED_FROM,
    HEADER_ROOM,
    LATEST_AT,
    SERIES_BYTES,
    SERIES_DTYPES,
    SERIES_POINTS,
    SERIES_SLOTS,
    SLOT,
    SLOTS,
    STATUS_ROOM,
    SUPERSEDED_AT,
    decode_description,
    decode_header,
    place_arrays,
    series_at,
)
from deepeyes_tui.link.shared_file import SharedFile
from deepeyes_tui.link.snapshot import ArraySpec, Series, Snapshot
from deepeyes_tui.link.status import Curves, decode_status

TRIES = 4
"""Looks at the newest slot within one `read`; with four slots the writer has to lap the reader to tear one."""


class BoardReader:
    """Opens the board at `path`. Raises BoardError when it is no board of this version and user."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path)
        try:
            header = decode_header(os.pread(self._file.number, HEADER_ROOM, 0))
            text = os.pread(self._file.number, header.description_length, HEADER_ROOM)
            self._description = decode_description(text, header)
            if os.fstat(self._file.number).st_size < header.size:
                raise BoardError("the board was cut off: it is shorter than its header says")
            self._header = header
            self._buffer = bytearray(header.slot_bytes)
        except OSError as error:
            self.close()
            raise BoardError(f"the board cannot be read: {error.strerror}") from error
        except BoardError:
            self.close()
            raise
        count, filters = len(self._description.layers), self._description.filters
        self._places = tuple(place_arrays(count, filters))
        self._series_at = series_at(count, filters)
        self._seen = 0

    @property
    def inode(self) -> tuple[int, int]:
        """Device and number of the file."""
        return self._file.inode

    @property
    def superseded(self) -> bool:
        """Whether the writer has put another board at the same path, or this one cannot be read any more."""
        return self._file.word(SUPERSEDED_AT) != 0

    def read(self) -> Snapshot | None:
        """Return the newest state, or None when there is none since the last call, or none that is whole yet.

        Raises BoardError when the file was cut off.
        """
        for _ in range(TRIES):
            latest = self._file.word(LATEST_AT)
            if latest is None:
                raise BoardError("the board was cut off while it was read")
            if latest == self._seen or latest % 2:
                return None
            snapshot = self._read_slot(latest)
            if snapshot is not None:
                self._seen = latest
                return snapshot
        return None

    def close(self) -> None:
        """Let go of the file. Twice is fine."""
        self._file.close()

    def _read_slot(self, sequence: int) -> Snapshot | None:
        at = self._header.slots_at + sequence // 2 % SLOTS * self._header.slot_bytes
        buffer = memoryview(self._buffer)
        try:
            if os.preadv(self._file.number, [buffer[: SLOT.size]], at) != SLOT.size:
                return None
            found, checksum, length, used = SLOT.unpack_from(buffer)
            if found != sequence or length > STATUS_ROOM or not self._series_at <= used <= len(buffer):
                return None
            if os.preadv(self._file.number, [buffer[SLOT.size : used]], at + SLOT.size) != used - SLOT.size:
                return None
        except OSError:
            return None
        if zlib.crc32(buffer[CHECKED_FROM:used], sequence & 0xFFFFFFFF) != checksum:
            return None
        return self._snapshot(sequence, length, used)

    def _snapshot(self, sequence: int, length: int, used: int) -> Snapshot | None:
        try:
            status, curves = decode_status(
                bytes(self._buffer[SLOT.size : SLOT.size + length]), SERIES_SLOTS, SERIES_POINTS
            )
        except ValueError:
            return None
        if used < self._series_at + len(curves) * SERIES_BYTES:
            return None
        return Snapshot(
            run=self._description.run,
            generation=self._header.generation,
            sequence=sequence // 2,
            layers=self._description.layers,
            labels=self._description.labels,
            status=status,
            arrays=MappingProxyType({spec.name: _array(self._buffer, spec, at) for spec, at in self._places}),
            series=MappingProxyType({curve.name: curve for curve in self._curves(curves)}),
        )

    def _curves(self, curves: Curves) -> list[Series]:
        return [
            _curve(self._buffer, name, points, self._series_at + index * SERIES_BYTES)
            for index, (name, points) in enumerate(curves)
        ]


def _open(path: Path) -> SharedFile:
    try:
        return SharedFile(path)
    except FileNotFoundError as error:
        raise BoardError("there is no board yet") from error
    except OSError as error:
        raise BoardError(f"the board cannot be opened: {error.strerror}") from error


def _array(buffer: bytearray, spec: ArraySpec, at: int) -> NDArray[np.generic]:
    """Return a read-only copy within the spec's bounds."""
    count = math.prod(spec.shape)
    if spec.dtype == "|b1":
        flags: NDArray[np.generic] = np.frombuffer(buffer, np.uint8, count, at) != 0
        return frozen(flags.reshape(spec.shape))
    raw = np.frombuffer(buffer, spec.dtype, count, at).reshape(spec.shape)
    low, high = (int(spec.low), int(spec.high)) if raw.dtype.kind == "i" else (spec.low, spec.high)
    clipped = np.clip(raw, low, high)
    return frozen(clipped if spec.nan else np.nan_to_num(clipped, copy=False, nan=spec.low))


def _curve(buffer: bytearray, name: str, points: int, at: int) -> Series:
    parts = []
    for dtype in SERIES_DTYPES:
        parts.append(np.frombuffer(buffer, dtype, points, at))
        at += SERIES_POINTS * dtype.itemsize
    step, value, nonfinite = parts
    value = np.where(np.isfinite(value), value, np.float32("nan")).astype(np.float32)
    return Series(name, frozen(step.astype(np.int64)), frozen(value), frozen(np.maximum(nonfinite, 0)))
