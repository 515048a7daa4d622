"""The numbers of T3 to T5 for one layer, comparable between layers."""

from __future__ import annotations

import numpy as np

from deepeyes_tui.analysis.coverage import filter_coverage, undetected
from deepeyes_tui.analysis.filters import compare_filters
from deepeyes_tui.analysis.purity import label_purity
from deepeyes_tui.analysis.redundancy import effective_filters, redundant_groups
from deepeyes_tui.analysis.sampling import input_numbers
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.maps import REDUNDANT, LayerNumbers

INSTANCES = 2000
"""Newest instances of each layer: as many everywhere, so that layers can be compared."""
CONFUSIONS = 5


def survey_layer(seen: Instances) -> LayerNumbers:
    """Return the numbers of a layer from its newest instances."""
    activations = seen.activations.astype(np.float32)
    like = compare_filters(seen)
    groups = redundant_groups(like.phi, REDUNDANT, like.dead)
    purity = label_purity(seen.patches.astype(np.float32), seen.labels, input_numbers(seen))
    covered = filter_coverage(activations)[~like.dead]
    return LayerNumbers(
        layer=seen.layer,
        instances=len(seen.ids),
        purity=purity.value,
        purity_error=purity.error,
        purity_by_chance=purity.chance,
        undetected=float(undetected(activations, float(activations.max(initial=0.0))).mean()),
        effective_filters=effective_filters(like.phi, REDUNDANT, like.dead),
        redundant=sum(len(group) - 1 for group in groups),
        groups=len(groups),
        coverage=float(np.median(covered)) if len(covered) else float("nan"),
        confused=tuple(purity.confusions[:CONFUSIONS]),
    )
