"""How a board lies in its file: a header, a description in JSON, four slots written in turn."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepeyes_tui.link.snapshot import ArraySpec, LayerInfo, layer_arrays

MAGIC = b"DEEPEYES"
VERSION = 1
SLOTS = 4
STATUS_ROOM = 16384
MOST_SERIES = 8
SERIES_POINTS = 1024
MOST_LAYERS = 100_000
MOST_FILTERS = 50_000_000
ALIGNMENT = 64

HEADER = struct.Struct("<8sIIQQIIQQQ")
"""Magic, version, generation, description's place and length, its checksum, slots, a slot's bytes, place of the first,
file size.
"""
NEWEST = struct.Struct("<QQ")
"""Behind the header: number of the newest publication (0: none), and 1 where another board has taken the place."""
SLOT = struct.Struct("<QQII")
"""At the start of a slot: number at the beginning and at the end of writing (equal: whole), checksum, status bytes."""
NEWEST_AT = 96
DESCRIPTION_AT = 128


class BoardError(Exception):
    """Why a file is no board that can be read, in a sentence."""


@dataclass(frozen=True, slots=True)
class Description:
    """What does not change within a generation."""

    run: str
    layers: tuple[LayerInfo, ...]
    labels: tuple[str, ...]

    def arrays(self) -> tuple[ArraySpec, ...]:
        """Return the arrays of a slot in their order."""
        filters = sum(layer.filters for layer in self.layers)
        series = (
            ArraySpec("series_step", "<i8", (MOST_SERIES, SERIES_POINTS), 0, float(2**53)),
            ArraySpec("series_value", "<f4", (MOST_SERIES, SERIES_POINTS), -3.4e38, 3.4e38),
            ArraySpec("series_nonfinite", "<i8", (MOST_SERIES, SERIES_POINTS), 0, float(2**53)),
        )
        return (*layer_arrays(len(self.layers), filters), *series)

    def places(self) -> tuple[dict[str, int], int]:
        """Return where each array starts within a slot, and the bytes of a slot."""
        places, end = {}, SLOT.size + STATUS_ROOM
        for spec in self.arrays():
            places[spec.name] = end = _aligned(end)
            end += int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
        return places, _aligned(end)

    def encode(self) -> bytes:
        """Return it as JSON."""
        layers = [asdict(layer) for layer in self.layers]
        return json.dumps({"run": self.run, "layers": layers, "labels": self.labels}).encode()


def decode_description(text: bytes) -> Description:
    """Read a description, taking nothing on trust. Raises BoardError."""
    try:
        fields = json.loads(text)
        layers = tuple(_layer(layer) for layer in _list(fields["layers"]))
        labels = tuple(str(label) for label in _list(fields["labels"]))
        description = Description(str(fields["run"]), layers, labels)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise BoardError("the board's description cannot be read") from None
    _check_offsets(description.layers)
    return description


def _check_offsets(layers: Sequence[LayerInfo]) -> None:
    offset = 0
    for layer in layers:
        if layer.offset != offset or not 0 <= layer.filters <= MOST_FILTERS:
            raise BoardError("the board's description contradicts itself")
        offset += layer.filters
    if len(layers) > MOST_LAYERS or offset > MOST_FILTERS:
        raise BoardError("the board's description is larger than any model")


def _layer(fields: dict[str, Any]) -> LayerInfo:
    return LayerInfo(
        name=str(fields["name"]),
        kind=str(fields["kind"]),
        filters=int(fields["filters"]),
        offset=int(fields["offset"]),
        parameters=int(fields["parameters"]),
        output_point=str(fields["output_point"]),
        receptive_field=tuple(map(int, _list(fields["receptive_field"]))),
        grid=tuple(map(int, _list(fields["grid"]))),
        positions_per_input=int(fields["positions_per_input"]),
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _aligned(place: int) -> int:
    return -(-place // ALIGNMENT) * ALIGNMENT
