"""Reading a ring: whatever bytes are there, frozen `Instances`, nothing yet, or one clear error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.errors import RingError
from deepeyes_tui.link.excerpts import Excerpts, InputKind
from deepeyes_tui.link.files import read_all
from deepeyes_tui.link.frozen import frozen
from deepeyes_tui.link.instances import KEPT_LABELS, MANY_LABELS, OTHER_LABEL, Instances
from deepeyes_tui.link.ring_layout import (
    BEGUN_AT,
    COUNTERS,
    DONE_AT,
    FOCUSED_AT,
    HEADER_ROOM,
    SUPERSEDED_AT,
    RingHeader,
    decode_header,
    description_length,
)
from deepeyes_tui.link.shared_file import SharedFile
from deepeyes_tui.link.words import WORDS, Words, read_words

TRIES = 3
"""Looks within one `read`, where the writer went round the whole ring meanwhile."""
EXPONENT, SIGN = np.uint16(0x7C00), np.uint16(0x8000)
"""Bits of a float16: it is not finite where all of the exponent's are set."""


class RingReader:
    """Opens the ring at `path`. Raises RingError when it is no ring of this version and user."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path)
        self._words = path.with_name(WORDS)
        try:
            self._header = _read_header(self._file.number)
        except OSError as error:
            self.close()
            raise RingError(f"the instances cannot be read: {error.strerror}") from error
        except RingError:
            self.close()
            raise
        self._row = self._header.spec.row

    @property
    def inode(self) -> tuple[int, int]:
        """Device and number of the file."""
        return self._file.inode

    @property
    def layer(self) -> str:
        """The layer's name."""
        return self._header.spec.layer

    @property
    def generation(self) -> int:
        """The structure of the model that the ring belongs to."""
        return self._header.spec.generation

    @property
    def capacity(self) -> int:
        """Rows that the ring has room for."""
        return self._header.capacity

    @property
    def written(self) -> int:
        """Rows ever written; 0 where the file cannot be read any more."""
        return self._file.word(DONE_AT) or 0

    @property
    def superseded(self) -> bool:
        """Whether the writer has put another ring at the same path, or this one cannot be read any more."""
        return self._file.word(SUPERSEDED_AT) != 0

    def read(self, most: int | None = None) -> Instances | None:
        """Return the newest rows, `most` at most, oldest first, or None while there are none.

        Raises RingError when the file was cut off or its counters are damaged.
        """
        for _ in range(TRIES):
            begun, done = self._counters()
            count = min(done, self.capacity, self.capacity if most is None else max(most, 0))
            if count == 0:
                return None
            rows = self._rows(done - count, count)
            begun = max(self._counters()[0], begun)
            numbers = np.arange(done - count, done)
            whole = (rows["number"] == numbers + 1) & (numbers >= begun - self.capacity)
            if whole.any():
                return self._instances(rows if whole.all() else rows[whole], done)
        return None

    def close(self) -> None:
        """Let go of the file. Twice is fine."""
        self._file.close()

    def _counters(self) -> tuple[int, int]:
        try:
            data = os.pread(self._file.number, COUNTERS.size, BEGUN_AT)
        except OSError as error:
            raise RingError(f"the instances cannot be read: {error.strerror}") from error
        if len(data) < COUNTERS.size:
            raise RingError("the instances were cut off while they were read")
        begun, done = COUNTERS.unpack(data)
        if not done <= begun <= done + self.capacity or begun >= 2**62:
            raise RingError("the counters of the instances are damaged")
        return begun, done

    def _rows(self, first: int, count: int) -> NDArray[Any]:
        rows = np.empty(count, self._row)
        place = first % self.capacity
        split = min(count, self.capacity - place)
        try:
            whole = self._fill(rows[:split], place) and self._fill(rows[split:], 0)
        except OSError as error:
            raise RingError(f"the instances cannot be read: {error.strerror}") from error
        if not whole:
            raise RingError("the instances were cut off: the file is shorter than its counters say")
        return rows

    def _fill(self, rows: NDArray[Any], place: int) -> bool:
        if not len(rows):
            return True
        return read_all(self._file.number, rows.view(np.uint8).data, self._header.rows_at + place * self._row.itemsize)

    def _instances(self, rows: NDArray[Any], done: int) -> Instances:
        spec = self._header.spec
        activations, patches = np.ascontiguousarray(rows["activations"]), np.ascontiguousarray(rows["patches"])
        broken = _mend(activations) | _mend(patches)
        activations[(activations.view(np.uint16) & SIGN) != 0] = 0
        return Instances(
            layer=spec.layer,
            generation=spec.generation,
            focused=bool(self._file.word(FOCUSED_AT)),
            written=done,
            ids=frozen(rows["number"] - 1),
            activations=frozen(activations),
            patches=frozen(patches),
            labels=frozen(_kept_labels(np.maximum(rows["labels"], -1))),
            steps=frozen(np.maximum(rows["steps"], 0)),
            inputs=frozen(np.maximum(rows["inputs"], 0)),
            positions=frozen(np.maximum(rows["positions"], 0)),
            boxes=frozen(_boxes(rows["boxes"], spec.input_size)),
            thumbnails=frozen(np.ascontiguousarray(rows["thumbnails"])),
            input_size=spec.input_size,
            nonfinite=int(broken.sum()),
            excerpts=self._excerpts(rows),
        )

    def _excerpts(self, rows: NDArray[Any]) -> Excerpts:
        spec, tokens = self._header.spec, np.ascontiguousarray(rows["tokens"])
        words = read_words(self._words) if spec.kind is InputKind.TEXT else Words()
        met = {*np.unique(tokens).tolist(), *np.unique(rows["labels"]).tolist()}
        return Excerpts(
            kind=spec.kind,
            tokens=frozen(tokens),
            values=frozen(np.ascontiguousarray(rows["values"])),
            spans=frozen(_spans(rows["spans"])),
            names=spec.names,
            pieces={number: piece for number, piece in words.pieces.items() if number in met},
            special=words.special & met,
            named_labels=words.named_labels,
        )


