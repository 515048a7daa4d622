"""The one table of keys: it drives dispatch, footer, help screen, command palette and the README."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class PaneName(StrEnum):
    """The panes, by what they show. The value is what the user reads."""

    TRAINING = "Training"
    LAYERS = "Layers"
    PERPLEXITY = "Perplexity"
    LAYER = "Layer"
    FILTERS = "Filters"
    LOG = "Log"


PANES = tuple(PaneName)
LISTS = (PaneName.LAYERS, PaneName.FILTERS)


class Group(StrEnum):
    """Headings of the help screen, in their order there."""

    MOVE = "Move"
    LOOK = "Look"
    MARK = "Mark and search"
    TRAIN = "Training"
    KEEP = "Keep"
    LEAVE = "Help and leave"


@dataclass(frozen=True, slots=True)
class Context:
    """What decides whether a key works now."""

    focus: PaneName = PaneName.TRAINING
    help: bool = False
    layers: bool = True
    live: bool = True
    readonly: bool = False
    marked: bool = False
    searched: bool = False


Applies = Callable[[Context], bool]


def _always(_: Context) -> bool:
    return True


def _pane(context: Context) -> bool:
    return not context.help


def _layers(context: Context) -> bool:
    return context.layers and not context.help


def _in(*panes: PaneName) -> Applies:
    return lambda context: context.focus in panes and not context.help


def _filters(context: Context) -> bool:
    return _layers(context) and context.focus is PaneName.FILTERS


def _steer(context: Context) -> bool:
    return context.live and not context.readonly and not context.help


def _reset(context: Context) -> bool:
    return _steer(context) and context.layers


def _searched(context: Context) -> bool:
    return _layers(context) and context.searched


def _sideways(context: Context) -> bool:
    return _layers(context) and context.focus in (PaneName.PERPLEXITY, PaneName.FILTERS)


def _opens(context: Context) -> bool:
    return _layers(context) and context.focus in PANES[:4]


@dataclass(frozen=True, slots=True)
class Binding:
    """One thing that keys do. `keys` as Textual names them, `shown` as the user reads them, `short` for the footer."""

    id: str
    keys: tuple[str, ...]
    shown: str
    does: str
    group: Group
    applies: Applies = _always
    short: str = ""


BINDINGS: tuple[Binding, ...] = (
    Binding("down", ("j", "down"), "j ↓", "next item, or down", Group.MOVE),
    Binding("up", ("k", "up"), "k ↑", "previous item, or up", Group.MOVE),
    Binding("left", ("h", "left"), "h ←", "left within a view", Group.MOVE, _sideways),
    Binding("right", ("l", "right"), "l →", "right within a view", Group.MOVE, _sideways),
    Binding("page_down", ("pagedown", "ctrl+d"), "PgDn", "a page down", Group.MOVE),
    Binding("page_up", ("pageup", "ctrl+u"), "PgUp", "a page up", Group.MOVE),
    Binding("first", ("g", "home"), "g Home", "to the first item", Group.MOVE),
    Binding("last", ("G", "end"), "G End", "to the last item; the log: follow again", Group.MOVE),
    Binding("previous_layer", ("[",), "[", "previous layer, from any view", Group.MOVE, _layers),
    Binding("next_layer", ("]",), "]", "next layer, from any view", Group.MOVE, _layers, "[ ] layer"),
    Binding("next_pane", ("tab",), "Tab", "next pane", Group.LOOK, _pane),
    Binding("previous_pane", ("shift+tab", "backtab"), "shift+Tab", "previous pane", Group.LOOK, _pane),
    Binding("pane", tuple("123456"), "1..6", "go to the pane of this number", Group.LOOK, _always, "1-6 pane"),
    Binding("full", ("f",), "f", "pane full screen and back", Group.LOOK, _pane, "f full"),
    Binding("open", ("enter",), "Enter", "open, drill in", Group.LOOK, _opens, "Enter open"),
    Binding("back", ("backspace",), "Backspace", "go back out", Group.LOOK, _pane),
    Binding("quantity", ("m",), "m", "maximum or frequency of activation", Group.LOOK, _filters, "m max/frequency"),
    Binding("sort", ("s",), "s", "sort by the next column or value", Group.LOOK, _in(*LISTS), "s sort"),
    Binding("reverse", ("S",), "S", "reverse the order", Group.LOOK, _in(*LISTS)),
    Binding("freeze", ("z",), "z", "freeze the picture (training goes on)", Group.LOOK, _pane),
    Binding("theme", ("T",), "T", "next theme: dark, light, the terminal's own", Group.LOOK),
    Binding("mark", ("space",), "space", "mark the filter under the cursor", Group.MARK, _filters, "space mark"),
    Binding("range", ("v",), "v", "start / end a range of marked filters", Group.MARK, _filters, "v range"),
    Binding("mark_all", ("a",), "a", "mark all filters of the layer", Group.MARK, _filters),
    Binding("escape", ("escape",), "Esc", "clear the marks, one level up", Group.MARK),
    Binding("search", ("/",), "/", "search: conv finds layers, 17 or fc1:17 a filter", Group.MARK, _layers),
    Binding("next_match", ("n",), "n", "next match", Group.MARK, _searched, "n N match"),
    Binding("previous_match", ("N",), "N", "previous match", Group.MARK, _searched),
    Binding("pause", ("P",), "P", "pause / resume training", Group.TRAIN, _steer, "P pause"),
    Binding("reset", ("R",), "R", "reset the layer's maximum activations (asks)", Group.TRAIN, _reset),
    Binding("copy", ("c",), "c", "copy the view as text", Group.KEEP, _pane),
    Binding("write", ("w",), "w", "write the view to files: text and picture", Group.KEEP, _pane),
    Binding("help", ("?", "f1"), "? F1", "help: only what works here and now", Group.LEAVE, _always, "? help"),
    Binding("palette", (":", "ctrl+p"), ": ctrl+p", "command palette", Group.LEAVE, _pane, ": commands"),
    Binding("redraw", ("ctrl+l",), "ctrl+l", "draw the whole screen again", Group.LEAVE),
    Binding(
        "leave", ("q", "ctrl+c"), "q ctrl+c", "leave the viewer; training goes on", Group.LEAVE, _always, "q leave"
    ),
)


def applicable(context: Context) -> Iterator[Binding]:
    """Yield the bindings that work here and now, in the table's order."""
    return (binding for binding in BINDINGS if binding.applies(context))


def find(key: str, character: str | None, context: Context) -> Binding | None:
    """Return the binding of a key press that applies, if any."""
    names = {key, character} if character and character.isprintable() and character != " " else {key}
    return next((binding for binding in applicable(context) if names.intersection(binding.keys)), None)


def markdown() -> str:
    """Return the README's table of keys."""
    rows = [f"| {' '.join(f'`{key}`' for key in b.shown.split())} | {b.does} |" for b in BINDINGS]
    return "\n".join(["| key | does |", "| --- | --- |", *rows])


if __name__ == "__main__":
    print(markdown())
