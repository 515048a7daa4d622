"""How large the history of a long run gets, how fast it opens, and how fast any step of it is there.

A million steps and a hundred layers of 64 to 512 filters are fed at simulated times: python benchmarks/history.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from deepeyes_tui.history import History, Limits
from deepeyes_tui.history.curves import Value
from deepeyes_tui.history.events import EventFinder
from deepeyes_tui.history.writer import Batch, HistoryWriter
from deepeyes_tui.link.snapshot import LayerInfo, RunState, Snapshot, Status, layer_arrays

VARIANTS = 16
"""Different sets of arrays that take turns."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--layers", type=int, default=100)
    parser.add_argument("--curves", type=int, default=8)
    parser.add_argument("--steps-per-second", type=int, default=100, help="simulated; a state a second")
    parser.add_argument("--jumps", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.sqlite")
        record(path, options)
        measure(path, options)


def record(path: Path, options: argparse.Namespace) -> None:
    """Feed the whole run, and tell what it cost and how large the file was at most."""
    source = States(options.layers)
    writer, finder = HistoryWriter(path, Limits(), shared_log=True), EventFinder()
    largest, seconds = 0, {"curves": 0.0, "states": 0.0}
    every = options.steps_per_second
    for first in range(0, options.steps, every):
        values = source.values(first, every, options.curves)
        state = source.at(first + every)
        started = time.thread_time()
        writer.write(Batch(None, values))
        between = time.thread_time()
        writer.write(Batch(state, events=finder.news(state)))
        seconds["curves"] += between - started
        seconds["states"] += time.thread_time() - between
        if first // every % 100 == 0:
            largest = max(largest, size_of(path))
    largest = max(largest, size_of(path))
    writer.close()
    states = options.steps / every
    print(f"filters {source.filters:,}, states offered {states:,.0f}")
    print(f"CPU a state {seconds['states'] / states * 1e3:.2f} ms")
    print(f"CPU a value {seconds['curves'] / options.steps / options.curves * 1e6:.2f} us")
    print(f"largest {largest / 1e6:.1f} MB, at the end {size_of(path) / 1e6:.1f} MB")


def size_of(path: Path) -> int:
    """Return the bytes of the history and its log."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))


def measure(path: Path, options: argparse.Namespace) -> None:
    """Open it, and jump to steps at random; wall time."""
    opening = []
    for _ in range(5):
        started = time.perf_counter()
        with History(path) as history:
            kept = len(history.steps)
        opening.append(time.perf_counter() - started)
    print(f"opens in {np.median(opening) * 1e3:.1f} ms (at most {max(opening) * 1e3:.1f}), {kept} states kept")
    draws, jumps = np.random.default_rng(0), []
    with History(path) as history:
        for step in draws.integers(1, options.steps, options.jumps).tolist():
            started = time.perf_counter()
            history.at(step)
            jumps.append(time.perf_counter() - started)
    first, *others = jumps
    print(
        f"first jump {first * 1e3:.1f} ms, then median {np.median(others) * 1e3:.1f} ms, most {max(others) * 1e3:.1f}"
    )


class States:
    """Makes states of a network whose statistics drift, as those of a training do."""

    def __init__(self, layers: int) -> None:
        draws = np.random.default_rng(1)
        sizes = draws.integers(64, 513, layers).tolist()
        offsets = np.cumsum([0, *sizes]).tolist()
        self.layers = tuple(
            LayerInfo(f"block.{number}.conv", "conv 3x3", size, offset, size * 576)
            for number, (size, offset) in enumerate(zip(sizes, offsets, strict=False))
        )
        self.filters = offsets[-1]
        self._variants = [self._arrays(draws) for _ in range(VARIANTS)]
        self._reached = draws.random(self.filters)

    def _arrays(self, draws: np.random.Generator) -> dict[str, np.ndarray]:
        arrays = {}
        for spec in layer_arrays(len(self.layers), self.filters):
            if spec.dtype == "|b1":
                arrays[spec.name] = draws.random(spec.shape) < 0.05
            elif "i" in spec.dtype:
                arrays[spec.name] = np.full(spec.shape, 100, np.int64)
            else:
                values = draws.random(spec.shape) if spec.high <= 1 else draws.gamma(2.0, 3.0, spec.shape)
                arrays[spec.name] = values.astype(np.float32)
        return arrays

    def at(self, step: int) -> Snapshot:
        """Return a state at a step; each filter reached its maximum somewhere before."""
        arrays = {**self._variants[step % VARIANTS], "reached_step": (self._reached * step).astype(np.int64)}
        status = Status(state=RunState.TRAINING, step=step, epoch=step / 1000, published_at=float(step))
        return Snapshot("benchmark", 1, step, self.layers, ("cat", "dog"), status, arrays)

    def values(self, first: int, steps: int, curves: int) -> list[Value]:
        """Return noisy values of some curves from a step on."""
        noise = np.random.default_rng(first).random(steps).tolist()
        return [
            (f"curve {curve}", first + 1 + step, 1000 / (first + 1000) + noise[step])
            for step in range(steps)
            for curve in range(curves)
        ]


if __name__ == "__main__":
    main()
