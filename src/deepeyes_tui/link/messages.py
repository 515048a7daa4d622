"""What is said over the control socket: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from deepeyes_tui.link.errors import MessageError

__all__ = [
    "GROWTHS",
    "HYPERPARAMETERS",
    "JSON",
    "MAX_LINE",
    "SURGERY",
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
MAX_LINE = 1 << 18
"""Bytes of a line, its end included: the preview of an operation on a network of hundreds of layers fits."""
MAX_ACTION = 64
MAX_SENDER = 200
MAX_MESSAGE = 4000


class Action(StrEnum):
    """What a training can be asked to do, and its arguments.

    RESET: `layer`, a name or None for all. FOCUS: `layer`, a name or None for none.
    HOLD: `seconds`, in which the training waits as if paused, 0 ends that, and `by`, a name of whoever looks at a
    preview meanwhile: nothing is lost with him, and others' holds stay. RESUME ends all of them.
    PLAN: `action`, one of `SURGERY`, and its arguments; nothing is done, the details are a preview (`link.preview`).
    PRUNE: `filters`, an object from layers' names to lists of filters. GROW: `layer`, `count`, `how` (one of
    `GROWTHS`), `source`, a filter or None. ADD_LAYER, DROP_LAYER: `layer`.
    All of `SURGERY` take `structure`, the generation of the board that the sender has seen (None: any), `inexact`
    (true: also where the output cannot stay what masking would make it) and `copies` (false: copies of the model, such
    as averages, are left as they are).
    FREEZE, UNFREEZE: `layer`, `filters`, a list or None for all, `structure` as above.
    SET: `name`, one of `HYPERPARAMETERS`, and `value`.
    UNDO takes back the last of `SURGERY`; `structure` as above. SAVE writes a checkpoint.
    SETTINGS: the details are `link.preview.Settings`.
    ROOT: `root`, one of the status' roots: watch that model from the next step on.
    """

    PAUSE = "pause"
    RESUME = "resume"
    HOLD = "hold"
    STOP = "stop"
    RESET = "reset"
    FOCUS = "focus"
    STATUS = "status"
    PLAN = "plan"
    PRUNE = "prune"
    GROW = "grow"
    ADD_LAYER = "add-layer"
    DROP_LAYER = "drop-layer"
    UNDO = "undo"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    SET = "set"
    SAVE = "save"
    SETTINGS = "settings"
    ROOT = "root"


WATCHING = frozenset({Action.FOCUS, Action.STATUS, Action.SETTINGS, Action.ROOT})
"""What steers the monitor alone, not the training: allowed in any run."""
SURGERY = (Action.PRUNE, Action.GROW, Action.ADD_LAYER, Action.DROP_LAYER)
"""What changes the network's shape."""
HYPERPARAMETERS = ("lr", "momentum", "betas", "weight_decay", "batch_size")
GROWTHS = ("random", "split", "random outgoing")
"""New filters at random with outgoing weights of nought; a filter split in two; all weights at random."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request to the training process. `id` returns in the outcome; `sender` is for the log."""

    action: str
    arguments: Mapping[str, JSON] = field(default_factory=dict)
    id: int = 0
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command, and at which step; -1 where no step is known. `details`: what it asked for."""

    id: int
    ok: bool
    message: str
    step: int = -1
    details: Mapping[str, JSON] = field(default_factory=dict)


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
        if message.details:
            plain["details"] = dict(message.details)
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
    message, step, details = plain.get("message"), plain.get("step", -1), plain.get("details", {})
    whole = _is_integer(number) and _is_integer(step) and isinstance(details, dict)
    if not (whole and isinstance(ok, bool) and isinstance(message, str)):
        raise MessageError("the run answered with something else than an outcome")
    return Outcome(number, ok, message[:MAX_MESSAGE], step, details)  # type: ignore[arg-type]


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
