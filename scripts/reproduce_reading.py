"""Measure what DeepEyes reads off its MNIST network (section 4.6) on the demo's, trained under the monitor.

python scripts/reproduce_reading.py [--data ../shared/data/mnist.npz] [--steps 2000] [--seeds 3]
                                    [--write docs/reproductions.md]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from make_readme import filled
from reading.cells import NetworkReading
from reading.claims import claims_table
from reading.measures import read_layer
from reading.network import train_in_stages
from reading.tables import Stages, all_tables

from deepeyes_tui.demo.data import DataError, Digits, load_digits
from deepeyes_tui.demo.train import _positive
from deepeyes_tui.link.ring import RingError

EARLY = 300
INSTANCES = 2000


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, and put them into a document."""
    options = _parser().parse_args(argv)
    torch.set_num_threads(1)
    try:
        digits = load_digits(options.data)
        stages = read_networks(digits, steps=options.steps, seeds=options.seeds, instances=options.instances)
    except (DataError, RingError, ValueError) as error:
        print(f"reproduce_reading: {error}", file=sys.stderr)
        return 1
    claims = f"{_heading(digits, stages, options)}\n\n{claims_table(stages[max(stages)])}"
    tables = all_tables(stages)
    print(f"{claims}\n\n{tables}")
    if options.write:
        which = "full" if options.data else "shipped"
        _write(options.write, {f"claims, {which}": claims, f"tables, {which}": tables})
    return 0


def read_networks(digits: Digits, *, steps: int, seeds: int, instances: int, early: int = EARLY) -> Stages:
    """Train a network for every seed and measure it after `early` steps, where there are more, and at the end.

    Raises ValueError where there are too few digits, RingError where no instances arrive.
    """
    stages: dict[int, list[NetworkReading]] = {step: [] for step in sorted({min(early, steps), steps})}
    with _own_home():
        for seed in range(seeds):
            for stage in train_in_stages(digits, tuple(stages), seed=seed, instances=instances):
                layers = tuple(read_layer(seen, seed=seed) for seen in stage.layers)
                stages[stage.step].append(NetworkReading(seed, stage.step, stage.accuracy, layers))
                print(f"seed {seed}: measured after {stage.step} steps", file=sys.stderr)
    return stages


@contextmanager
def _own_home() -> Iterator[None]:
    """Keep these runs out of the user's list of runs, where they would take the place of others' instances."""
    before = os.environ.get("DEEPEYES_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DEEPEYES_HOME"] = folder
        try:
            yield
        finally:
            os.environ.pop("DEEPEYES_HOME")
            if before is not None:
                os.environ["DEEPEYES_HOME"] = before


def _heading(digits: Digits, stages: Stages, options: argparse.Namespace) -> str:
    end = max(stages)
    seeds = ", ".join(str(network.seed) for network in stages[end])
    return (
        f"{len(digits.x_train):,} training and {len(digits.x_test):,} test digits; networks of the seeds {seeds} after "
        f"{end} steps; {options.instances} instances of each layer; {_processor()}, {os.cpu_count()} cores, "
        f"CPython {platform.python_version()}, torch {torch.__version__}."
    )


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _write(document: Path, parts: Mapping[str, str]) -> None:
    """Put those parts for which the document has markers between them."""
    text = document.read_text(encoding="utf-8")
    for name, content in parts.items():
        if f"<!-- {name} -->" in text:
            text = filled(text, name, content)
    document.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="full MNIST: an .npz, or the folder with the four IDX files")
    parser.add_argument("--steps", type=_positive, default=2000, help="optimizer steps (2000)")
    parser.add_argument("--seeds", type=_positive, default=3, help="networks, of the seeds 0, 1 ... (3)")
    parser.add_argument("--instances", type=_positive, default=INSTANCES, help=f"of each layer ({INSTANCES})")
    parser.add_argument("--write", type=Path, help="a document with markers for the tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())
