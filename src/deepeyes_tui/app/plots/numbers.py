"""Numbers and names as short, harmless text."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import Final

from rich.cells import cell_len

LONGEST: Final = 2000
"""Characters of a name that are looked at."""
ESCAPE: Final = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # operating system commands: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c|$)"  # device control and other strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # control sequences: colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me", "Zl", "Zp"})
FLAG_A: Final = 0x1F1E6
SKIN_TONES: Final = range(0x1F3FB, 0x1F400)


def unknown(ascii: bool = False) -> str:
    """Return what stands for a number that is not known."""
    return "-" if ascii else "\N{EN DASH}"


def short(number: float, *, ascii: bool = False) -> str:
    """Return a number in at most three significant digits: `0.0123`, `1.2k`, `3.4M`."""
    if math.isnan(number):
        return unknown(ascii)
    if math.isinf(number):
        return ("-" if number < 0 else "") + ("inf" if ascii else "∞")
    size = abs(number)
    if size == 0:
        return "0"
    if size < 1e-3:
        return re.sub(r"e([+-])0*", lambda e: "e" + e[1].strip("+"), f"{number:.2g}")
    for factor, letter in ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")):
        if size < 999.5 * factor:
            return f"{number / factor:.3g}{letter}"
    return re.sub(r"e\+?0*", "e", f"{number:.1e}")


def percent(share: float, *, ascii: bool = False) -> str:
    """Return a share of 1 as `37%`, `3.4%`, `<0.1%`; 0 and 100 % are written only when they are exact."""
    if not math.isfinite(share):
        return unknown(ascii)
    size, sign = abs(share) * 100, "-" if share < 0 else ""
    if 0 < size < 0.1:
        return f"{sign}<0.1%" if not sign else "-0.1%"
    if 99 < size < 100:
        return f"{sign}{math.floor(size * 10) / 10:.3g}%"
    if size >= 9.95:
        return f"{sign}{size:.0f}%" if size < 1e5 else f"{sign}{size:.1g}%"
    return f"{sign}{size:.1f}".removesuffix(".0") + "%"


def ago(seconds: float, *, ascii: bool = False) -> str:
    """Return a time span until now: `now`, `12s ago`, `3min ago`, `5h ago`, `2d ago`."""
    if not math.isfinite(seconds):
        return unknown(ascii)
    if seconds < 1:
        return "now"
    for length, letter, more in ((1, "s", 60), (60, "min", 60), (3600, "h", 48)):
        if seconds < length * more:
            return f"{int(seconds / length)}{letter} ago"
    return f"{int(seconds / 86400)}d ago"


@lru_cache(maxsize=4096)
def printable(text: str, width: int | None = None, ascii: bool = False) -> str:
    """Return a name as it may be drawn, cut to `width` cells with an ellipsis.

    Escape sequences, control characters and whatever takes no cell of its own (zero width, marks, bidirectional
    controls) are left out; each run of white space becomes one space; in ASCII, other characters become `?`.
    """
    seen = text[:LONGEST]
    if not (seen.isascii() and seen.isprintable()):
        seen = "".join(map(_visible, ESCAPE.sub("", seen)))
    seen = " ".join(seen.split())
    if ascii:
        seen = re.sub(r"[^ -~]", "?", seen)
    return seen if width is None else _cut(seen, max(width, 0), "~" if ascii else "…")


def _visible(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character.isspace():
        return " "
    if FLAG_A <= (code := ord(character)) < FLAG_A + 26:
        return chr(ord("A") + code - FLAG_A)
    if code in SKIN_TONES or unicodedata.category(character) in UNSEEN or cell_len(character) == 0:
        return ""
    return character


def _cut(text: str, width: int, ellipsis: str) -> str:
    if cell_len(text) <= width:
        return text
    if width == 0:
        return ""
    taken, used = [], 0
    for character in text:
        used += cell_len(character)
        if used > width - 1:
            break
        taken.append(character)
    return "".join(taken) + ellipsis
