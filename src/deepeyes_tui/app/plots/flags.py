"""Signs at the steps of a plot at which something was done: a letter, or a number where several would touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MOST_COUNTED: Final = 99
APART: Final = 2
"""Columns from one sign to the next, so that a number of two digits fits."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something done at step `x`; `sign` is one ASCII character."""

    x: float
    sign: str


def placed(columns: Sequence[int], signs: Sequence[str], width: int) -> list[tuple[int, str]]:
    """Return signs with their columns, rising, for `columns` of which some may be the same or lie outside of `width`.

    Signs less than `APART` columns behind the first of a group are counted with it.
    """
    groups: list[tuple[int, list[str]]] = []
    for column, sign in sorted(zip(columns, signs, strict=True), key=lambda pair: pair[0]):
        if not 0 <= column < width:
            continue
        if groups and column - groups[-1][0] < APART:
            groups[-1][1].append(sign)
        else:
            groups.append((column, [sign]))
    return [(column, _sign(those)) for column, those in groups]


def _sign(signs: list[str]) -> str:
    return signs[0] if len(signs) == 1 else str(min(len(signs), MOST_COUNTED))
