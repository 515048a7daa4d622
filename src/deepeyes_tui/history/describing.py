"""The layers and labels of one structure of the model as bytes, and back, whatever version wrote them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any

from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.link.snapshot import LayerInfo

MAX_BYTES = 64 << 20
DAMAGED = "the description of the layers is damaged"


def encode_description(layers: Sequence[LayerInfo], labels: Sequence[str]) -> bytes:
    """Return both, deflated."""
    plain = {"layers": [asdict(layer) for layer in layers], "labels": list(labels)}
    return zlib.compress(json.dumps(plain).encode("ascii"), 6)


def decode_description(data: bytes) -> tuple[tuple[LayerInfo, ...], tuple[str, ...]]:
    """Return layers and labels; a field that was not written then has its default. Raises HistoryError."""
    try:
        plain = json.loads(zlib.decompressobj().decompress(data, MAX_BYTES))
        layers = tuple(_layer(entry) for entry in plain["layers"])
        labels = tuple(map(str, plain["labels"]))
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HistoryError(DAMAGED) from error
    offset = 0
    for layer in layers:
        if layer.offset != offset or layer.filters < 0:
            raise HistoryError(DAMAGED)
        offset += layer.filters
    return layers, labels


def _layer(entry: Mapping[str, Any]) -> LayerInfo:
    known = {}
    for field in fields(LayerInfo):
        value, default = entry.get(field.name, field.default), field.default
        value = tuple(value) if isinstance(value, list) else value
        expected = {"name": str, "kind": str, "filters": int}.get(field.name) or type(default)
        if value is MISSING or type(value) is not expected:
            if default is MISSING:
                raise ValueError(field.name)
            value = default
        known[field.name] = value
    return LayerInfo(**known)
