"""Tokens as words: how the pieces of a tokenizer are joined, and a line of them about one that stands out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from rich.cells import cell_len

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable

SPECIAL: Final = re.compile(r"<(?!0x)[^<>\s]{1,40}>|\[[A-Z_]{2,20}\]")
"""What most tokenizers call padding, beginnings and ends."""
BYTE: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")
SPACES: Final = {"\n": "↵", "\r": "↵", "\t": "→", " ": "␣"}
ASCII_SPACES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", " ": "_"}


class Joining(StrEnum):
    """How a tokenizer says where words begin. The value is the sign of it in a piece."""

    BYTES = "Ġ"
    SENTENCES = "▁"
    PARTS = "##"
    SPACES = " "
    NONE = ""
    WORDS = "word"


@dataclass(frozen=True, slots=True)
class Word:
    """A token as it may be drawn: its text, whether a space stands before it, whether it is no text."""

    text: str
    apart: bool
    special: bool = False


@dataclass(frozen=True, slots=True)
class Spelling:
    """Turns tokens into words: `pieces` as the tokenizer gave them, joined as they ask for."""

    pieces: Mapping[int, str]
    special: Collection[int]
    joining: Joining
    ascii: bool = False

    def word(self, token: int) -> Word:
        """Return a token as it may be drawn; its number where its text is not known."""
        piece = self.pieces.get(token)
        if piece is None:
            return Word(f"#{token}", True)
        if token in self.special or SPECIAL.fullmatch(piece):
            return Word(_visible(piece, self.ascii), True, True)
        text, apart = _spelled(piece, self.joining)
        return Word(_visible(text, self.ascii), apart)


def spelling_of(pieces: Mapping[int, str], special: Collection[int], ascii: bool = False) -> Spelling:
    """Return how pieces are joined: by the first sign of the start of a word that one of them has."""
    texts = [piece for number, piece in pieces.items() if number not in special and not SPECIAL.fullmatch(piece)]
    signs = (Joining.BYTES, Joining.SENTENCES, Joining.PARTS, Joining.SPACES)
    begins = ((sign, any(len(text) > len(sign) and text.startswith(sign) for text in texts)) for sign in signs)
    found = next((sign for sign, there in begins if there), None)
    single = all(len(text) == 1 for text in texts)
    return Spelling(pieces, special, found or (Joining.NONE if single else Joining.WORDS), ascii)


def _spelled(piece: str, joining: Joining) -> tuple[str, bool]:
    """Return the text of a piece, and whether a space stands before it."""
    match joining:
        case Joining.BYTES:
            text = _from_bytes(piece)
            return (text[1:], True) if text.startswith(" ") and len(text) > 1 else (text, False)
        case Joining.SENTENCES:
            byte = BYTE.fullmatch(piece)
            piece = bytes([int(byte[1], 16)]).decode("latin-1") if byte else piece.replace("▁", " ")
            return (piece[1:], True) if len(piece) > 1 and piece[0] == " " else (piece, False)
        case Joining.PARTS:
            return (piece[2:], False) if piece.startswith("##") and len(piece) > 2 else (piece, True)
        case Joining.SPACES:
            return (piece[1:], True) if len(piece) > 1 and piece[0] == " " else (piece, False)
        case _:
            return piece, joining is Joining.WORDS


@lru_cache(maxsize=1)
def _bytes_by_letter() -> dict[str, int]:
    """Return the byte behind each letter of a byte-level vocabulary: printable ones stand for themselves, the others
    for the letters from 256 on, in their order (GPT-2, Radford et al. 2019).
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + n): byte for n, byte in enumerate(others)}


def _from_bytes(piece: str) -> str:
    letters = _bytes_by_letter()
    if any(letter not in letters for letter in piece):
        return piece
    return bytes(letters[letter] for letter in piece).decode("utf-8", "replace")


@lru_cache(maxsize=8192)
def _visible(text: str, ascii: bool) -> str:
    """Return a text as it may be drawn; white space alone by signs for it."""
    if text and not text.strip():
        signs = ASCII_SPACES if ascii else SPACES
        return "".join(signs.get(character, signs[" "]) for character in text[:4])
    return printable(text, ascii=ascii) or ("?" if ascii else "�")


def joined(words: Sequence[Word], own: range = range(0)) -> str:
    """Return words as one text, those of `own` in brackets."""
    parts = []
    for number, word in enumerate(words):
        text = ("[" if number == own.start and own else "") + word.text + ("]" if own and number == own[-1] else "")
        parts.append(" " * (word.apart and number > 0) + text)
    return "".join(parts)


def draw_tokens(width: int, words: Sequence[Word], own: range, column: int, ascii: bool = False) -> Canvas:
    """Draw a line of words, cut at both ends, the first of `own` at a column; from the left where there are none.

    Those of `own` are bold and underlined, and in brackets in ASCII; special ones are faint.
    """
    canvas = Canvas(width, 1)
    here = column if own else 0
    at = here
    for number in range(own.start if own else 0, len(words)):
        word, mine = words[number], number in own
        at += word.apart and at > here
        at = canvas.text(0, at, _bracketed(word.text, ascii and mine), *_style(word, mine))
        if at >= width:
            break
    before = here - bool(own and words[own.start].apart)
    for number in range(own.start - 1, -1, -1):
        word = words[number]
        start = before - cell_len(word.text)
        if before <= 0:
            break
        canvas.text(0, start, word.text, *_style(word, False))
        before = start - word.apart
    return canvas


def draw_text(width: int, height: int, words: Sequence[Word], own: range, ascii: bool = False) -> Canvas:
    """Draw words in lines, broken between tokens, those of `own` as `draw_tokens` does."""
    canvas, row, at = Canvas(width, height), 0, 0
    for number, word in enumerate(words):
        mine = number in own
        text = _bracketed(word.text, ascii and mine)
        if at and at + word.apart + cell_len(text) > width:
            row, at = row + 1, 0
        if row >= height:
            break
        at = canvas.text(row, at + (word.apart and at > 0), text, *_style(word, mine))
    return canvas


def _bracketed(text: str, brackets: bool) -> str:
    return f"[{text}]" if brackets else text


def _style(word: Word, mine: bool) -> tuple[int, int]:
    if mine:
        return Ink.TITLE, Look.BOLD | Look.UNDERLINE
    return (Ink.FAINT, Look.PLAIN) if word.special else (Ink.DEFAULT, Look.PLAIN)
