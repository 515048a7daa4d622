"""Figures of several networks in one cell of a markdown table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reading.measures import LayerReading


@dataclass(frozen=True, slots=True, eq=False)
class NetworkReading:
    """A network of one seed after `step` optimizer steps: test accuracy, a share of 1, and its four layers."""

    seed: int
    step: int
    accuracy: float
    layers: tuple[LayerReading, ...]

    def layer(self, name: str) -> LayerReading:
        """Return a layer by its name."""
        return next(layer for layer in self.layers if layer.numbers.layer == name)


Networks = Sequence[NetworkReading]


def cell(values: Iterable[float], digits: int = 3) -> str:
    """Return the mean of several networks' values and their standard deviation, where they differ.

    A dash for what is unknown in every network.
    """
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return "-"
    spread = f" ± {known.std(ddof=1):.{digits}f}" if np.ptp(known) > 0 else ""
    return f"{known.mean():.{digits}f}{spread}"


def across(networks: Networks, layer: str, value: Callable[[LayerReading], float], digits: int = 3) -> str:
    """Return the cell of one layer's value."""
    return cell((value(network.layer(layer)) for network in networks), digits)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
