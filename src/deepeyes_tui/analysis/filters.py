"""What the Filter Map shows of a layer, from its instances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.association import label_association, strongest_label
from deepeyes_tui.analysis.coverage import filter_coverage
from deepeyes_tui.analysis.filter_map import WARM_ITERATIONS, embed_similarities
from deepeyes_tui.analysis.redundancy import effective_filters, redundant_groups, redundant_pairs
from deepeyes_tui.analysis.similarity import weighted_jaccard
from deepeyes_tui.link.frozen import frozen
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.maps import PAIRS_FROM, REDUNDANT, FilterMap

INSTANCES = 1024
"""Of the newest instances: enough for a layout, the error of a similarity is about 0.009."""
MOST_PAIRS = 4096
COLD = 500
"""Iterations of a layout from nothing."""

Places = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Similarities:
    """How alike the filters of a layer are, `phi (F, F)`, and which are dead, `(F,)`."""

    activations: NDArray[np.float32]
    phi: NDArray[np.float32]
    dead: NDArray[np.bool_]


def compare_filters(seen: Instances) -> Similarities:
    """Return the weighted Jaccard similarity of all filters over the newest instances (DeepEyes, equation 1)."""
    activations = seen.activations[-INSTANCES:].astype(np.float32)
    top = activations.max(axis=0, initial=0.0)
    dead = top <= 1e-3 * top.max(initial=0.0)
    return Similarities(activations, weighted_jaccard(activations), dead)


def describe_filters(number: int, seen: Instances, like: Similarities) -> FilterMap:
    """Return a Filter Map whose filters have no places yet."""
    labels = seen.labels[-INSTANCES:]
    present, place = np.unique(np.maximum(labels, -1), return_inverse=True)  # a vocabulary's numbers are large
    unknown = int((present < 0).sum())
    association = label_association(like.activations, place - unknown, len(present) - unknown)
    label, strength = strongest_label(association)
    label = np.append(present[unknown:], -1)[label]
    groups = redundant_groups(like.phi, REDUNDANT, like.dead)
    i, j, similarity = redundant_pairs(like.phi, PAIRS_FROM, MOST_PAIRS)
    return FilterMap(
        number=number,
        layer=seen.layer,
        generation=seen.generation,
        instances=len(like.activations),
        positions=frozen(np.full((len(like.dead), 2), np.nan, np.float32)),
        label=frozen(np.where(like.dead, -1, label).astype(np.int32)),
        strength=frozen(strength.astype(np.float32)),
        dead=frozen(like.dead),
        coverage=frozen(filter_coverage(like.activations).astype(np.float32)),
        pairs=frozen(np.stack([i, j], axis=1).astype(np.int32)),
        similarity=frozen(similarity.astype(np.float32)),
        groups=tuple(tuple(group.tolist()) for group in groups),
        effective=effective_filters(like.phi, REDUNDANT, like.dead),
    )


def place_filters(
    plain: FilterMap, like: Similarities, start: Places | None, watch: Callable[[FilterMap], bool]
) -> FilterMap:
    """Lay out the living filters from `start (F, 2)` (NaN: no place yet), handing on each picture; stops if told to."""
    living = np.flatnonzero(~like.dead)
    begin = None if start is None or not np.isfinite(start[living]).all() else start[living]
    iterations = COLD if begin is None else WARM_ITERATIONS

    def placed(iteration: int, places: Places) -> FilterMap:
        positions = plain.positions.copy()
        positions[living] = places
        return replace(plain, positions=frozen(positions), iteration=iteration, iterations=iterations)

    if not len(living):
        return plain
    phi = like.phi[np.ix_(living, living)]
    places = embed_similarities(
        phi, iterations=iterations, start=begin, callback=lambda iteration, at: watch(placed(iteration, at))
    )
    return placed(iterations, places)
