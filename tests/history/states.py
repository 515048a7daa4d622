"""States of a run that looks like one, without torch."""

import time

import numpy as np

from deepeyes_tui.link.snapshot import LayerInfo, RunState, Snapshot, Status, layer_arrays

SIZES = (20, 50, 500)


def make_layers(sizes=SIZES):
    offsets = np.cumsum([0, *sizes])
    return tuple(
        LayerInfo(f"layer{number}", "linear", size, int(offset), size * 10)
        for number, (size, offset) in enumerate(zip(sizes, offsets, strict=False))
    )


def make_arrays(step, sizes=SIZES, seed=0, **given):
    """Arrays in the bounds of their specs, another one for each step."""
    draws = np.random.default_rng([seed, step])
    arrays = {}
    for spec in layer_arrays(len(sizes), sum(sizes)):
        if spec.dtype == "|b1":
            arrays[spec.name] = draws.random(spec.shape) < 0.1
        elif "i" in spec.dtype:
            arrays[spec.name] = draws.integers(-1 if spec.low < 0 else 0, max(step, 1), spec.shape)
        else:
            top = 100.0 if spec.high > 1 else 1.0
            arrays[spec.name] = (draws.random(spec.shape) * top).astype("f4")
    return {**arrays, **given}


def make_state(step, *, sizes=SIZES, state=RunState.TRAINING, generation=1, arrays=None, **status):
    known = {"published_at": time.time(), "loss": 1 / (step + 1), **status}
    return Snapshot(
        run="demo",
        generation=generation,
        sequence=step,
        layers=make_layers(sizes),
        labels=("cat", "dog"),
        status=Status(state=state, step=step, **known),
        arrays=make_arrays(step, sizes) if arrays is None else arrays,
    )
