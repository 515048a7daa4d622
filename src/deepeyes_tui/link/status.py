"""The status of a run as JSON in bounded room, and back with every field checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from deepeyes_tui.link.snapshot import RunState, Status

MAX_NOTICES = 64
MAX_NOTICE = 2000
MAX_DEVICE = 200
MAX_ROOTS = 16
MAX_SUMMARY = 600
MAX_SERIES_NAME = 200

FIELDS = fields(Status)
Curves = tuple[tuple[str, int], ...]
"""Name and number of points of each curve."""


def encode_status(status: Status, curves: Curves, room: int) -> bytes:
    """Return JSON of at most `room` bytes; texts are cut as far as needed, the newest notices stay longest."""
    names = tuple((name[:MAX_SERIES_NAME], points) for name, points in curves)
    status = _bounded(status)
    longest = MAX_NOTICE
    while True:
        data = _dump(status, names, longest)
        if len(data) <= room:
            return data
        if longest > 40:
            longest //= 2
        elif status.notices:
            status = replace(status, notices=status.notices[1:])
        else:
            names = tuple((name[: len(name) // 2], points) for name, points in names)
            status = _shortened(status)


def _shortened(status: Status) -> Status:
    halves = {name: (text := getattr(status, name))[: len(text) // 2] for name in ("device", "root", "summary")}
    return replace(status, **halves, roots=status.roots[: len(status.roots) // 2])


def _bounded(status: Status) -> Status:
    return replace(
        status,
        device=status.device[:MAX_DEVICE],
        notices=status.notices[-MAX_NOTICES:],
        roots=tuple(name[:MAX_DEVICE] for name in status.roots[:MAX_ROOTS]),
        root=status.root[:MAX_DEVICE],
        summary=_cut(status.summary, MAX_SUMMARY),
    )


def _dump(status: Status, curves: Curves, longest: int) -> bytes:
    plain = {entry.name: getattr(status, entry.name) for entry in FIELDS}
    plain["notices"] = [_cut(notice, longest) for notice in status.notices]
    return json.dumps({"status": plain, "series": curves}, default=_plain_number).encode("ascii")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _plain_number(value: Any) -> Any:
    """Turn NumPy's numbers into Python's."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no number or text")


def decode_status(data: bytes, most_curves: int, most_points: int) -> tuple[Status, Curves]:
    """Return status and curves. A field that means nothing has its default. Raises ValueError."""
    try:
        plain = json.loads(data)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(plain, dict) or not isinstance(plain.get("status"), dict):
        raise ValueError("no status")
    return _status(plain["status"]), _curves(plain.get("series"), most_curves, most_points)


def _curves(plain: object, most_curves: int, most_points: int) -> Curves:
    if not isinstance(plain, list) or len(plain) > most_curves:
        raise ValueError("no list of curves")
    return tuple(_curve(entry, most_points) for entry in plain)


def _curve(entry: object, most_points: int) -> tuple[str, int]:
    match entry:
        case [str(name), int(points)] if 0 <= points <= most_points:
            return name[:MAX_SERIES_NAME], int(points)
    raise ValueError("no curve")


def _status(plain: Mapping[str, object]) -> Status:
    found: dict[str, Any] = {}
    for entry in FIELDS:
        value = _checked(entry.name, entry.default, plain.get(entry.name))
        if value is not None:
            found[entry.name] = value
    return Status(**found)


def _checked(name: str, default: object, value: object) -> object:
    """Return the value if it is of the default's kind, else None."""
    if name == "state":
        return RunState(value) if isinstance(value, str) and value in list(RunState) else None
    if name == "notices":
        return _texts(value, MAX_NOTICES, MAX_NOTICE)
    if name == "roots":
        return _texts(value, MAX_ROOTS, MAX_DEVICE)
    if isinstance(default, str):
        longest = MAX_SUMMARY if name == "summary" else MAX_DEVICE
        return value[:longest] if isinstance(value, str) else None
    if type(value) is int and -1 <= value < 2**63:
        return value if isinstance(default, int) else float(value)
    return value if isinstance(default, float) and isinstance(value, float) else None


def _texts(value: object, most: int, longest: int) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(text[:longest] for text in value[:most] if isinstance(text, str))
