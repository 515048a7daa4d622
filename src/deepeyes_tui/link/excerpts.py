"""What an instance shows of an input that is no picture: tokens, a stretch of a signal, a row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

BESIDE = 8
"""Tokens kept at either side of an instance's own."""
TOKENS = 2 * BESIDE + 1
CURVE = 64
"""Values kept of a signal; a longer stretch is averaged."""
MOST_CURVES = 3
"""Channels of a signal that are kept."""
MOST_COLUMNS = 256
"""Columns of a table that are kept."""
NOTHING = -1
"""In the place of a token: the input does not reach there."""
SPAN = 5


class InputKind(StrEnum):
    """What a network's input is taken for. The value is what `watch` is told and the user reads."""

    NONE = ""
    PICTURE = "picture"
    TEXT = "text"
    SIGNAL = "signal"
    TABLE = "table"


@dataclass(frozen=True, slots=True, eq=False)
class Excerpts:
    """Of `S` instances. `tokens (S, TOKENS)` are ids, `NOTHING` beyond the ends; `values (S, C, W)` are channels of a
    signal, NaN beyond its ends, or one row of a table. What a kind has not is `(S, 0)` or `(S, 0, 0)`.

    `spans (S, 5)`: first and last (exclusive) place of the input that the excerpt shows, first and last (exclusive)
    that the instance itself sees, and how long the input is; all zero where the input could not be cut. `names` are
    those of a table's columns. `pieces` are texts of tokens as far as they are known, `special` those that are no
    text. With `named_labels`, labels are tokens too.
    """

    kind: InputKind = InputKind.NONE
    tokens: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 0), np.int32), repr=False)
    values: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 0), np.float32), repr=False)
    spans: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 0), np.int32), repr=False)
    names: tuple[str, ...] = ()
    pieces: Mapping[int, str] = field(default_factory=dict, repr=False)
    special: frozenset[int] = frozenset()
    named_labels: bool = False
