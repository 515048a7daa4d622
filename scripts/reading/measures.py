"""What is measured of one layer, from its instances, by the package's own analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.association import label_association, strongest_label
from deepeyes_tui.analysis.coverage import filter_coverage
from deepeyes_tui.analysis.filters import compare_filters
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.purity import Purity, label_purity
from deepeyes_tui.analysis.redundancy import effective_filters
from deepeyes_tui.analysis.sampling import input_numbers
from deepeyes_tui.analysis.survey import survey_layer
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.maps import PAIRS_FROM, LayerNumbers
from reading.groups import Grouping, group_labels

Floats = NDArray[np.float32]

SHARES = (0.5, 0.25, 0.1, 0.0)
"""Of a filter's own maximum, above which it counts as firing; the first is the package's default."""
LOWEST = 0.1
"""Share of the instances, those of the lowest maximum activation, that are held against the rest."""
BLANK = 0.02
"""Mean ink, of 1, below which an instance is nearly blank: half a pixel of ink in a patch of 5 x 5."""
WEAK = 0.25
"""Of the layer's largest activation: filters that never exceed it look dark in a heatmap, but are not dead."""
NEIGHBOURS = 10
DIGITS = 10


@dataclass(frozen=True, slots=True)
class Faint:
    """Instances of the lowest maximum activation: their share (more than `LOWEST` where many are alike), the mean ink
    of theirs and of the others' thumbnails, how many of each are nearly blank, how many of all the blank are theirs.
    """

    share: float
    ink: float
    ink_of_others: float
    blank: float
    blank_of_others: float
    of_blank: float


@dataclass(frozen=True, slots=True, eq=False)
class LayerReading:
    """One layer of one network.

    `coverage` and `coverage_of_ink` hold, by threshold, the shares of all instances, and of those that are not nearly
    blank, on which each living filter fires. `labels` counts the living filters that stand for each digit, `second`,
    for each digit, the digits that come second for these filters; `strength` is the median of their association.
    `alike` is the largest similarity of two living filters. `mixed` lists the pairs of digits by how often they are
    neighbours, worst first, as shares of all neighbours.
    """

    numbers: LayerNumbers
    own: Purity
    filters: int
    dead: int
    weak: int
    alike: float
    effective_at_half: float
    coverage: dict[float, Floats]
    coverage_of_ink: dict[float, Floats]
    faint: Faint
    labels: tuple[int, ...]
    strength: float
    second: tuple[tuple[int, ...], ...]
    grouping: Grouping
    mixed: tuple[tuple[int, int, float], ...]

    @property
    def digits(self) -> int:
        """For how many digits there is a filter."""
        return sum(count > 0 for count in self.labels)


def read_layer(seen: Instances, *, seed: int = 0) -> LayerReading:
    """Measure a layer."""
    activations = seen.activations.astype(np.float32)
    like = compare_filters(seen)
    living = ~like.dead
    association = label_association(like.activations, seen.labels[-len(like.activations) :], DIGITS)[living]
    label, strength = strongest_label(association)
    phi = like.phi[np.ix_(living, living)]
    inked = ink(seen) >= BLANK
    return LayerReading(
        numbers=survey_layer(seen),
        own=label_purity(activations, seen.labels, input_numbers(seen)),
        filters=len(like.dead),
        dead=int(like.dead.sum()),
        weak=int((like.activations.max(axis=0) < WEAK * like.activations.max()).sum()),
        alike=float((phi - np.eye(len(phi))).max()),
        effective_at_half=effective_filters(like.phi, PAIRS_FROM, like.dead),
        coverage={share: filter_coverage(activations, share)[living] for share in SHARES},
        coverage_of_ink={share: filter_coverage(activations[inked], share)[living] for share in SHARES},
        faint=compare_faint(activations.max(axis=1), ink(seen)),
        labels=tuple(np.bincount(label, minlength=DIGITS).tolist()),
        strength=float(np.median(strength)),
        second=tuple(_second(association[label == digit]) for digit in range(DIGITS)),
        grouping=group_labels(phi, label, seed=seed),
        mixed=mixed_pairs(seen),
    )


def ink(seen: Instances) -> Floats:
    """Return the mean ink of each instance's thumbnail, `(S,)`, 0 for black to 1 for white."""
    return np.asarray(seen.thumbnails.reshape(len(seen), -1).mean(axis=1) / 255, np.float32)


def compare_faint(maximum: Floats, inks: Floats) -> Faint:
    """Compare the instances of the lowest `maximum (S,)` activation with the others by their `inks (S,)`."""
    low, blank = maximum <= np.quantile(maximum, LOWEST), inks < BLANK
    return Faint(
        share=float(low.mean()),
        ink=_mean(inks[low]),
        ink_of_others=_mean(inks[~low]),
        blank=_mean(blank[low]),
        blank_of_others=_mean(blank[~low]),
        of_blank=_mean(low[blank]),
    )


def mixed_pairs(seen: Instances) -> tuple[tuple[int, int, float], ...]:
    """Return all pairs of digits with the share of all neighbours that join them, worst first.

    Neighbours are the nearest by the neuronal receptive field, those of the same input left out.
    """
    near, _ = nearest_neighbors(seen.patches.astype(np.float32), NEIGHBOURS)
    inputs = input_numbers(seen)
    apart = inputs[near] != inputs[:, None]
    one, other = np.broadcast_to(seen.labels[:, None], near.shape)[apart], seen.labels[near][apart]
    count = np.bincount(one * DIGITS + other, minlength=DIGITS**2).reshape(DIGITS, DIGITS) / len(one)
    pairs = [(i, j, float(count[i, j] + count[j, i])) for i in range(DIGITS) for j in range(i + 1, DIGITS)]
    return tuple(sorted(pairs, key=lambda pair: -pair[2]))


def rank_of(pair: tuple[int, int], mixed: tuple[tuple[int, int, float], ...]) -> int:
    """Return where a pair of digits stands among the mixed ones, 1 for the worst."""
    return [found[:2] for found in mixed].index(pair) + 1


def _second(association: Floats) -> tuple[int, ...]:
    """Count, by digit, which one comes second for filters with `association (F, C)`."""
    if not len(association):
        return (0,) * DIGITS
    return tuple(np.bincount(np.argsort(association, axis=1)[:, -2], minlength=DIGITS).tolist())


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if len(values) else float("nan")
