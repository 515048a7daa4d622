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
    INPUT_MAP = "Input Map"
    INSTANCES = "Instances"
    FILTER_MAP = "Filter Map"
    LOG = "Log"
    FINDINGS = "Findings"


PANES = tuple(PaneName)
PANE_KEYS = {str(number % 10): pane for number, pane in enumerate(PANES, 1)}
"""The panes by their keys: the tenth has 0."""
KEY_OF = {pane: key for key, pane in PANE_KEYS.items()}
LISTS = (PaneName.LAYERS, PaneName.FILTERS)
MAPS = (PaneName.INPUT_MAP, PaneName.INSTANCES, PaneName.FILTER_MAP)
ON_BOTH_SCREENS = (PaneName.LAYERS, PaneName.LAYER, PaneName.FILTERS)
"""Panes that the screen of the overview and that of the maps have in common."""
SCATTERS = (PaneName.INPUT_MAP, PaneName.FILTER_MAP)


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
    searched: bool = False
    mapped: bool = False
    brushing: bool = False
    undoable: bool = False
    preview: bool = False
    agreeable: bool = False
    panel: bool = False
    tree: bool = False
    replaying: bool = False
    roots: bool = False
    choosing: bool = False

    @property
    def at_panel(self) -> bool:
        """Whether the panel is in front."""
        return self.panel and not (self.help or self.preview)

    @property
    def covered(self) -> bool:
        """Whether something lies over the panes."""
        return self.help or self.preview or self.panel or self.choosing


Applies = Callable[[Context], bool]


def _always(_: Context) -> bool:
    return True


def _pane(context: Context) -> bool:
    return not context.covered


def _layers(context: Context) -> bool:
    return context.layers and not context.covered


def _in(*panes: PaneName) -> Applies:
    return lambda context: context.focus in panes and not context.covered


def _panel(context: Context) -> bool:
    return context.at_panel


def _from_any_view(context: Context) -> bool:
    return _layers(context) or (_panel(context) and context.layers)


def _no_panel(context: Context) -> bool:
    return not _panel(context)


def _filters(context: Context) -> bool:
    return _layers(context) and context.focus is PaneName.FILTERS


def _markable(context: Context) -> bool:
    return _layers(context) and context.focus in (PaneName.LAYER, PaneName.FILTERS, *MAPS)


def _ranged(context: Context) -> bool:
    return _layers(context) and not context.brushing and context.focus in (PaneName.FILTERS, *SCATTERS)


def _scattered(context: Context) -> bool:
    return _layers(context) and context.focus in SCATTERS


def _on_layers(*panes: PaneName) -> Applies:
    return lambda context: _layers(context) and context.focus in panes


def _choosing(context: Context) -> bool:
    return context.choosing and not context.help


def _replaying(context: Context) -> bool:
    return context.replaying and not context.covered


def _only_plays(context: Context) -> bool:
    return _replaying(context) and not _markable(context)


def _by_home(context: Context) -> bool:
    return not _replaying(context)


def _grows(context: Context) -> bool:
    return not (context.replaying or context.covered)


def _rooted(context: Context) -> bool:
    return _steer(context) and context.roots and not context.covered


def _foldable(context: Context) -> bool:
    return _layers(context) and context.tree and context.focus is PaneName.LAYERS


_on_a_map = _on_layers(*MAPS)
_on_input_map = _on_layers(PaneName.INPUT_MAP)
_on_instances = _on_layers(PaneName.INSTANCES)
_on_filter_map = _on_layers(PaneName.FILTER_MAP)


def _instances(context: Context) -> bool:
    return _layers(context) and context.mapped


def _keeps_map(context: Context) -> bool:
    return _on_a_map(context) and context.mapped


def _steer(context: Context) -> bool:
    return context.live and not context.readonly and not context.help


def _reset(context: Context) -> bool:
    return _steer(context) and _layers(context)


def _edits(context: Context) -> bool:
    return _steer(context) and not context.covered


def _preview(context: Context) -> bool:
    return context.preview


