"""What the command can be told; apart from the rest, which takes longer to import."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from deepeyes_tui.link.runs import WHICH_RUN

FILES = ("csv", "json", "parquet")
TENSORBOARD = "tensorboard"
PICTURES = ("svg", "png")
WHAT = ("scalars", "layers", "filters", "events", "maps")


def add_export_options(
    parser: argparse.ArgumentParser, step: Callable[[str], int], size: Callable[[str], object]
) -> None:
    """Add what the command takes; `step` and `size` read these from text."""
    parser.add_argument("run", nargs="?", metavar="RUN", help=WHICH_RUN)
    kinds = (*FILES, TENSORBOARD, *PICTURES)
    parser.add_argument("--format", choices=kinds, help="csv, or svg with --view")
    parser.add_argument("--what", action="append", choices=WHAT, help="one table; again for another (all there are)")
    parser.add_argument("--view", metavar="PANE", help='a picture of it, as in "Input Map", input-map, or its number')
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="made where there is none (RUN-export)")
    parser.add_argument("--step", type=step, metavar="N", help="the state then, curves until then (all, the newest)")
    parser.add_argument("--layer", help="of this layer alone, by its name")
    parser.add_argument("--size", type=size, metavar="WxH", help="of a picture in cells (120x40)")
    parser.add_argument("--theme", choices=("dark", "light"), help="of a picture (dark)")
