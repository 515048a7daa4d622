"""The actions of `deepeyes ctl RUN`, as people type them: one table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from deepeyes_tui.ctl import orders
from deepeyes_tui.ctl.orders import Order
from deepeyes_tui.link.messages import GROWTHS, Action

Read: TypeAlias = Callable[[argparse.Namespace], Order]
Add: TypeAlias = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True)
class Verb:
    """One action as people type it. `add` adds its arguments, `read` turns them into what is sent."""

    name: str
    summary: str
    example: str
    read: Read
    add: Add = lambda _: None


def _add_layer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layer", metavar="LAYER", help="by its name")


def _add_optional_layer(text: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layer", nargs="?", metavar="LAYER", help=text)


def _add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="by its name: `deepeyes ctl RUN status` lists them")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    _add_layer(parser)
    parser.add_argument("filters", nargs="?", metavar="FILTERS", help="as in 3,7,11-14 (all of the layer)")


def _add_prune(parser: argparse.ArgumentParser) -> None:
    what = "a layer and its filters as in 3,7,11-14, and the next; with --dead or --always-on layers alone (all)"
    parser.add_argument("what", nargs="*", metavar="LAYER FILTERS", help=what)
    parser.add_argument("--dead", action="store_true", help="the filters that the monitor has found dead")
    parser.add_argument("--always-on", action="store_true", help="those that it has found to fire on nearly everything")
    _add_surgery(parser)


def _add_grow(parser: argparse.ArgumentParser) -> None:
    _add_layer(parser)
    parser.add_argument("count", type=_count, metavar="COUNT", help="filters to add")
    ways = [way.replace(" ", "-") for way in GROWTHS]
    how = f"{ways[0]}: no effect on the output at first; {ways[1]}: a filter in two; {ways[2]}: all weights at random"
    parser.add_argument("--how", choices=ways, default=ways[0], help=f"{how} ({ways[0]})")
    parser.add_argument("--of", type=_filter, metavar="FILTER", help="with --how split: the filter")
    _add_surgery(parser)


def _add_surgery_on_layer(parser: argparse.ArgumentParser) -> None:
    _add_layer(parser)
    _add_surgery(parser)


def _add_surgery(parser: argparse.ArgumentParser) -> None:
    inexact = "also where the output cannot become what masking would make it, or stay as it is"
    parser.add_argument("--inexact", action="store_true", help=inexact)
    parser.add_argument("--no-copies", action="store_true", help="leave copies of the model, such as averages, alone")
    parser.add_argument("--dry-run", action="store_true", help="say what it would do, and do nothing")


def _add_value(example: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", metavar="VALUE", help=f"the new one, as in {example}")


def _count(text: str) -> int:
    try:
        return orders.count(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _filter(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"the number of a filter is needed, not {text!r}")
    return int(text)


def _plain(action: Action, summary: str) -> Verb:
    return Verb(str(action), summary, str(action), partial(orders.plain, action))


def _setting(name: str, summary: str, example: str) -> Verb:
    word = name.replace("_", "-")
    return Verb(word, summary, f"{word} {example}", partial(orders.setting, name), partial(_add_value, example))


def _on_layer(action: Action, summary: str, layer: str, read: Read, add: Add) -> Verb:
    return Verb(str(action), summary, f"{action} {layer}", read, add)


def _looking(action: Action, summary: str, missing: str) -> Verb:
    add = partial(_add_optional_layer, f"by its name ({missing})")
    return _on_layer(action, summary, "conv1", partial(orders.about_layer, action), add)


def _layers(action: Action, summary: str, layer: str) -> Verb:
    return _on_layer(action, summary, layer, partial(orders.layers_of, action), _add_surgery_on_layer)


def _freezing(action: Action, summary: str) -> Verb:
    return _on_layer(action, summary, "conv1 3,7", partial(orders.freezing, action), _add_filters)


VERBS = (
    _plain(Action.PAUSE, "pause the training between two steps"),
    _plain(Action.RESUME, "let it go on"),
    _plain(Action.STOP, "stop it for good"),
    Verb(str(Action.PRUNE), "cut filters out of the network", "prune conv1 3,7,11-14 fc1 5", orders.prune, _add_prune),
    Verb(str(Action.GROW), "add filters to a layer", "grow conv1 4 --how split --of 3", orders.grow, _add_grow),
    _layers(Action.ADD_LAYER, "add a layer behind one, which changes nothing at first", "conv1"),
    _layers(Action.DROP_LAYER, "take a layer out of the network", "fc1.2 --inexact"),
    _plain(Action.UNDO, "take back the last of prune, grow, add-layer and drop-layer"),
    _freezing(Action.FREEZE, "keep a layer, or some of its filters, as they are"),
    _freezing(Action.UNFREEZE, "let them learn again"),
    _setting("lr", "set the learning rate", "1e-4"),
    _setting("momentum", "set the momentum", "0.9"),
    _setting("betas", "set the betas of Adam and its like", "0.9,0.99"),
    _setting("weight_decay", "set the weight decay", "1e-4"),
    _setting("batch_size", "set the size of the batches", "64"),
    _plain(Action.SAVE, "write a checkpoint into the run's folder"),
    _plain(Action.SETTINGS, "say what is set, what is frozen and what undo would take back"),
    Verb(orders.JOURNAL, "say who changed what and when, also of a run that has ended", "journal", orders.journal),
    _looking(Action.RESET, "forget the maximum activations", "all layers"),
    _looking(Action.FOCUS, "keep the instances of one layer in full", "none"),
    Verb(str(Action.ROOT), "watch another of the models that are trained", "root critic", orders.root, _add_root),
    _plain(Action.STATUS, "say how the run stands"),
)
