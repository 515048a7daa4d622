"""The command palette: everything in the table of keys that has a meaning without a place, themes, and every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon

from deepeyes_tui.app import panel_desk
from deepeyes_tui.app.bindings import PANE_KEYS, Group, PaneName, applicable
from deepeyes_tui.app.folding import entered
from deepeyes_tui.app.moves import to_layer, to_pane
from deepeyes_tui.app.panes.words import layer_name
from deepeyes_tui.app.themes import usable

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer

MOST_LAYERS_AT_FIRST = 12
PLACELESS = (
    "pause",
    "prune",
    "take_back",
    "reset",
    "panel",
    "freeze",
    "full",
    "quantity",
    "sort",
    "reverse",
    "fold_all",
    "unfold_all",
    "mark_all",
    "invert",
    "undo",
    "undetected",
    "dead",
    "always_on",
    "keep",
    "recall",
    "shows",
    "ranking",
    "letters",
    "combine",
    "renew",
    "renew_every",
    "play",
    "next_event",
    "previous_event",
    "jump",
    "faster",
    "slower",
    "root",
    "beside",
    "keep_map",
    "copy",
    "write",
    "help",
    "leave",
)
"""The keys' bindings that are commands as well, the most wanted first."""

Entry = tuple[str, str, Callable[[], object]]
"""What it is called, more about it, what it does."""


class Commands(Provider):
    """Our commands, as they apply now."""

    async def discover(self) -> Hits:
        """Yield everything but most of the layers of a large network."""
        every = list(entries(self._viewer))
        left_out = max(self._viewer.scene.layers - MOST_LAYERS_AT_FIRST, 0)
        for title, more, act in every[: len(every) - left_out]:
            yield DiscoveryHit(Text(title), act, title, more)

    async def search(self, query: str) -> Hits:
        """Yield what matches."""
        matcher = self.matcher(query)
        for title, more, act in entries(self._viewer):
            if (score := matcher.match(title)) > 0:
                yield Hit(score, Text(title), act, title, more)

    @property
    def _viewer(self) -> Viewer:
        return cast("Viewer", self.app)


def entries(viewer: Viewer) -> Iterator[Entry]:
    """Yield the commands that apply now."""
    scene = viewer.scene
    bindings = {binding.id: binding for binding in applicable(scene.context)}
    for binding in filter(None, map(bindings.get, PLACELESS)):
        name = ("resume training" if scene.paused else "pause training") if binding.id == "pause" else binding.does
        yield name, f"{binding.group}, key {binding.shown}", partial(viewer.do, binding.id)
    if scene.context.live and not scene.readonly:
        yield "stop training (asks)", str(Group.TRAIN), viewer.ask_to_stop
    for title, act in panel_desk.offers(viewer):
        yield title, str(Group.TRAIN), act
    for theme in usable(viewer.depth):
        yield f"theme: {theme}", str(Group.LOOK), partial(viewer.use_theme, theme)
    for key, pane in PANE_KEYS.items():
        yield f"go to {pane}", f"{Group.LOOK}, key {key}", partial(_go_to_pane, viewer, pane)
    for index in range(scene.layers):
        yield f"layer {layer_name(scene, index, 60)}", str(Group.MOVE), partial(_go_to_layer, viewer, index)


def _go_to_pane(viewer: Viewer, pane: PaneName) -> None:
    viewer.scene = to_pane(viewer.scene, pane)


def _go_to_layer(viewer: Viewer, index: int) -> None:
    viewer.scene = entered(to_layer(viewer.scene, index))


class Palette(CommandPalette):
    """Textual's palette, without the glyph that few terminal fonts have."""

    def on_mount(self) -> None:
        """Put a sign before the search line."""
        self.query_one(SearchIcon).icon = ">"


def open_palette(viewer: Viewer) -> None:
    """Open the palette over the screen."""
    viewer.push_screen(Palette(providers=[Commands], placeholder="Search for commands and layers"))
