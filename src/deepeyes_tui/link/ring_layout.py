"""Where everything lies in a ring of instances: header, description, rows. The one place that knows.

    header       HEADER_ROOM bytes: magic, version, sizes, then words that change: begun, done, superseded, focused
    description  JSON: layer, sizes; checked by its CRC-32
    rows         `capacity` at most, as many as were written: row `n` at place `n % capacity`, with `n + 1` in it

`begun` and `done` count rows. The writer raises `begun` before it touches a place and `done` after it.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from deepeyes_tui.link.errors import RingError
from deepeyes_tui.link.excerpts import CURVE, MOST_COLUMNS, MOST_CURVES, SPAN, TOKENS, InputKind
from deepeyes_tui.link.instances import LARGEST_THUMBNAIL

MAGIC = b"DEEPRING"
VERSION = 2
HEADER = struct.Struct("<8sIIQIIQ")
"""Magic, version, capacity, generation, the description's length and CRC, bytes of a row."""
BEGUN_AT, DONE_AT, SUPERSEDED_AT, FOCUSED_AT, HEADER_ROOM = 64, 72, 80, 88, 128
COUNTERS = struct.Struct("<QQ")

MOST_ROWS = 8192
MOST_BYTES = 128 << 20
"""Of all rows of one ring, unless it is a ring of a single row."""
LARGEST_ROW = 64 << 20
MAX_NAME = 4096
LONGEST_COLUMN = 32
"""Characters of a column's name that are kept: all of them have room in the description."""
MAX_DESCRIPTION = 1 << 16
MAX_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class RingSpec:
    """What a ring holds: `filters` activations and `patch` inputs of the layer in a row, a thumbnail `(h, w, c)`, or so
    many `tokens`, or `values` of a signal `(C, W)` or of a table `(1, D)` whose columns have `names`.
    """

    layer: str
    generation: int
    filters: int
    patch: int
    thumbnail: tuple[int, int, int] = (0, 0, 0)
    input_size: tuple[int, ...] = ()
    kind: InputKind = InputKind.NONE
    tokens: int = 0
    values: tuple[int, int] = (0, 0)
    names: tuple[str, ...] = ()

    @property
    def row(self) -> np.dtype[Any]:
        """One row, its fields aligned as C does."""
        return _row(self.filters, self.patch, self.thumbnail, self.tokens, self.values)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(self.row.itemsize)

    def check(self) -> None:
        """Raise ValueError for sizes that make no sense."""
        h, w, c = self.thumbnail
        pictures = 1 <= h <= LARGEST_THUMBNAIL and 1 <= w <= LARGEST_THUMBNAIL and c in (1, 3)
        if not (pictures or (h, w, c) == (0, 0, 0)):
            raise ValueError(f"a thumbnail is at most 32 by 32 pixels with 1 or 3 channels, not {self.thumbnail}")
        if not (0 <= self.filters <= MAX_COUNT and 0 <= self.patch <= MAX_COUNT and self.generation >= 0):
            raise ValueError("filters, inputs and the generation are counts")
        if len(self.input_size) not in (0, 2) or not all(1 <= size <= MAX_COUNT for size in self.input_size):
            raise ValueError(f"the size of the input is (height, width) or (), not {self.input_size}")
        self._check_excerpts()
        if 2 * (self.filters + self.patch) > LARGEST_ROW:
            raise ValueError("one instance of this layer is too large to be kept")

    def _check_excerpts(self) -> None:
        table = self.kind is InputKind.TABLE
        most = (1, MOST_COLUMNS) if table else (MOST_CURVES, CURVE)
        if self.tokens not in (0, TOKENS):
            raise ValueError(f"an instance of text has {TOKENS} tokens, not {self.tokens}")
        if any(size > limit for size, limit in zip(self.values, most, strict=True)):
            raise ValueError(f"an instance has at most {most} values, not {self.values}")
        if len(self.names) > MOST_COLUMNS or not all(isinstance(name, str) for name in self.names):
            raise ValueError(f"a table has at most {MOST_COLUMNS} names of columns")


