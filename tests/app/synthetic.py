"""Snapshots that look as if they came from a training, without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.snapshot import (
    PERPLEXITY_BINS,
    STABILITY_HISTORY,
    LayerInfo,
    RunState,
    Series,
    Snapshot,
    Status,
    layer_arrays,
)

LENET = (
    ("conv1", "Conv2d", 20, 520, (5, 5), (24, 24)),
    ("conv2", "Conv2d", 50, 25_050, (14, 14), (8, 8)),
    ("fc1", "Linear", 500, 400_500, (28, 28), ()),
    ("fc2", "Linear", 10, 5_010, (28, 28), ()),
)
DIGITS = tuple("0123456789")
LOG = tuple(
    f"step {step:5d}  loss {2.3 / (1 + step / 60):.4f}  test loss {2.0 / (1 + step / 50):.4f}  "
    f"accuracy {100 - 90 / (1 + step / 40):.2f}%"
    for step in range(100, 1300, 100)
)


def infos(shapes=LENET) -> tuple[LayerInfo, ...]:
    made, offset = [], 0
    for name, kind, filters, parameters, field, grid in shapes:
        point = "after ReLU" if name == "fc1" else "as it is"
        made.append(LayerInfo(name, kind, filters, offset, parameters, point, field, grid, 16 if grid else 1))
        offset += filters
    return tuple(made)


def many(layers: int = 300, filters: int = 200_000) -> tuple[LayerInfo, ...]:
    each = filters // layers
    names = (f"layers.{i // 3}.{('conv', 'attn.proj', 'mlp.fc')[i % 3]}" for i in range(layers))
    return infos(tuple((name, "Conv2d", each, 1000, (3, 3), (8, 8)) for name in names))


def arrays(layers: tuple[LayerInfo, ...], step: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    count, filters = len(layers), sum(info.filters for info in layers)
    out = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in layer_arrays(count, filters)}
    out["observed"][:] = max(step // 8, 1)
    out["last_observed_step"][:] = step
    out["window_instances"][:] = 16_384
    out["dead_window"][:] = 200
    bins = np.arange(PERPLEXITY_BINS)
    for name, shift in (("histogram", 0.0), ("histogram_before", 0.8)):
        centre = 8 + 6 * np.arange(count)[:, None] % 20 + shift
        shape = np.exp(-(((bins - centre) / 4.0) ** 2)) + 0.01 * random.random((count, PERPLEXITY_BINS))
        out[name][:] = 0.97 * shape / shape.sum(1, keepdims=True)
    out["undetected"][:], out["undetected_before"][:] = 0.03, 0.034
    decay = np.exp(-np.arange(STABILITY_HISTORY) / (4 + 4 * np.arange(count)[:, None] % 24))
    out["stability"][:] = 0.28 * decay + 0.02 * random.random((count, STABILITY_HISTORY))
    out["stable_since"][:] = np.where(np.arange(count) % 3 == 0, 412 + 37 * np.arange(count), -1)
    out["nonfinite_since"][:] = -1
    out["maximum"][:] = random.gamma(3.0, 1.0, filters)
    out["reached_step"][:] = step - np.minimum(random.exponential(400, filters), step).astype(np.int64)
    out["frequency"][:] = np.clip(random.beta(1.2, 9, filters), 0, 1)
    out["dead"][:] = random.random(filters) < 0.05
    out["maximum"][out["dead"]] = 0
    out["frequency"][out["dead"]] = 0
    out["always_on"][:] = (random.random(filters) < 0.02) & ~out["dead"]
    out["frequency"][out["always_on"]] = 0.97
    return out


def curves(step: int, seed: int) -> dict[str, Series]:
    random = np.random.default_rng(seed)
    x = np.arange(1, step + 1, max(step // 400, 1))
    loss = 2.3 / (1 + x / 60) * np.exp(0.12 * random.standard_normal(len(x)))
    accuracy = 1 - 0.9 / (1 + x / 40) * np.exp(0.1 * random.standard_normal(len(x)))
    v = x[:: max(len(x) // 12, 1)]

    def series(name: str, steps: np.ndarray, values: np.ndarray) -> Series:
        return Series(name, steps.astype(np.int64), values.astype(np.float32), np.zeros(len(steps), np.int64))

    return {
        "loss": series("loss", x, loss),
        "val_loss": series("val_loss", v, 2.1 / (1 + v / 55)),
        "accuracy": series("accuracy", x, np.clip(accuracy, 0, 1)),
        "val_accuracy": series("val_accuracy", v, 1 - 0.85 / (1 + v / 38)),
    }


def snapshot(layers: tuple[LayerInfo, ...] = infos(), step: int = 1203, seed: int = 1, **status) -> Snapshot:
    told = Status(RunState.TRAINING, step, step / 157, 84.2, 0.012, 0.02, step // 8, 8, 0.1234, 0.971, "cpu")
    return Snapshot(
        "lenet-mnist", 1, step, layers, DIGITS, replace(told, **status), arrays(layers, step, seed), curves(step, seed)
    )


def without_numbers(layers: tuple[LayerInfo, ...] = infos()) -> Snapshot:
    """A snapshot in which everything that may be NaN is."""
    made = snapshot(layers)
    for name in (
        "histogram",
        "histogram_before",
        "undetected",
        "undetected_before",
        "stability",
        "maximum",
        "frequency",
    ):
        made.arrays[name][:] = np.nan
    made.arrays["nan"][:], made.arrays["nonfinite_since"][:] = 412, 1203
    nothing = {name: replace(s, value=s.value * np.nan, nonfinite=s.nonfinite + 1) for name, s in made.series.items()}
    nan = float("nan")
    status = replace(made.status, loss=nan, accuracy=nan, cost=nan, steps_per_second=nan, epoch=nan)
    return replace(made, status=status, series=nothing)


def scene(made: Snapshot | None = None, **changes) -> Scene:
    made = snapshot() if made is None else made
    return Scene(**{"run": made.run, "snapshot": made, "sentence": "training", "log": LOG, **changes})
