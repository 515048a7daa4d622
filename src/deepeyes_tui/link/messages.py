"""Commands to a training process and its answers: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

MAX_LINE = 65536
"""Bytes; a longer line is no message."""


class MessageError(ValueError):
    """What is wrong with a line, in a sentence."""


class Action(StrEnum):
    """What can be asked of a training run."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    RESET = "reset"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Command:
    """`action` with its arguments; `id` comes back with the answer, `sender` says who asks, for the log."""

    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the command `id`: a sentence, and the step at which it was carried out (-1: never)."""

    id: int
    ok: bool
    message: str
    step: int = -1


def encode(message: Command | Outcome) -> bytes:
    """Return a message as one line."""
    return json.dumps(asdict(message), ensure_ascii=True, default=str).encode() + b"\n"


def decode_command(line: bytes) -> Command:
    """Read a command. Raises MessageError."""
    fields = _object(line)
    action, arguments = fields.get("action"), fields.get("arguments", {})
    number, sender = fields.get("id", 0), fields.get("sender", "")
    if not isinstance(action, str) or not isinstance(arguments, dict):
        raise MessageError('a command is {"action": "...", "arguments": {...}}')
    if not isinstance(number, int) or not isinstance(sender, str):
        raise MessageError("a command's id is a number and its sender a text")
    return Command(action[:64], arguments, number, sender[:64])


def decode_outcome(line: bytes) -> Outcome:
    """Read an answer. Raises MessageError."""
    fields = _object(line)
    try:
        return Outcome(int(fields["id"]), bool(fields["ok"]), str(fields["message"]), int(fields["step"]))
    except (KeyError, TypeError, ValueError):
        raise MessageError("the answer is not one of a deepeyes run") from None


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise MessageError(f"a message is one line of at most {MAX_LINE} bytes")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("a message is one JSON object a line") from None
    if not isinstance(fields, dict):
        raise MessageError("a message is one JSON object a line")
    return fields