@lru_cache(maxsize=1024)
def _row(
    filters: int, patch: int, thumbnail: tuple[int, int, int], tokens: int, values: tuple[int, int]
) -> np.dtype[Any]:
    return np.dtype(
        [
            ("number", "<i8"),
            ("steps", "<i8"),
            ("labels", "<i4"),
            ("inputs", "<i4"),
            ("positions", "<i2", (2,)),
            ("boxes", "<i2", (4,)),
            ("spans", "<i4", (SPAN if tokens or values[1] else 0,)),
            ("tokens", "<i4", (tokens,)),
            ("values", "<f4", values),
            ("activations", "<f2", (filters,)),
            ("patches", "<f2", (patch,)),
            ("thumbnails", "|u1", thumbnail),
        ],
        align=True,
    )


@dataclass(frozen=True, slots=True)
class RingHeader:
    """The part of the header that stays."""

    capacity: int
    spec: RingSpec
    rows_at: int


def encode_header(spec: RingSpec, capacity: int) -> bytes:
    """Return header and description, up to where the rows start. Raises ValueError."""
    spec.check()
    check_capacity(capacity, spec.row_bytes)
    short = {"layer": spec.layer[:MAX_NAME], "names": [name[:LONGEST_COLUMN] for name in spec.names]}
    text = json.dumps(asdict(spec) | short).encode("ascii")
    packed = HEADER.pack(MAGIC, VERSION, capacity, spec.generation, len(text), zlib.crc32(text), spec.row_bytes)
    return (packed.ljust(HEADER_ROOM, b"\0") + text).ljust(rows_at(len(text)), b"\0")


def check_capacity(capacity: int, row_bytes: int) -> None:
    """Raise ValueError for more rows than a ring may have."""
    if not 1 <= capacity <= MOST_ROWS or (capacity > 1 and capacity * row_bytes > MOST_BYTES):
        raise ValueError(f"a ring has 1 to {MOST_ROWS} rows in at most {MOST_BYTES >> 20} MiB")


def rows_at(description_length: int) -> int:
    """Return where the rows start, a multiple of 64."""
    return (HEADER_ROOM + description_length + 63) // 64 * 64


def description_length(data: bytes) -> int:
    """Return how long the description behind this header is. Raises RingError."""
    if len(data) < HEADER_ROOM or not data.startswith(MAGIC):
        raise RingError("this file is not a ring of instances of deepeyes_tui")
    _, version, _, _, length, _, _ = HEADER.unpack_from(data)
    if version != VERSION:
        raise RingError(
            f"this ring of instances has layout {version} and this viewer reads layout {VERSION}: "
            "use the same version of deepeyes_tui on both sides"
        )
    if length > MAX_DESCRIPTION:
        raise RingError("the header of the instances is damaged")
    return int(length)


def decode_header(data: bytes, text: bytes) -> RingHeader:
    """Return what header and description say together. Raises RingError."""
    _, _, capacity, generation, length, crc, row_bytes = HEADER.unpack_from(data)
    if len(text) != length or zlib.crc32(text) != crc:
        raise RingError("the description of the instances is damaged")
    try:
        spec = _spec(json.loads(text))
        spec.check()
        check_capacity(capacity, spec.row_bytes)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RingError("the description of the instances is damaged") from error
    if spec.row_bytes != row_bytes or spec.generation != generation:
        raise RingError("the description of the instances does not fit their header")
    return RingHeader(capacity, spec, rows_at(length))


def _spec(plain: Any) -> RingSpec:
    layer, (h, w, c), (curves, length) = plain["layer"], map(_count, plain["thumbnail"]), map(_count, plain["values"])
    if not isinstance(layer, str):
        raise TypeError("not a description")
    return RingSpec(
        layer=layer[:MAX_NAME],
        generation=_count(plain["generation"]),
        filters=_count(plain["filters"]),
        patch=_count(plain["patch"]),
        thumbnail=(h, w, c),
        input_size=tuple(map(_count, plain["input_size"])),
        kind=InputKind(plain["kind"]),
        tokens=_count(plain["tokens"]),
        values=(curves, length),
        names=tuple(plain["names"]),
    )


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("not a count")
    return value
