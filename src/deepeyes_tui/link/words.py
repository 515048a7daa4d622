"""The texts of tokens, kept beside the rings: a line a token, added as tokens are met, and read again by readers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepeyes_tui.link.files import open_own, read_all

WORDS = "words.jsonl"
LONGEST_PIECE = 200
"""Characters of a token's text that are kept."""
MOST_BYTES = 32 << 20
LABELS = "labels"
"""A line of this word says that labels are tokens too."""


@dataclass(frozen=True, slots=True)
class Words:
    """Texts by token id, ids of tokens that are no text (padding, ends), and whether labels are tokens."""

    pieces: dict[int, str] = field(default_factory=dict)
    special: frozenset[int] = frozenset()
    named_labels: bool = False


def encode_words(pieces: Iterable[tuple[int, str, bool]]) -> bytes:
    """Return lines for tokens: id, text, whether it is special."""
    lines = (json.dumps([number, piece[:LONGEST_PIECE], special]) for number, piece, special in pieces)
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def read_words(path: Path) -> Words:
    """Return what is known of tokens; nothing where there is no such file. Damaged lines are left out."""
    try:
        entries = _entries(_read(path))
    except OSError:
        return Words()
    pieces = {entry[0]: entry[1][:LONGEST_PIECE] for entry in entries if _is_piece(entry)}
    special = frozenset(entry[0] for entry in entries if _is_piece(entry) and entry[2])
    return Words(pieces, special, LABELS in entries)


def _entries(data: bytes) -> list[Any]:
    """Parse all lines at once, or each by itself where one is damaged."""
    lines = data.splitlines()
    try:
        return list(json.loads(b"[" + b",".join(lines) + b"]"))
    except (ValueError, RecursionError):
        return [entry for line in lines if (entry := _entry(line)) is not None]


def _entry(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _read(path: Path) -> bytes:
    fd = open_own(path)
    try:
        data = bytearray(min(os.fstat(fd).st_size, MOST_BYTES))
        return bytes(data) if read_all(fd, memoryview(data), 0) else b""
    finally:
        os.close(fd)


def _is_piece(entry: Any) -> bool:
    return isinstance(entry, list) and [type(part) for part in entry] == [int, str, bool]