def _agree(context: Context) -> bool:
    return context.preview and context.agreeable


def _searched(context: Context) -> bool:
    return _layers(context) and context.searched


def _brushing(context: Context) -> bool:
    return _layers(context) and context.brushing and context.focus in (PaneName.FILTERS, *SCATTERS)


def _rectangle(context: Context) -> bool:
    return _brushing(context) and context.focus in SCATTERS


def _undoable(context: Context) -> bool:
    return _layers(context) and context.undoable


def _sideways(context: Context) -> bool:
    return _layers(context) and context.focus in (PaneName.PERPLEXITY, PaneName.LAYER, PaneName.FILTERS, *MAPS)


def _opens(context: Context) -> bool:
    return _layers(context) and not context.brushing and context.focus in (*PANES[:4], *MAPS, PaneName.FINDINGS)


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
    Binding("agree", ("enter", "y"), "Enter y", "do what is shown", Group.TRAIN, _agree),
    Binding("decline", ("escape", "n", "q", "ctrl+c"), "Esc n q", "do not", Group.TRAIN, _preview),
    Binding("end_brush", ("enter", "v"), "Enter v", "mark what is in it", Group.MARK, _brushing, "Enter mark"),
    Binding("swap", ("o",), "o", "other corner of the rectangle", Group.MARK, _rectangle, "o corner"),
    Binding("drop_brush", ("escape",), "Esc", "drop the rectangle", Group.MARK, _brushing, "Esc drop"),
    Binding("panel_act", ("enter",), "Enter", "change it or do it (asks)", Group.TRAIN, _panel, "Enter change"),
    Binding("close_panel", ("E",), "E", "close the panel", Group.TRAIN, _panel, "E close"),
    Binding("panel_type", tuple("0123456789"), "0..9", "type another value", Group.TRAIN, _panel, "0-9 type"),
    Binding(
        "panel_less", ("h", "left", "<"), "h ← <", "propose less, or the one before", Group.TRAIN, _panel, "h l step"
    ),
    Binding("panel_more", ("l", "right", ">"), "l → >", "propose more, or the next one", Group.TRAIN, _panel),
    Binding("panel_again", ("r",), "r", "ask the training again", Group.TRAIN, _panel, "r again"),
    Binding("choose", ("enter",), "Enter", "choose what is under the cursor", Group.LOOK, _choosing, "Enter choose"),
    Binding("play", ("P",), "P", "play the record, or hold", Group.LOOK, _replaying, "P play"),
    Binding("play_too", ("space",), "space", "likewise, where nothing can be marked", Group.LOOK, _only_plays),
    Binding("next_event", (".",), ".", "to the next event of the record", Group.MOVE, _replaying, ", . event"),
    Binding("previous_event", (",",), ",", "to the event before", Group.MOVE, _replaying),
    Binding("next_state", ("L", "shift+right"), "L", "a recorded state forward", Group.MOVE, _replaying, "H L step"),
    Binding("previous_state", ("H", "shift+left"), "H", "a recorded state back", Group.MOVE, _replaying),
    Binding("jump", ("J",), "J", "go to a step: 1200, 1.2k, 50%, +100, -100", Group.MOVE, _replaying, "J jump"),
    Binding("first_state", ("home",), "Home", "to the first state of the record", Group.MOVE, _replaying),
    Binding("last_state", ("end",), "End", "to the last state of the record", Group.MOVE, _replaying),
    Binding("faster", ("}",), "}", "play faster", Group.LOOK, _replaying, "{ } speed"),
    Binding("slower", ("{",), "{", "play slower", Group.LOOK, _replaying),
    Binding("down", ("j", "down"), "j ↓", "next item, or down", Group.MOVE),
    Binding("up", ("k", "up"), "k ↑", "previous item, or up", Group.MOVE),
    Binding("left", ("h", "left"), "h ←", "left within a view", Group.MOVE, _sideways),
    Binding("right", ("l", "right"), "l →", "right within a view", Group.MOVE, _sideways),
    Binding("fold", ("h", "left"), "h ←", "fold the group, or go to the one around", Group.MOVE, _foldable, "h l fold"),
    Binding("unfold", ("l", "right"), "l →", "unfold the group, or go into it", Group.MOVE, _foldable),
    Binding("fold_all", ("-",), "-", "fold all groups of layers", Group.LOOK, _foldable),
    Binding("unfold_all", ("+", "="), "+", "unfold all groups of layers", Group.LOOK, _foldable),
    Binding("page_down", ("pagedown", "ctrl+d"), "PgDn", "a page down", Group.MOVE),
    Binding("page_up", ("pageup", "ctrl+u"), "PgUp", "a page up", Group.MOVE),
    Binding("first", ("g", "home"), "g Home", "to the first item", Group.MOVE, _by_home),
    Binding("last", ("G", "end"), "G End", "to the last item", Group.MOVE, _by_home),
    Binding("first_item", ("g",), "g", "to the first item", Group.MOVE, _replaying),
    Binding("last_item", ("G",), "G", "to the last item", Group.MOVE, _replaying),
    Binding("previous_layer", ("[",), "[", "previous layer, from any view", Group.MOVE, _from_any_view),
    Binding("next_layer", ("]",), "]", "next layer, from any view", Group.MOVE, _from_any_view, "[ ] layer"),
    Binding("next_pane", ("tab",), "Tab", "next pane", Group.LOOK, _pane),
    Binding("previous_pane", ("shift+tab", "backtab"), "shift+Tab", "previous pane", Group.LOOK, _pane),
    Binding("pane", tuple(PANE_KEYS), "0..9", "go to the pane of this number", Group.LOOK, _no_panel, "0-9 pane"),
    Binding("full", ("f",), "f", "pane full screen and back", Group.LOOK, _pane, "f full"),
    Binding("open", ("enter",), "Enter", "open, drill in", Group.LOOK, _opens, "Enter open"),
    Binding("back", ("backspace",), "Backspace", "go back out", Group.LOOK, _pane),
    Binding(
        "shows",
        ("m",),
        "m",
        "labels, activation, maximum, truth",
        Group.LOOK,
        _on_input_map,
        "m colour",
    ),
    Binding(
        "ranking",
        ("m",),
        "m",
        "marked instances, or the filter's strongest",
        Group.LOOK,
        _on_instances,
        "m which",
    ),
    Binding("only_label", ("y",), "y", "this label alone in colour, the rest grey", Group.LOOK, _scattered, "y label"),
    Binding("letters", ("t",), "t", "letters for labels, beside colours", Group.LOOK, _scattered),
    Binding("zoom_in", ("+", "="), "+", "zoom in, around the cursor", Group.LOOK, _scattered, "+ - zoom"),
    Binding("zoom_out", ("-",), "-", "zoom out", Group.LOOK, _scattered),
    Binding("renew", ("r",), "r", "map the newest instances", Group.LOOK, _on_a_map, "r renew"),
    Binding("renew_every", ("e",), "e", "renew every 200 or 1000 steps, or not", Group.LOOK, _on_a_map),
    Binding("looser", ("<",), "<", "join filters that are less alike", Group.LOOK, _on_filter_map),
    Binding("stricter", (">",), ">", "join only filters that are more alike", Group.LOOK, _on_filter_map),
    Binding("quantity", ("m",), "m", "maximum, frequency, mean on the marked", Group.LOOK, _filters, "m value"),
    Binding("sort", ("s",), "s", "sort by the next column or value", Group.LOOK, _in(*LISTS), "s sort"),
    Binding("reverse", ("S",), "S", "reverse the order", Group.LOOK, _in(*LISTS)),
    Binding("root", ("M",), "M", "choose which of the models is watched", Group.LOOK, _rooted, "M model"),
    Binding("beside", ("B",), "B", "choose a run to be seen beside this one", Group.LOOK, _pane),
    Binding("freeze", ("z",), "z", "freeze the picture (training goes on)", Group.LOOK, _grows),
    Binding("theme", ("T",), "T", "next theme: dark, light, the terminal's own", Group.LOOK),
    Binding("mark", ("space",), "space", "mark what is under the cursor", Group.MARK, _markable, "space mark"),
    Binding("range", ("v",), "v", "start / end a range or a rectangle", Group.MARK, _ranged, "v brush"),
    Binding("combine", ("o",), "o", "brush: add, replace, intersect, remove", Group.MARK, _scattered),
    Binding("mark_all", ("a",), "a", "mark all", Group.MARK, _markable),
    Binding("invert", ("i",), "i", "mark all others instead", Group.MARK, _markable),
    Binding("undo", ("u",), "u", "undo the last change of marks", Group.MARK, _undoable),
    Binding("same_label", ("b",), "b", "mark all of the same label", Group.MARK, _scattered, "b label"),
    Binding("undetected", ("x",), "x", "mark what no filter detects", Group.MARK, _instances),
    Binding(
        "dead", ("d",), "d", "mark dead filters: the layer's, of all layers in lists", Group.MARK, _layers, "d dead"
    ),
    Binding("always_on", ("p",), "p", "mark filters that are always on, likewise", Group.MARK, _layers),
    Binding("keep", ('"',), '"', "keep the marks under a name", Group.MARK, _markable),
    Binding("recall", ("'",), "'", "take up marks that were kept", Group.MARK, _markable),
    Binding("escape", ("escape",), "Esc", "clear the marks, one level up", Group.MARK),
    Binding(
        "search",
        ("/",),
        "/",
        "search: conv for layers, 17 or fc1:17 for a filter, =cat for labels",
        Group.MARK,
        _layers,
    ),
    Binding("next_match", ("n",), "n", "next match", Group.MARK, _searched, "n N match"),
    Binding("previous_match", ("N",), "N", "previous match", Group.MARK, _searched),
    Binding("pause", ("P",), "P", "pause / resume training", Group.TRAIN, _steer, "P pause"),
    Binding(
        "prune", ("X",), "X", "prune the marked filters: shows what would be cut, asks", Group.TRAIN, _reset, "X prune"
    ),
    Binding("take_back", ("U",), "U", "undo the last change of the network (asks)", Group.TRAIN, _reset),
    Binding("reset", ("R",), "R", "reset the layer's maximum activations (asks)", Group.TRAIN, _reset),
    Binding("panel", ("E",), "E", "edit the training: learning rate, grow, freeze ...", Group.TRAIN, _edits, "E edit"),
    Binding("keep_map", ("K",), "K", "keep this map: a replay shows it", Group.KEEP, _keeps_map, "K keep"),
    Binding("copy", ("c",), "c", "copy the view as text", Group.KEEP, _pane),
    Binding("write", ("w",), "w", "write the view to files: text and picture", Group.KEEP, _pane),
    Binding("help", ("?", "f1"), "? F1", "help: only what works here and now", Group.LEAVE, _always, "? help"),
    Binding("palette", (":", "ctrl+p"), ": ctrl+p", "command palette", Group.LEAVE, _pane, ": commands"),
    Binding("redraw", ("ctrl+l",), "ctrl+l", "draw the whole screen again", Group.LEAVE),
    Binding(
        "leave", ("q", "ctrl+c"), "q ctrl+c", "leave the viewer; a training goes on", Group.LEAVE, _always, "q leave"
    ),
)


IN_PREVIEW = frozenset(
    {"agree", "decline", "down", "up", "page_down", "page_up", "first", "last", "theme", "copy", "write", "redraw"}
)
"""What works while an operation is shown that waits for an answer."""


def applicable(context: Context) -> Iterator[Binding]:
    """Yield the bindings that work here and now, in the table's order."""
    known = (binding for binding in BINDINGS if not context.preview or binding.id in IN_PREVIEW)
    return (binding for binding in known if binding.applies(context))


def find(key: str, character: str | None, context: Context) -> Binding | None:
    """Return the binding of a key press that applies, if any."""
    names = {key, character} if character and character.isprintable() and character != " " else {key}
    return next((binding for binding in applicable(context) if names.intersection(binding.keys)), None)
