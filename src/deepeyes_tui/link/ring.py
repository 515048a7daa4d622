"""Rings of instances: one file a layer that the training process writes and any number of readers read.

Plain `pread` and `pwrite`, for the board's reasons, and no lock: a reader drops the rows that the writer may have
reached while they were read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.link.errors import RingError
from deepeyes_tui.link.excerpts import NOTHING
from deepeyes_tui.link.files import make_file, write_all
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.owned import OwnFile
from deepeyes_tui.link.ring_layout import (
    BEGUN_AT,
    DONE_AT,
    FOCUSED_AT,
    SUPERSEDED_AT,
    RingSpec,
    encode_header,
)
from deepeyes_tui.link.ring_reader import RingReader
from deepeyes_tui.link.shared_file import WORD

__all__ = ["Instances", "RingError", "RingReader", "RingSpec", "RingWriter", "ring_path"]


def ring_path(instances: Path, layer: int) -> Path:
    """Return where the ring of layer number `layer` is in a run's folder of instances."""
    return instances / f"{layer:05d}.ring"


class RingWriter:
    """Makes a ring of `capacity` rows at `path`, in the place of any that is there; the file grows as rows come.

    Raises ValueError for sizes that a ring cannot have, OSError when there is no room.
    """

    def __init__(self, path: Path, spec: RingSpec, capacity: int, *, focused: bool = False) -> None:
        start = encode_header(spec, capacity)
        self.path, self.spec, self.capacity, self.written = path, spec, capacity, 0
        self._row, self._rows_at = spec.row, len(start)
        self._file = OwnFile(path, make_file(path, start))
        self.focus(focused)

    def append(
        self,
        *,
        activations: ArrayLike,
        patches: ArrayLike,
        thumbnails: ArrayLike,
        labels: ArrayLike,
        steps: ArrayLike,
        inputs: ArrayLike,
        positions: ArrayLike,
        boxes: ArrayLike,
        spans: ArrayLike = 0,
        tokens: ArrayLike = NOTHING,
        values: ArrayLike = np.nan,
    ) -> None:
        """Add `S` rows, shaped as in `Instances` and `Excerpts`; what is given once counts for all of them.

        Of more rows than fit the last are taken. Raises ValueError for other shapes, OSError when there is no room;
        readers then keep the rows before.
        """
        rows = np.zeros(len(np.asarray(activations)), self._row)
        given = {
            "activations": activations,
            "patches": patches,
            "thumbnails": thumbnails,
            "labels": labels,
            "steps": steps,
            "inputs": inputs,
            "positions": positions,
            "boxes": boxes,
            "spans": spans,
            "tokens": tokens,
            "values": values,
        }
        with np.errstate(over="ignore", invalid="ignore"):
            for name, values in given.items():
                rows[name] = values
        self._put(rows[-self.capacity :])

    def take_over(self, before: RingWriter, most: int) -> None:
        """Begin with the newest rows of another ring of the same spec, `most` bytes at most. Raises OSError."""
        count = min(before.written, before.capacity, self.capacity, most // self.spec.row_bytes)
        rows = np.empty(count, self._row)
        first = (before.written - count) % before.capacity
        split = min(count, before.capacity - first)
        before.read_into(rows[:split], first)
        before.read_into(rows[split:], 0)
        self._put(rows)

    def read_into(self, rows: NDArray[Any], place: int) -> None:
        """Read rows that were written, from a place on. Raises OSError."""
        if len(rows):
            self._file.read(rows.view(np.uint8).data, self._rows_at + place * self._row.itemsize)

    def _put(self, rows: NDArray[Any]) -> None:
        first, end = self.written, self.written + len(rows)
        rows["number"] = np.arange(first + 1, end + 1)
        fd = self._file.fileno()
        write_all(fd, WORD.pack(end), BEGUN_AT)
        place = first % self.capacity
        split = min(len(rows), self.capacity - place)
        self._write(fd, rows[:split], place)
        self._write(fd, rows[split:], 0)
        write_all(fd, WORD.pack(end), DONE_AT)
        self.written = end

    def _write(self, fd: int, rows: NDArray[Any], place: int) -> None:
        if len(rows):
            write_all(fd, rows.view(np.uint8).data, self._rows_at + place * self._row.itemsize)

    def focus(self, focused: bool) -> None:
        """Say whether the layer is in focus."""
        self._file.write(WORD.pack(focused), FOCUSED_AT)

    def supersede(self) -> None:
        """Tell readers to look for another ring at the same path."""
        if not self._file.closed:
            self._file.write(WORD.pack(1), SUPERSEDED_AT)

    def close(self) -> None:
        """Let go of the file, which stays. Twice is fine."""
        self._file.close()
