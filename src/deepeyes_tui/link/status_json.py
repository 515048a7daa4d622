"""The run's status and the names of its curves, as JSON in a slot's room."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from deepeyes_tui.link.layout import MOST_SERIES, SERIES_POINTS, STATUS_ROOM
from deepeyes_tui.link.snapshot import RunState, Series, Status

LONGEST_NOTICE = 500
MOST_NOTICES = 8
LONGEST_NAME = 64


def encode_status(status: Status, series: Sequence[Series]) -> bytes:
    """Return both as JSON that fits the room; long texts are cut."""
    values = asdict(status)
    values["notices"] = [notice[:LONGEST_NOTICE] for notice in status.notices[:MOST_NOTICES]]
    values["device"] = status.device[:LONGEST_NAME]
    curves = [[curve.name[:LONGEST_NAME], min(len(curve.step), SERIES_POINTS)] for curve in series[:MOST_SERIES]]
    text = json.dumps({"status": values, "series": curves}).encode()
    if len(text) > STATUS_ROOM:
        values["notices"] = []
        text = json.dumps({"status": values, "series": curves}).encode()
    return text


def decode_status(text: bytes) -> tuple[Status, list[tuple[str, int]]]:
    """Read both, taking nothing on trust. Raises ValueError."""
    try:
        found = json.loads(text)
        given = found["status"]
        values = {field.name: _value(field.name, given[field.name]) for field in fields(Status)}
        series = [(str(name)[:LONGEST_NAME], int(length)) for name, length in found["series"]]
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no status: {error}") from None
    if len(series) > MOST_SERIES or any(not 0 <= length <= SERIES_POINTS for _, length in series):
        raise ValueError("no status: curves longer than their room")
    return Status(**values), series


def _value(name: str, value: Any) -> Any:
    match name:
        case "state":
            return RunState(value)
        case "notices":
            return tuple(str(notice)[:LONGEST_NOTICE] for notice in list(value)[:MOST_NOTICES])
        case "device":
            return str(value)[:LONGEST_NAME]
        case "step" | "observed_steps" | "observed_every" | "gpu_memory" | "gpu_memory_total":
            return min(max(int(value), 0), 2**53)
    number = float(value)
    return number if math.isfinite(number) and abs(number) < 1e300 else float("nan")
