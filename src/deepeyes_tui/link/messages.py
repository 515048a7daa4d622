"""What is said over the control socket: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from deepeyes_tui.link.errors import MessageError

__all__ = [
    "JSON",
    "MAX_LINE",
    "WATCHING",
    "Action",
    "Command",
    "MessageError",
    "Outcome",
    "decode_command",
    "decode_outcome",
    "encode",
]

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]
MAX_LINE = 65536
"""Bytes of a line, its end included."""
MAX_ACTION = 64
MAX_SENDER = 200
MAX_MESSAGE = 4000


class Action(StrEnum):
    """What a training can be asked to do.

    RESET takes `layer`, a name or None for all; FOCUS takes `layer`, a name or None for none.
    """

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    RESET = "reset"
    FOCUS = "focus"
    STATUS = "status"


WATCHING = frozenset({Action.FOCUS, Action.STATUS})
"""What steers the monitor alone, not the training: allowed in any run."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request to the training process. `id` returns in the outcome; `sender` is for the log."""

    action: str
    arguments: Mapping[str, JSON] = field(default_factory=dict)
    id: int = 0
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command, and at which step; -1 where no step is known."""

    id: int
    ok: bool
    message: str
    step: int = -1


def encode(message: Command | Outcome) -> bytes:
    """Return one line. Raises MessageError when it is too long or holds what JSON cannot say."""
    if isinstance(message, Command):
        plain: dict[str, object] = {
            "action": message.action,
            "arguments": dict(message.arguments),
            "id": message.id,
            "sender": message.sender[:MAX_SENDER],
        }
    else:
        text = message.message[:MAX_MESSAGE]
        plain = {"id": message.id, "ok": message.ok, "message": text, "step": message.step}
    try:
        line = json.dumps(plain).encode("ascii") + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError("this command cannot be written as JSON") from error
    if len(line) > MAX_LINE:
        raise MessageError(f"this command is longer than {MAX_LINE} bytes")
    return line


def decode_command(line: bytes) -> Command:
    """Return the command of a line. Raises MessageError."""
    plain = _object(line)
    action, arguments = plain.get("action"), plain.get("arguments", {})
    number, sender = plain.get("id", 0), plain.get("sender", "")
    if not isinstance(action, str) or not 0 < len(action) <= MAX_ACTION:
        raise MessageError("a command needs an action, such as pause")
    if not isinstance(arguments, dict):
        raise MessageError("the arguments of a command are an object")
    if not _is_integer(number) or not isinstance(sender, str):
        raise MessageError("the id of a command is a number and its sender a text")
    return Command(action, arguments, number, sender[:MAX_SENDER])  # type: ignore[arg-type]


def decode_outcome(line: bytes) -> Outcome:
    """Return the outcome of a line. Raises MessageError."""
    plain = _object(line)
    number, ok = plain.get("id"), plain.get("ok")
    message, step = plain.get("message"), plain.get("step", -1)
    if not (_is_integer(number) and _is_integer(step) and isinstance(ok, bool) and isinstance(message, str)):
        raise MessageError("the run answered with something else than an outcome")
    return Outcome(number, ok, message[:MAX_MESSAGE], step)  # type: ignore[arg-type]


def _object(line: bytes) -> dict[str, JSON]:
    if len(line) > MAX_LINE:
        raise MessageError(f"a line of more than {MAX_LINE} bytes is no message")
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MessageError("this line is no JSON") from error
    if not isinstance(plain, dict):
        raise MessageError("a message is one JSON object")
    return plain


def _is_integer(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63
