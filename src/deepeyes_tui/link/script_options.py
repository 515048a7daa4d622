"""What `deepeyes run` is told about a script that it runs unmodified: the options, read and written."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

CONTROL = ("on", "off")
DEFAULT_BUDGET = 0.02


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """`labels` name the classes, `mean` and `std` are the normalisation of its pictures, one value a channel; `layers`
    are globs over module paths, () for all; `budget` is the monitor's share of step time, `control` "on" or "off".
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layers: tuple[str, ...] = ()
    budget: float = DEFAULT_BUDGET
    control: str = "on"

    def to_arguments(self) -> list[str]:
        """Return the command line that `read_options` turns into these options."""
        words = [f"--name={self.name}"] if self.name else []
        words += [f"--label={label}" for label in self.labels]
        words += [f"--{name}={_joined(values)}" for name in ("mean", "std") if (values := getattr(self, name))]
        words += [f"--layers={pattern}" for pattern in self.layers]
        return [*words, f"--budget={self.budget!r}", f"--control={self.control}"]


def add_script_options(parser: argparse.ArgumentParser) -> None:
    """Add what a script cannot tell itself."""
    told = parser.add_argument_group("what the script does not tell")
    told.add_argument("--labels", type=_labels, metavar="A,B,C", help="names of the classes, or @FILE with one a line")
    told.add_argument("--label", action="append", help=argparse.SUPPRESS)
    told.add_argument("--mean", type=_numbers, metavar="R,G,B", help="what its pictures were normalised with")
    told.add_argument("--std", type=_deviations, metavar="R,G,B", help="the same")
    told.add_argument(
        "--layers", action="append", metavar="GLOB", help='watch only these, as in "encoder.*"; repeatable'
    )
    told.add_argument("--budget", type=_share, metavar="SHARE", help="of step time for the monitor, at most (0.02)")
    told.add_argument("--control", choices=CONTROL, help="off: look on, act on nothing (on)")


def read_options(given: argparse.Namespace) -> ScriptOptions:
    """Return the options that were given to a parser with `add_script_options`."""
    return ScriptOptions(
        name=given.name or "",
        labels=given.labels or tuple(given.label or ()),
        mean=given.mean or (),
        std=given.std or (),
        layers=tuple(given.layers or ()),
        budget=given.budget or DEFAULT_BUDGET,
        control=given.control or "on",
    )


def _joined(values: tuple[float, ...]) -> str:
    return ",".join(map(repr, values))


def _labels(text: str) -> tuple[str, ...]:
    if not text.startswith("@"):
        return tuple(label.strip() for label in text.split(","))
    try:
        lines = Path(text[1:]).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"labels cannot be read from {text[1:]!r} ({error})") from None
    labels = tuple(line.strip() for line in lines if line.strip())
    if not labels:
        raise argparse.ArgumentTypeError(f"there are no labels in {text[1:]!r}")
    return labels


def _numbers(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"numbers with commas between are needed, as in 0.49,0.48,0.45, not {text!r}")
    return values


def _deviations(text: str) -> tuple[float, ...]:
    values = _numbers(text)
    if min(values) <= 0:
        raise argparse.ArgumentTypeError(f"standard deviations are above nought, not {text!r}")
    return values


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"a share of step time in (0, 1] is needed, not {text!r}")
    return share
