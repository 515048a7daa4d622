"""What `deepeyes ctl RUN ...` was told, as what is sent to the run."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deepeyes_tui.link.filter_lists import parse_filters
from deepeyes_tui.link.messages import JSON, Action

JOURNAL = "journal"
"""Read from the run's folder, not asked of the run."""
WAIT, WAIT_FOR_SURGERY = 10.0, 60.0
"""Seconds to wait for an answer. Surgery plans, rehearses, and writes a checkpoint before it cuts."""


@dataclass(frozen=True, slots=True)
class Order:
    """`action` as in `messages.Action`, or `JOURNAL`, with its arguments.

    `states`: `dead`, `always_on`: the filters are read off the board, those of `layers`, of all where there are none.
    """

    action: str
    arguments: Mapping[str, JSON] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    timeout: float = WAIT


def plain(action: Action, _: argparse.Namespace) -> Order:
    """Return an action without arguments."""
    return Order(action, timeout=WAIT_FOR_SURGERY if action in (Action.UNDO, Action.SAVE) else WAIT)


def journal(_: argparse.Namespace) -> Order:
    """Return the order to read the journal."""
    return Order(JOURNAL)


def about_layer(action: Action, options: argparse.Namespace) -> Order:
    """Return an action on a layer, or on none or all."""
    return Order(action, {"layer": options.layer} if options.layer is not None else {})


def root(options: argparse.Namespace) -> Order:
    """Return which of the models is to be watched."""
    return Order(Action.ROOT, {"root": options.model})


def prune(options: argparse.Namespace) -> Order:
    """Return what is to be cut. Raises ValueError."""
    states = tuple(name for name in ("dead", "always_on") if getattr(options, name))
    if states:
        layers = tuple(options.what)
        return replace(_surgery(Action.PRUNE, {}, options), states=states, layers=layers)
    if not options.what:
        raise ValueError("say which filters: a layer and its list, as in conv1 3,7,11-14, or --dead")
    return _surgery(Action.PRUNE, {"filters": _lists(options.what)}, options)


def _lists(words: list[str]) -> dict[str, JSON]:
    """Return the filters of each layer, from `conv1 3,7 fc1 5`."""
    if len(words) % 2:
        raise ValueError("every layer takes one list without spaces, as in conv1 3,7,11-14 fc1 5")
    filters: dict[str, list[int]] = {}
    for layer, text in zip(words[::2], words[1::2], strict=True):
        filters.setdefault(layer, []).extend(parse_filters(text))
    return {layer: list(numbers) for layer, numbers in filters.items()}


def grow(options: argparse.Namespace) -> Order:
    """Return how many filters are to be added, and how. Raises ValueError."""
    how = options.how.replace("-", " ")
    if options.of is not None and how != "split":
        raise ValueError("--of names the filter that is split: add --how split")
    arguments: dict[str, JSON] = {"layer": options.layer, "count": options.count, "how": how, "source": options.of}
    return _surgery(Action.GROW, arguments, options)


def layers_of(action: Action, options: argparse.Namespace) -> Order:
    """Return that a layer is to be added or dropped."""
    return _surgery(action, {"layer": options.layer}, options)


def _surgery(action: Action, arguments: dict[str, JSON], options: argparse.Namespace) -> Order:
    if options.inexact:
        arguments["inexact"] = True
    if options.no_copies:
        arguments["copies"] = False
    if options.dry_run:
        return Order(Action.PLAN, {"action": str(action), **arguments}, timeout=WAIT_FOR_SURGERY)
    return Order(action, arguments, timeout=WAIT_FOR_SURGERY)


def freezing(action: Action, options: argparse.Namespace) -> Order:
    """Return a layer, and which of its filters, or all. Raises ValueError."""
    filters: JSON = None if options.filters is None else list(parse_filters(options.filters))
    return Order(action, {"layer": options.layer, "filters": filters})


def setting(name: str, options: argparse.Namespace) -> Order:
    """Return a hyper-parameter and its new value. Raises ValueError."""
    return Order(Action.SET, {"name": name, "value": _value(name, options.value)})


def _value(name: str, text: str) -> JSON:
    if name == "betas":
        return [_number(part, "two numbers are needed, as in 0.9,0.99") for part in _two(text)]
    if name == "batch_size":
        return count(text)
    return _number(text, "a number is needed, as in 1e-4")


def _two(text: str) -> list[str]:
    parts = text.split(",")
    if len(parts) != 2:
        raise ValueError(f"two numbers are needed, as in 0.9,0.99, not {text!r}")
    return parts


def _number(text: str, needed: str) -> float:
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{needed}, not {text!r}")
    return number


def count(text: str) -> int:
    """Return a positive number. Raises ValueError."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ValueError(f"a positive number is needed, not {text!r}")
    return int(text)