def _open(path: Path) -> SharedFile:
    try:
        return SharedFile(path)
    except FileNotFoundError as error:
        raise RingError("there are no instances of this layer yet") from error
    except OSError as error:
        raise RingError(f"the instances cannot be opened: {error.strerror}") from error


def _read_header(fd: int) -> RingHeader:
    data = os.pread(fd, HEADER_ROOM, 0)
    return decode_header(data, os.pread(fd, description_length(data), HEADER_ROOM))


def _mend(values: NDArray[np.float16]) -> NDArray[np.bool_]:
    """Put 0 for NaN and the largest float16 for infinity, in place; return the rows `(S,)` where there were any."""
    broken: NDArray[np.bool_] = ((values.view(np.uint16) & EXPONENT) == EXPONENT).any(1)
    if broken.any():
        values[broken] = np.nan_to_num(values[broken])
    return broken


def _kept_labels(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the labels `(S,)`, the rare ones of too many as `OTHER_LABEL`."""
    if labels.max(initial=-1) < MANY_LABELS:
        return labels
    known, counts = np.unique(labels[labels >= 0], return_counts=True)
    kept = known[np.argsort(-counts, kind="stable")[:KEPT_LABELS]]
    return np.where((labels < 0) | np.isin(labels, kept), labels, OTHER_LABEL).astype(np.int32)


def _spans(spans: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the spans `(S, 5)` in their order, whatever was written; `(S, 0)` where there are none."""
    if not spans.shape[1]:
        return np.ascontiguousarray(spans)
    length = np.maximum(spans[:, 4:], 0)
    edges = np.clip(spans[:, :4], 0, length)
    first = np.minimum(edges[:, ::2], edges[:, 1::2])
    last = np.maximum(edges[:, ::2], edges[:, 1::2])
    return np.column_stack([first[:, 0], last[:, 0], first[:, 1], last[:, 1], length[:, 0]]).astype(np.int32)


def _boxes(boxes: NDArray[np.int16], size: tuple[int, ...]) -> NDArray[np.int16]:
    """Return the boxes `(S, 4)` cut to the input; all zero where it is no picture."""
    if not size:
        return np.zeros(boxes.shape, np.int16)
    most = np.minimum(size, np.iinfo(np.int16).max)
    corner = np.clip(boxes[:, :2], 0, most - 1)
    extent = np.clip(boxes[:, 2:], 1, most - corner)
    return np.concatenate([corner, extent], axis=1).astype(np.int16)
