"""How fast and how true the maps are, beside nptsne, openTSNE, UMAP and pynndescent, in one run.

    python benchmarks/embedding.py --data mnist.npz [--quick] [--sizes 5000 20000] [--lines hierarchy kept ...]

Every measurement is a process of its own, ours and the others' in turn; medians. Without full MNIST only 5,000 of
the digits that ship are used. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from projections import data, ours, rivals
from projections.lines import LINES, Bench, Row
from projections.running import CORES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="full MNIST: an .npz, or the folder with the four IDX files")
    parser.add_argument("--quick", action="store_true", help="5,000 points, one round, no slow rivals")
    parser.add_argument("--sizes", type=int, nargs="+", default=[5000, 20000, 60000], help="digits (5000 20000 60000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, interleaved (3)")
    parser.add_argument("--lines", nargs="+", choices=LINES, default=list(LINES), help="only these")
    parser.add_argument("--job", nargs=2, metavar=("NAME", "ARGUMENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(job(*options.job)))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no job is left behind
    with tempfile.TemporaryDirectory() as folder:
        rounds = 1 if options.quick else options.rounds
        report(Bench(Path(folder), options.data, options.quick, rounds, options.sizes), options.lines)


def job(name: str, arguments: str) -> dict[str, object]:
    """Do one measurement in this process."""
    module = next(module for module in (data, ours, rivals) if hasattr(module, name))
    return getattr(module, name)(**json.loads(arguments))


def report(bench: Bench, lines: list[str]) -> None:
    machine = f"{platform.processor() or platform.machine()}, {CORES} cores, load {os.getloadavg()[0]:.1f} before"
    print(f"{machine}, {bench.rounds} rounds, digits {bench.sizes}\n")
    print("| | must | measured | beside | ratio | met |\n| --- | --- | --- | --- | --- | --- |")
    for name in lines:
        for row in LINES[name](bench):
            print(as_markdown(row), flush=True)


def as_markdown(row: Row) -> str:
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    return "| " + " | ".join((row.line, row.must, row.measured, row.beside, row.ratio, met)) + " |"


if __name__ == "__main__":
    main()
