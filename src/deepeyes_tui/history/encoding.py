"""The arrays of a state as few bytes, no coarser than any view can show.

    length       4 bytes: of the head
    head         JSON: [name, shape, codec, planes] of every array
    planes       the bytes of each array's integers, the lowest bytes of all of them first

All of it deflated, by runs alone: twice as fast for planes that are mostly noise, and no larger.
What is written says itself how it is to be read, so that arrays that come or go do not matter.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.link.snapshot import ArraySpec, layer_arrays

Array = NDArray[Any]
Codes = NDArray[np.uint64]

FINE, COARSE = 65_000, 4_000
"""Steps of 1 for shares: of a layer, and of a filter. Views show tenths of a per cent."""
FILTER_SHARES = frozenset({"frequency"})
LENGTH = struct.Struct("<I")
ROUNDED = 12
"""Bits dropped from a float: 11 stay, which is a relative error of at most 2^-12."""
MAX_BYTES = 1 << 30
"""Of one state, unpacked."""
MAX_SIDE = 1 << 26
DAMAGED = "this state of the history is damaged"


def encode_arrays(arrays: Mapping[str, Array], step: int) -> bytes:
    """Return the arrays (`link.snapshot.layer_arrays`) as bytes; whole numbers are kept by their distance to `step`."""
    head, parts = [], []
    for name, array in arrays.items():
        codec, codes = _encoded(name, np.asarray(array), step)
        count = _planes(codes)
        planes = np.ascontiguousarray(codes.astype("<u8").reshape(-1, 1).view(np.uint8)[:, :count].T)
        head.append([name, list(np.shape(array)), codec, count])
        parts.append(planes.tobytes())
    text = json.dumps([step, head]).encode("ascii")
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return packer.compress(b"".join([LENGTH.pack(len(text)), text, *parts])) + packer.flush()


def decode_arrays(data: bytes, layers: int, filters: int) -> dict[str, Array]:
    """Return every array of today's boards, read-only; what was not written then is unknown. Raises HistoryError."""
    try:
        found = _unpacked(data)
    except (zlib.error, ValueError, KeyError, TypeError, struct.error, IndexError, OverflowError) as error:
        raise HistoryError(DAMAGED) from error
    return {spec.name: _fitted(found.get(spec.name), spec) for spec in layer_arrays(layers, filters)}


def _encoded(name: str, array: Array, step: int) -> tuple[str, Codes]:
    if array.dtype.kind == "b":
        return "flag", array.ravel().astype(np.uint64)
    if array.dtype.kind in "iu":
        return "whole", _folded(step - array.ravel().astype(np.int64))
    if name in {"maximum"} or not _is_share(array):
        return "float", _shortened(array)
    scale = COARSE if name in FILTER_SHARES else FINE
    return f"share{scale}", _quantised(array, scale)


def _is_share(array: Array) -> bool:
    known = array[~np.isnan(array)]
    return bool(((known >= 0) & (known <= 1)).all())


def _quantised(array: Array, scale: int) -> Codes:
    """Return 1 + the nearest of `scale` steps; 0 for NaN."""
    values = np.nan_to_num(array.ravel().astype(np.float64), nan=-1 / scale)
    return np.asarray(np.rint(values * scale) + 1).astype(np.uint64)


def _shortened(array: Array) -> Codes:
    """Return the upper bits of each float, rounded where that does not make it infinite."""
    bits = array.ravel().astype("<f4").view("<u4").astype(np.uint64)
    rounded = (bits + (1 << (ROUNDED - 1))) >> ROUNDED
    special = (rounded >> (23 - ROUNDED)) & 0xFF == 0xFF
    short = np.where(special, bits >> ROUNDED, rounded)
    return np.where(np.isnan(array.ravel()), 0x7FC00000 >> ROUNDED, short).astype(np.uint64)


def _folded(values: NDArray[np.int64]) -> Codes:
    """Return signed numbers as unsigned ones, small where they are small."""
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def _planes(codes: Codes) -> int:
    return (int(codes.max()).bit_length() + 7) // 8 if codes.size else 0


def _unpacked(data: bytes) -> dict[str, Array]:
    plain = zlib.decompressobj().decompress(data, MAX_BYTES)
    (length,) = LENGTH.unpack_from(plain)
    step, head = json.loads(plain[LENGTH.size : LENGTH.size + length])
    at, found = LENGTH.size + length, {}
    for name, shape, codec, count in head:
        if not all(0 <= side <= MAX_SIDE for side in shape) or not 0 <= count <= 8:
            raise ValueError("no shape")
        size = math.prod(shape)
        raw = np.frombuffer(plain, np.uint8, size * count, at).reshape(count, size)
        codes = np.zeros((size, 8), np.uint8)
        codes[:, :count] = raw.T
        found[name] = _decoded(codec, codes.view("<u8")[:, 0], step).reshape(shape)
        at += size * count
    return found


def _decoded(codec: str, codes: Codes, step: int) -> Array:
    if codec == "flag":
        return np.asarray(codes != 0)
    if codec == "whole":
        return np.asarray(step - ((codes >> np.uint64(1)).view(np.int64) ^ -(codes & np.uint64(1)).view(np.int64)))
    if codec == "float":
        return np.asarray((codes << np.uint64(ROUNDED)).astype("<u4").view("<f4"))
    scale = int(codec.removeprefix("share"))
    return np.where(codes == 0, np.nan, (codes.astype(np.float64) - 1) / scale).astype(np.float32)


def _fitted(array: Array | None, spec: ArraySpec) -> Array:
    """Return the array within the spec's bounds and type; where there is none, or none that fits, unknown values."""
    if array is None or array.shape != spec.shape:
        array = np.full(spec.shape, np.nan if spec.dtype == "<f4" and spec.nan else spec.low)
    if spec.dtype == "|b1":
        kept = array.astype(bool)
    else:
        low, high = (int(spec.low), int(spec.high)) if "i" in spec.dtype else (spec.low, spec.high)
        kept = np.clip(array, low, high).astype(spec.dtype)
    if not spec.nan:
        kept = np.nan_to_num(kept, copy=False, nan=spec.low)
    kept.flags.writeable = False
    return kept
