"""Instances that no filter detects although there is something in them: of which labels, at which places (T3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.findings import Tally
from deepeyes_tui.link.instances import Instances

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

PLACES = 3
"""Rows and columns of places that an output grid is divided into."""
FEWEST = 20
"""Inputs from which a group is counted by itself."""
BLANK = 1e-3
"""Spread of a patch, as a share of the layer's largest input, up to which it is blank."""


def blank(patches: NDArray[np.float32]) -> Flags:
    """Return which of `patches (S, D)` hold one value only, `(S,)`: nothing that a filter could be missing.

    Patches of one value each are never called blank.
    """
    if patches.shape[1] < 2 or not len(patches):
        return np.zeros(len(patches), np.bool_)
    spread = patches.max(axis=1) - patches.min(axis=1)
    return np.asarray(spread <= BLANK * float(np.abs(patches).max()))


def tallies(groups: Numbers, names: Sequence[str], inputs: Numbers, unseen: Flags) -> tuple[Tally, ...]:
    """Count, for each group of at least 20 inputs, its inputs and those of them that are unseen.

    `groups (S,)` number `names`, those below 0 are left out; an input is unseen in a group when half or more of its
    instances there are in `unseen (S,)`.
    """
    known = (groups >= 0) & (groups < len(names))
    pairs, place = np.unique(np.stack([groups[known], inputs[known]]), axis=1, return_inverse=True)
    place = place.ravel()
    share = np.bincount(place, unseen[known]) / np.maximum(np.bincount(place), 1)
    found = []
    for number in np.unique(pairs[0]):
        own = share[pairs[0] == number]
        if len(own) >= FEWEST:
            found.append(Tally(names[number], len(own), int(np.count_nonzero(own >= 0.5))))
    return tuple(found)


def by_label(seen: Instances, inputs: Numbers, unseen: Flags, judged: Flags) -> tuple[Tally, ...]:
    """Return the tally of each label, named by its number."""
    labels = np.where(judged, seen.labels, -1).astype(np.int64)
    return tallies(labels, [str(i) for i in range(int(labels.max(initial=-1)) + 1)], inputs, unseen)


def by_place(seen: Instances, inputs: Numbers, unseen: Flags, judged: Flags) -> tuple[Tally, ...]:
    """Return the tally of each ninth of the output grid (third, where it has one axis); none without a grid."""
    size = seen.positions.max(axis=0, initial=0).astype(np.int64) + 1  # (2,)
    parts = np.minimum(size, PLACES)
    if parts.prod() < 2:
        return ()
    at = seen.positions.astype(np.int64) * parts // size  # (S, 2)
    groups = np.where(judged, at[:, 0] * parts[1] + at[:, 1], -1)
    return tallies(groups, _place_names(int(parts[0]), int(parts[1])), inputs, unseen)


def _place_names(rows: int, columns: int) -> list[str]:
    down, across = _words(rows, ("top", "middle", "bottom")), _words(columns, ("left", "centre", "right"))
    if rows == 1:
        across = _words(columns, ("first", "middle", "last"))
    return [" ".join(filter(None, (one, other))) for one in down for other in across]


def _words(parts: int, words: tuple[str, str, str]) -> tuple[str, ...]:
    return {1: ("",), 2: (words[0], words[2])}.get(parts, words)
