"""Where everything lies on a board: header, description, four slots. The one place that knows.

    header       HEADER_ROOM bytes: magic, version, sizes, then two words that change: latest sequence, superseded
    description  JSON: run, layers, labels; checked by its CRC-32
    slots        SLOTS times: sequence, checksum, lengths, status JSON in STATUS_ROOM bytes, arrays, curves

A slot's sequence is odd while it is written. Its checksum covers all that follows and starts from the sequence.
CRC-32 rather than Adler-32: 16 against 23 microseconds for the 60 kB of LeNet, 1.1 against 1.3 ms for 4 MB.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepeyes_tui.link.errors import BoardError
from deepeyes_tui.link.snapshot import ArraySpec, LayerInfo, layer_arrays

MAGIC = b"DEEPEYES"
VERSION = 2
SLOTS = 4
STATUS_ROOM = 16384
SERIES_SLOTS = 8
SERIES_POINTS = 1024
SERIES_DTYPES: tuple[np.dtype[Any], ...] = (np.dtype("<i8"), np.dtype("<f4"), np.dtype("<i8"))
"""Step, value, nonfinite: three arrays of SERIES_POINTS each."""
SERIES_BYTES = SERIES_POINTS * sum(dtype.itemsize for dtype in SERIES_DTYPES)

HEADER = struct.Struct("<8sIIQQIIQQ")
"""Magic, version, slots, generation, description's offset, length and CRC, bytes of a slot, offset of the slots."""
LATEST_AT, SUPERSEDED_AT, HEADER_ROOM = 64, 72, 128
SLOT = struct.Struct("<QIIQ")
"""Sequence (odd while writing), checksum, length of the status, bytes in use from the slot's start."""
CHECKED_FROM = 12
"""Where the checked part of a slot starts: behind sequence and checksum."""
ARRAYS_AT = SLOT.size + STATUS_ROOM

MAX_DESCRIPTION = 64 << 20
MAX_LAYERS = 1 << 16
MAX_FILTERS = 1 << 26
MAX_TEXT = 4096
"""Characters of a name."""
MAX_ALSO = 64
"""Further names of a layer."""


@dataclass(frozen=True, slots=True)
class Description:
    """What does not change during one generation of a board."""

    run: str
    layers: tuple[LayerInfo, ...]
    labels: tuple[str, ...]

    @property
    def filters(self) -> int:
        """Filters of all layers."""
        return sum(layer.filters for layer in self.layers)

    def encode(self) -> bytes:
        """Return it as JSON; names longer than MAX_TEXT are cut."""
        layers = [{**asdict(layer), "name": layer.name[:MAX_TEXT], "also": _cut(layer.also)} for layer in self.layers]
        labels = [label[:MAX_TEXT] for label in self.labels]
        return json.dumps({"run": self.run[:MAX_TEXT], "layers": layers, "labels": labels}).encode("ascii")


@dataclass(frozen=True, slots=True)
class Header:
    """The part of the header that stays."""

    generation: int
    description_length: int
    description_crc: int
    slot_bytes: int

    @property
    def slots_at(self) -> int:
        """Offset of the first slot, a multiple of 4096."""
        return slots_at(self.description_length)

    @property
    def size(self) -> int:
        """Bytes of the whole board."""
        return self.slots_at + SLOTS * self.slot_bytes

    def encode(self) -> bytes:
        """Return its bytes, HEADER_ROOM of them."""
        fields = (self.generation, HEADER_ROOM, self.description_length, self.description_crc)
        packed = HEADER.pack(MAGIC, VERSION, SLOTS, *fields, self.slot_bytes, self.slots_at)
        return packed.ljust(HEADER_ROOM, b"\0")


def slots_at(description_length: int) -> int:
    """Return where the slots start."""
    return (HEADER_ROOM + description_length + 4095) // 4096 * 4096


def decode_header(data: bytes) -> Header:
    """Return the header. Raises BoardError."""
    if len(data) < HEADER_ROOM or not data.startswith(MAGIC):
        raise BoardError("this file is not a board of deepeyes_tui")
    _, version, slots, generation, at, length, crc, slot_bytes, first = HEADER.unpack_from(data)
    if version != VERSION:
        raise BoardError(
            f"this board has layout {version} and this viewer reads layout {VERSION}: "
            "use the same version of deepeyes_tui on both sides"
        )
    header = Header(generation, length, crc, slot_bytes)
    sound = slots == SLOTS and at == HEADER_ROOM and length <= MAX_DESCRIPTION and first == header.slots_at
    if not sound:
        raise BoardError("the board's header is damaged")
    return header


def decode_description(data: bytes, header: Header) -> Description:
    """Return the description. Raises BoardError."""
    if len(data) != header.description_length or zlib.crc32(data) != header.description_crc:
        raise BoardError("the board's description is damaged")
    try:
        plain = json.loads(data)
        layers = tuple(_layer(entry) for entry in plain["layers"][: MAX_LAYERS + 1])
        description = Description(_text(plain["run"]), layers, tuple(map(_text, plain["labels"])))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BoardError("the board's description is damaged") from error
    _check_offsets(description)
    if slot_size(len(layers), description.filters) != header.slot_bytes:
        raise BoardError("the board's description does not fit its size")
    return description


def _check_offsets(description: Description) -> None:
    offset = 0
    for layer in description.layers:
        if layer.offset != offset or layer.filters < 0:
            raise BoardError("the board's description is damaged")
        offset += layer.filters
    if offset > MAX_FILTERS or len(description.layers) > MAX_LAYERS:
        raise BoardError("the board describes more layers or filters than can be shown")


def _layer(entry: Mapping[str, object]) -> LayerInfo:
    return LayerInfo(
        name=_text(entry["name"]),
        kind=_text(entry["kind"]),
        filters=_count(entry["filters"]),
        offset=_count(entry["offset"]),
        parameters=_count(entry["parameters"]),
        output_point=_text(entry["output_point"]),
        receptive_field=_counts(entry["receptive_field"]),
        grid=_counts(entry["grid"]),
        positions_per_input=_count(entry["positions_per_input"]),
        unit=_text(entry["unit"]),
        signed=_flag(entry["signed"]),
        frozen=_flag(entry["frozen"]),
        calls=_count(entry["calls"]),
        also=_texts(entry["also"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value[:MAX_TEXT]


def _cut(names: tuple[str, ...]) -> list[str]:
    return [name[:MAX_TEXT] for name in names[:MAX_ALSO]]


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(map(_text, value[:MAX_ALSO]))


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError("not a flag")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("not a count")
    return value


def _counts(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(map(_count, value))


def place_arrays(layers: int, filters: int) -> Iterator[tuple[ArraySpec, int]]:
    """Yield each array of a slot with its offset from the slot's start, a multiple of 8."""
    at = ARRAYS_AT
    for spec in layer_arrays(layers, filters):
        yield spec, at
        at += _padded(array_bytes(spec))


def array_bytes(spec: ArraySpec) -> int:
    """Return the bytes of one array."""
    return math.prod(spec.shape) * np.dtype(spec.dtype).itemsize


def series_at(layers: int, filters: int) -> int:
    """Return where the curves start in a slot."""
    return ARRAYS_AT + sum(_padded(array_bytes(spec)) for spec in layer_arrays(layers, filters))


def slot_size(layers: int, filters: int) -> int:
    """Return the bytes of one slot."""
    return series_at(layers, filters) + SERIES_SLOTS * SERIES_BYTES


def _padded(size: int) -> int:
    return (size + 7) // 8 * 8
