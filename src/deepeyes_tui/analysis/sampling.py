"""From a ring's instances to the sample that a viewer is sent."""

from __future__ import annotations

import numpy as np

from deepeyes_tui.analysis.coverage import instance_perplexity, undetected
from deepeyes_tui.link.frozen import frozen
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.maps import Sample

INPUTS_A_STEP = 1 << 20
"""More inputs than a batch has: numbers inputs across steps."""


def make_sample(number: int, seen: Instances) -> Sample:
    """Return the sample of instances: all but their patches, and what each detects."""
    activations = seen.activations.astype(np.float32)  # (S, F)
    peak = float(activations.max(initial=0.0))
    return Sample(
        number=number,
        layer=seen.layer,
        generation=seen.generation,
        ids=seen.ids,
        activations=seen.activations,
        labels=seen.labels,
        steps=seen.steps,
        inputs=seen.inputs,
        positions=seen.positions,
        boxes=seen.boxes,
        thumbnails=seen.thumbnails,
        input_size=seen.input_size,
        maximum=frozen(activations.max(axis=1, initial=0.0)),
        perplexity=frozen(instance_perplexity(activations).astype(np.float32)),
        undetected=frozen(undetected(activations, peak)),
        nonfinite=seen.nonfinite,
        excerpts=seen.excerpts,
    )


def input_numbers(seen: Instances) -> np.ndarray:
    """Return a number for the input that each instance was cut from, `(S,) int64`: the same for the same picture."""
    return seen.steps * INPUTS_A_STEP + seen.inputs
