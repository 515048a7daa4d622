"""The rings of a run, written by the training process: how large each is, and what happens when there is no room."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from deepeyes_tui.link.ring import RingSpec, RingWriter, ring_path
from deepeyes_tui.probe.capacity import BESIDE_BYTES, FOCUS_BYTES, room_in, rows_within, shares
from deepeyes_tui.probe.shipment import Shipment
from deepeyes_tui.probe.words import WordBook

LEAST_ROOM = 1 / 256
"""Of the intended sizes; with less there are no rings at all."""
SCARCE = 0.25
"""Of the intended sizes; with less it is said that there is little."""
MOST_CARRIED = 16 << 20
"""Bytes of rows that a ring takes over from the one before it: some milliseconds."""
SMALLER = 4
"""How many times smaller the rings become when the memory is full."""


class Rings:
    """Owns the rings in one folder, and the texts of tokens beside them. `notice` says what is missing."""

    def __init__(self, folder: Path) -> None:
        self.notice = ""
        self._words = WordBook(None, folder)
        self._folder = folder
        self._writers: dict[int, RingWriter] = {}
        self._shares: list[int] = []
        self._row_bytes: list[int] = []
        self._focus: int | None = None
        self._room = 0.0

    def open(self, specs: Sequence[RingSpec]) -> None:
        """Start with a structure of the model, its layers' rows as far as they are known; never raises."""
        self._drop()
        self.notice = ""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            self._give_up(error)
            return
        self._row_bytes = [spec.row_bytes for spec in specs]
        self._divide(room_in(self._folder))

    @property
    def words_notice(self) -> str:
        """What is to be said of the texts of tokens, if anything."""
        return self._words.notice

    def ask(self, tokenizer: Any) -> None:
        """Let a tokenizer be asked for the texts of the tokens that instances show."""
        self._words = WordBook(tokenizer, self._folder)

    def focus(self, number: int | None) -> None:
        """Give one layer, or none, the room of the layer in focus; rings of another size follow with the next rows."""
        self._focus = number
        for other, writer in self._writers.items():
            writer.focus(other == number)

    def write(self, shipment: Shipment) -> None:
        """Write what has arrived. Makes rings smaller, or gives up on them, when there is no room."""
        for parcel, rows in shipment.unpack():
            if self._room == 0.0:
                return
            try:
                writer = self._writer(parcel.number, parcel.spec)
                if writer is not None:
                    writer.append(**rows)
                    self._words.meet(rows["tokens"], rows["labels"] if shipment.by_place(parcel) else None)
            except OSError as error:
                self._shrink(error)

    def close(self) -> None:
        """Let go of the files, which stay."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self._room = 0.0
        self._words.close()

    def _writer(self, number: int, spec: RingSpec) -> RingWriter | None:
        share = int(FOCUS_BYTES * self._room) if number == self._focus else self._shares[number]
        capacity = rows_within(share, spec.row_bytes)
        before = self._writers.get(number)
        if before is not None and before.spec == spec and before.capacity == capacity:
            return before
        if capacity == 0:
            return None
        if before is not None and before.spec == spec and before.capacity > capacity and self._have_room():
            return before
        writer = RingWriter(ring_path(self._folder, number), spec, capacity, focused=number == self._focus)
        self._writers[number] = writer
        if before is not None:
            if before.spec == spec:
                writer.take_over(before, MOST_CARRIED)
            before.supersede()
            before.close()
        return writer

    def _have_room(self) -> bool:
        """Return whether the rings may stay as large as they are, that of a layer which was in focus among them."""
        used = sum(writer.capacity * writer.spec.row_bytes for writer in self._writers.values())
        return used <= (FOCUS_BYTES + BESIDE_BYTES) * self._room

    def _divide(self, room: float) -> None:
        self._room = room
        self._shares = shares(self._row_bytes, int(BESIDE_BYTES * room))
        if room < SCARCE:
            self.notice = f"fewer instances are kept: there is little room in {self._folder.parent}"

    def _shrink(self, error: OSError) -> None:
        self._drop()
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or self._room / SMALLER < LEAST_ROOM:
            self._give_up(error)
            return
        self._divide(self._room / SMALLER)
        self.notice = f"fewer instances are kept: there is little room left in {self._folder.parent}"

    def _give_up(self, error: OSError) -> None:
        self._room = 0.0
        self.notice = f"no instances are kept, maps stay empty: {self._folder}: {error.strerror}"

    def _drop(self) -> None:
        for writer in self._writers.values():
            with suppress(OSError):
                writer.path.unlink(missing_ok=True)
                writer.supersede()
            writer.close()
        self._writers.clear()
