"""What the instances of all layers say for the findings T3 to T5."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.alike import surely_alike
from deepeyes_tui.analysis.coverage import undetected
from deepeyes_tui.analysis.filters import compare_filters
from deepeyes_tui.analysis.redundancy import effective_filters
from deepeyes_tui.analysis.sampling import input_numbers
from deepeyes_tui.analysis.similarity import weighted_jaccard
from deepeyes_tui.analysis.unseen import blank, by_label, by_place
from deepeyes_tui.analysis.usefulness import Entry, copied_share, entry_of, purities, stream_before
from deepeyes_tui.findings.limits import (
    ADDED,
    COPY_LIKENESS,
    FALSE_ALARMS,
    LEAST_COPIES,
    LEAST_INPUTS,
    SAME_INPUT,
)
from deepeyes_tui.link.excerpts import Excerpts
from deepeyes_tui.link.findings import UNKNOWN, Evidence, LayerEvidence
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.maps import REDUNDANT

Read: TypeAlias = Callable[[], Instances | None]
Found: TypeAlias = tuple[LayerEvidence, Entry | None]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
PER_INSTANCE = (
    "ids",
    "activations",
    "patches",
    "labels",
    "steps",
    "inputs",
    "positions",
    "boxes",
    "thumbnails",
)
"""Arrays of a ring's instances, one row each."""


def gather_evidence(number: int, layers: Sequence[Read]) -> Evidence:
    """Return what layers say, in the network's order. Each is read when it is its turn; None: it has no instances."""
    found = [examined for read in layers if (examined := _examined(read(), len(layers))) is not None]
    entries = [entry for _, entry in found if entry is not None]
    return Evidence(number, tuple(_beside_others(known, entry, entries) for known, entry in found))


def newest_half(seen: Instances) -> Instances:
    """Return the instances of the newer half of the training: a network that has hardly been trained is another one."""
    first = int(np.searchsorted(seen.steps, seen.steps.max(initial=0) / 2))
    parts = {part.name: getattr(seen, part.name)[first:] for part in fields(seen) if part.name in PER_INSTANCE}
    return replace(seen, **parts, excerpts=Excerpts())


def _examined(kept: Instances | None, layers: int) -> Found | None:
    if kept is None:
        return None
    seen = newest_half(kept)
    inputs = input_numbers(seen)
    newest = int(seen.steps.max(initial=-1))
    known = LayerEvidence(seen.layer, seen.generation, len(seen), len(np.unique(inputs)), step=newest)
    if known.inputs < LEAST_INPUTS:
        return known, None
    activations, patches = seen.activations.astype(np.float32), seen.patches.astype(np.float32)
    known = _alike_filters(known, seen, inputs, patches, layers)
    known = replace(known, purities=purities(patches, activations, seen.labels.astype(np.int64), inputs))
    if not seen.nonfinite:
        known = _unseen(known, seen, inputs, activations, patches)
    if known.living >= LEAST_COPIES:
        known = replace(known, copied=copied_share(patches, activations, COPY_LIKENESS))
    return known, entry_of(seen.layer, patches, activations)


def _alike_filters(
    known: LayerEvidence, seen: Instances, inputs: NDArray[np.int64], patches: Floats, layers: int
) -> LayerEvidence:
    """Add which filters are alike: those that are so on all instances, and surely so on those that are not blank."""
    like = compare_filters(seen)
    filled = ~blank(patches)[-len(like.activations) :]
    activations, phi = like.activations[filled], np.minimum(like.phi, weighted_jaccard(like.activations[filled]))
    doubt = FALSE_ALARMS / max(layers, 1)
    groups = surely_alike(activations, inputs[-len(filled) :][filled], phi, like.dead, REDUNDANT, doubt)
    return replace(
        known,
        groups=tuple(tuple(group.tolist()) for group in groups),
        effective=effective_filters(like.phi, REDUNDANT, like.dead),
        living=int(np.count_nonzero(~like.dead)),
    )


def _unseen(
    known: LayerEvidence, seen: Instances, inputs: NDArray[np.int64], activations: Floats, patches: Floats
) -> LayerEvidence:
    filled = ~blank(patches)
    missed = undetected(activations, float(activations.max(initial=0.0)))
    return replace(
        known,
        blank=float(1 - filled.mean()),
        undetected=float(missed[filled].mean()) if filled.any() else UNKNOWN,
        labels=by_label(seen, inputs, missed, filled),
        places=by_place(seen, inputs, missed, filled),
    )


def _beside_others(known: LayerEvidence, entry: Entry | None, entries: Sequence[Entry]) -> LayerEvidence:
    """Add whether the layer behind gets the same input again, as this one adds nothing to it."""
    if entry is None:
        return known
    before, added = stream_before(entries, entries.index(entry), SAME_INPUT)
    return replace(known, unchanged=before if added < ADDED else "", added=added)
