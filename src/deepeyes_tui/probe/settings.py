"""What the monitor is told on how to watch, and what was found out of a script."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

from torch.utils.data import DataLoader

from deepeyes_tui.probe.inputs import Reading


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How to watch. `budget` is a share of the training's time, `every` the least number of steps between two looks."""

    labels: tuple[str, ...] = ()
    layers: tuple[str, ...] | None = None
    budget: float = 0.02
    every: int = 1
    seed: int = 0
    control: bool = True
    loader: weakref.ref[DataLoader[Any]] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, slots=True)
class Found:
    """What a script was found to train: names of its models, the one that is watched, and a sentence on it."""

    roots: tuple[str, ...] = ()
    root: str = ""
    summary: str = ""
