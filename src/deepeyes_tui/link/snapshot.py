"""What a viewer knows of a training run at one moment: frozen, plain arrays, no torch.

The training process fills a board (`board.py`); every reader gets a `Snapshot` of it. Filters of all layers lie one
behind the other in flat arrays of `F` values; layer `l` owns `[offset, offset + filters)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

PERPLEXITY_BINS = 30
STABILITY_HISTORY = 32
STABLE_BELOW = 0.05
STABLE_WINDOWS = 5
LEAST_WINDOW = 20
"""Observed steps before any filter is called dead or always on: at the very start, units fall silent and come back."""

Float = NDArray[np.float32]
Int = NDArray[np.int64]
Flag = NDArray[np.bool_]


class RunState(StrEnum):
    """What the training is doing, as its own process last said."""

    STARTING = "starting"
    TRAINING = "training"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer, as it stands in the model. `grid` is its output's spatial shape, `()` for one position per input.

    `unit` says what its filters are ("filters", "units", "heads", "dimensions"), `signed` that absolute values are
    shown, `frozen` that none of its parameters is trained, `calls` how often it runs in one pass (0 where it did not,
    or where that is not known), `also` under which further names the same module stands in the model.
    """

    name: str
    kind: str
    filters: int
    offset: int = 0
    parameters: int = 0
    output_point: str = ""
    receptive_field: tuple[int, ...] = ()
    grid: tuple[int, ...] = ()
    positions_per_input: int = 1
    unit: str = "filters"
    signed: bool = False
    frozen: bool = False
    calls: int = 0
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """The run in a few words and numbers. Shares are of 1, times in seconds since the epoch, NaN where unknown.

    `roots` are names of the models that were found to train, none where `watch` was told; `root` is the watched one.
    `ranks` counts the processes of the training; `summary` says in a sentence what of it was found.
    """

    state: RunState = RunState.STARTING
    step: int = 0
    epoch: float = float("nan")
    steps_per_second: float = float("nan")
    cost: float = float("nan")
    budget: float = 0.02
    observed_steps: int = 0
    observed_every: int = 0
    loss: float = float("nan")
    accuracy: float = float("nan")
    device: str = ""
    gpu_use: float = float("nan")
    gpu_memory: int = 0
    gpu_memory_total: int = 0
    published_at: float = 0.0
    started_at: float = 0.0
    notices: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    root: str = ""
    ranks: int = 1
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve, thinned: `value[i]` is the mean of the finite values of the steps up to `step[i]` since the point
    before; `nonfinite[i]` counts those that were NaN or infinite. A point without any finite value is NaN.
    """

    name: str
    step: Int
    value: Float
    nonfinite: Int


@dataclass(frozen=True, slots=True)
class LayerStatistics:
    """All that is known of one layer: views into the snapshot's arrays, `B` bins, `F` filters of this layer.

    `histogram + undetected = 1` where anything was observed; `change` is the difference to the window before.
    """

    info: LayerInfo
    observed: int
    last_observed_step: int
    window_instances: int
    histogram: Float
    change: Float
    undetected: float
    undetected_change: float
    stability: Float
    stable_since: int | None
    nan: int
    infinite: int
    nonfinite_since: int | None
    dead_window: int
    maximum: Float
    reached_step: Int
    frequency: Float
    dead: Flag
    always_on: Flag

    @property
    def has_run(self) -> bool:
        """Whether the layer was seen at all."""
        return self.observed > 0


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One consistent state of a run. `generation` counts the structures that the model has had."""

    run: str
    generation: int
    sequence: int
    layers: tuple[LayerInfo, ...]
    labels: tuple[str, ...]
    status: Status
    arrays: Mapping[str, NDArray[Any]] = field(repr=False)
    series: Mapping[str, Series] = field(default_factory=dict, repr=False)

    def layer(self, index: int) -> LayerStatistics:
        """Return the statistics of layer `index`. Raises IndexError."""
        info = self.layers[index]
        a = self.arrays
        own = slice(info.offset, info.offset + info.filters)
        since, broken = int(a["stable_since"][index]), int(a["nonfinite_since"][index])
        return LayerStatistics(
            info=info,
            observed=int(a["observed"][index]),
            last_observed_step=int(a["last_observed_step"][index]),
            window_instances=int(a["window_instances"][index]),
            histogram=a["histogram"][index],
            change=a["histogram"][index] - a["histogram_before"][index],
            undetected=float(a["undetected"][index]),
            undetected_change=float(a["undetected"][index] - a["undetected_before"][index]),
            stability=a["stability"][index],
            stable_since=since if since >= 0 else None,
            nan=int(a["nan"][index]),
            infinite=int(a["infinite"][index]),
            nonfinite_since=broken if broken >= 0 else None,
            dead_window=int(a["dead_window"][index]),
            maximum=a["maximum"][own],
            reached_step=a["reached_step"][own],
            frequency=a["frequency"][own],
            dead=a["dead"][own],
            always_on=a["always_on"][own],
        )


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of the board: its name, type, shape, and the values that mean something (for readers to clip to).

    Where `nan` is false, readers turn NaN into `low`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    low: float
    high: float
    nan: bool = True


def layer_arrays(layers: int, filters: int) -> tuple[ArraySpec, ...]:
    """Return the arrays of a board of `layers` layers with `filters` filters in all."""
    far = float(2**53)
    return (
        ArraySpec("observed", "<i8", (layers,), 0, far),
        ArraySpec("last_observed_step", "<i8", (layers,), -1, far),
        ArraySpec("window_instances", "<i8", (layers,), 0, far),
        ArraySpec("histogram", "<f4", (layers, PERPLEXITY_BINS), 0, 1, nan=False),
        ArraySpec("histogram_before", "<f4", (layers, PERPLEXITY_BINS), 0, 1, nan=False),
        ArraySpec("undetected", "<f4", (layers,), 0, 1),
        ArraySpec("undetected_before", "<f4", (layers,), 0, 1),
        ArraySpec("stability", "<f4", (layers, STABILITY_HISTORY), 0, 1),
        ArraySpec("stable_since", "<i8", (layers,), -1, far),
        ArraySpec("nan", "<i8", (layers,), 0, far),
        ArraySpec("infinite", "<i8", (layers,), 0, far),
        ArraySpec("nonfinite_since", "<i8", (layers,), -1, far),
        ArraySpec("dead_window", "<i8", (layers,), 0, far),
        ArraySpec("maximum", "<f4", (filters,), 0, 3.4e38),
        ArraySpec("reached_step", "<i8", (filters,), -1, far),
        ArraySpec("frequency", "<f4", (filters,), 0, 1),
        ArraySpec("dead", "|b1", (filters,), 0, 1),
        ArraySpec("always_on", "|b1", (filters,), 0, 1),
    )
