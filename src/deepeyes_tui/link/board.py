"""The board: one file in shared memory that the training process writes and any number of viewers read.

The writer assembles a slot in its own memory and writes it with `pwrite`, the reader reads with `pread`: a mapping
would save 7 microseconds for 60 kB, and would kill the training (SIGBUS) when somebody truncates the file or the
memory runs out.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.errors import BoardError
from deepeyes_tui.link.files import make_file, write_all
from deepeyes_tui.link.layout import (
    CHECKED_FROM,
    LATEST_AT,
    SERIES_DTYPES,
    SERIES_POINTS,
    SERIES_SLOTS,
    SLOT,
    SLOTS,
    STATUS_ROOM,
    SUPERSEDED_AT,
    Description,
    Header,
    place_arrays,
    series_at,
    slot_size,
    slots_at,
)
from deepeyes_tui.link.owned import OwnFile
from deepeyes_tui.link.reader import BoardReader
from deepeyes_tui.link.shared_file import WORD
from deepeyes_tui.link.snapshot import LayerInfo, Series, Status
from deepeyes_tui.link.status import encode_status

__all__ = ["BoardError", "BoardReader", "BoardWriter"]


class BoardWriter:
    """Makes a board at `path`, in the place of any that is there. Raises OSError when there is no room for it.

    `layers` carry their offsets, each following the one before; raises ValueError when they do not.
    """

    def __init__(
        self, path: Path, *, run: str, generation: int, layers: Sequence[LayerInfo], labels: Sequence[str]
    ) -> None:
        description = Description(run, tuple(layers), tuple(labels))
        _check_layers(description.layers)
        text = description.encode()
        count, filters = len(layers), description.filters
        self._slot_bytes = slot_size(count, filters)
        self._slots_at = slots_at(len(text))
        self._series_at = series_at(count, filters)
        self._buffer = bytearray(self._slot_bytes)
        self._views = {
            spec.name: np.frombuffer(self._buffer, spec.dtype, math.prod(spec.shape), at).reshape(spec.shape)
            for spec, at in place_arrays(count, filters)
        }
        self._sequence = 0
        header = Header(generation, len(text), zlib.crc32(text), self._slot_bytes)
        self._file = OwnFile(path, make_file(path, header.encode() + text, header.size))

    def publish(self, status: Status, arrays: Mapping[str, NDArray[np.generic]], series: Sequence[Series] = ()) -> None:
        """Put a new state on the board: `arrays` are those of `layer_arrays`, `series` at most 8 of 1024 points.

        Raises KeyError or ValueError for arrays that are missing or of another shape, OSError when it cannot write;
        readers then keep the state before.
        """
        for name, view in self._views.items():
            np.copyto(view, arrays[name], casting="unsafe")
        used = self._put_series(series[:SERIES_SLOTS])
        curves = tuple((curve.name, min(len(curve.step), SERIES_POINTS)) for curve in series[:SERIES_SLOTS])
        text = encode_status(status, curves, STATUS_ROOM)
        self._buffer[SLOT.size : SLOT.size + len(text)] = text
        self._write(len(text), used)

    def _put_series(self, series: Sequence[Series]) -> int:
        """Put curves behind the arrays, the newest points of each, and return the bytes in use."""
        at = self._series_at
        for curve in series:
            points = min(len(curve.step), SERIES_POINTS)
            parts: tuple[NDArray[Any], ...] = (curve.step, curve.value, curve.nonfinite)
            for dtype, values in zip(SERIES_DTYPES, parts, strict=True):
                view: NDArray[Any] = np.frombuffer(self._buffer, dtype, points, at)
                np.copyto(view, values[len(values) - points :], casting="unsafe")
                at += SERIES_POINTS * dtype.itemsize
        return at

    def _write(self, status_length: int, used: int) -> None:
        sequence = self._sequence + 2
        buffer = memoryview(self._buffer)
        SLOT.pack_into(buffer, 0, sequence, 0, status_length, used)
        checksum = zlib.crc32(buffer[CHECKED_FROM:used], sequence & 0xFFFFFFFF)
        SLOT.pack_into(buffer, 0, sequence, checksum, status_length, used)
        at = self._slots_at + sequence // 2 % SLOTS * self._slot_bytes
        fd = self._file.fileno()
        write_all(fd, WORD.pack(sequence - 1), at)
        write_all(fd, buffer[WORD.size : used], at + WORD.size)
        write_all(fd, buffer[: WORD.size], at)
        write_all(fd, WORD.pack(sequence), LATEST_AT)
        self._sequence = sequence

    def supersede(self) -> None:
        """Tell readers that another board lies at the same path now."""
        if not self._file.closed:
            self._file.write(WORD.pack(1), SUPERSEDED_AT)

    def close(self) -> None:
        """Let go of the file, which stays. Twice is fine."""
        self._file.close()


def _check_layers(layers: Sequence[LayerInfo]) -> None:
    offset = 0
    for layer in layers:
        if layer.offset != offset:
            raise ValueError(f"layer {layer.name!r} is at {layer.offset} and should be at {offset}")
        offset += layer.filters
