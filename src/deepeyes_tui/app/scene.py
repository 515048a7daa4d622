"""Everything that the screen is a function of, frozen: what is known of the run, what is selected, how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.beside import Beside
from deepeyes_tui.app.bindings import Context, PaneName
from deepeyes_tui.app.chooser import Chooser
from deepeyes_tui.app.chosen import mean_activation
from deepeyes_tui.app.maps import InputMap, Maps
from deepeyes_tui.app.panel import Panel
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.scatter import View
from deepeyes_tui.app.proposals import Proposal
from deepeyes_tui.app.replaying import Replay
from deepeyes_tui.app.selection import Combine, Selection
from deepeyes_tui.app.totals import totals
from deepeyes_tui.app.tree import Tree, tree_of
from deepeyes_tui.link.journal import Entry
from deepeyes_tui.link.maps import REDUNDANT, FilterMap, Sample
from deepeyes_tui.link.messages import Command
from deepeyes_tui.link.snapshot import LayerStatistics, RunState, Snapshot


class Quantity(StrEnum):
    """What a cell of the heatmap shows."""

    MAXIMUM = "maximum"
    FREQUENCY = "frequency"
    SELECTION = "mean on the marked"


class MapShows(StrEnum):
    """What the points of the Input Map show."""

    LABELS = "labels"
    ACTIVATION = "activation"
    MAXIMUM = "maximum activation"
    TRUTH = "truth of the map"


class Asking(StrEnum):
    """What is being typed. The value stands before it."""

    SEARCH = "/"
    KEEP = "keep as: "
    RECALL = "take up: "
    VALUE = "new value: "
    STEP = "go to step: "


Trail = tuple[tuple[int, ...], ...]
"""The ids of the landmarks that were drilled into, level by level."""
Spot = tuple[float, float]
"""A place on a map, in its own coordinates."""


@dataclass(frozen=True, slots=True)
class Brush:
    """A rectangle that is being drawn on a map, from `anchor` to `at`."""

    pane: PaneName
    layer: int
    anchor: Spot
    at: Spot


class LayerOrder(StrEnum):
    """What the list of layers is sorted by."""

    NETWORK = "network"
    STABLE = "stable at"
    DEAD = "dead"
    UNDETECTED = "undetected"


@dataclass(frozen=True, slots=True)
class Question:
    """Something to be answered with one key in the status row: key -> what the answer is called.

    `command` is what `y` sends to the training.
    """

    id: str
    text: str
    answers: tuple[tuple[str, str], ...] = (("y", "yes"), ("n", "no"))
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """How things are shown: nothing of it concerns the run. `log_end` None follows the log.

    `shows` None lets the Input Map follow the marks; `views` are maps that were zoomed, by pane and layer, `trails`
    the landmarks drilled into, by layer; `renewals` counts how often a new map was asked for. `proposal` is the
    operation that is shown, from line `proposal_top` on. `folded` are groups of layers by their paths, None: as they
    are at first; `group` is the one under the cursor.
    """

    focus: PaneName = PaneName.TRAINING
    full: bool = False
    help: bool = False
    help_top: int = 0
    layer_order: LayerOrder = LayerOrder.NETWORK
    layers_reversed: bool = False
    folded: frozenset[str] | None = None
    group: str = ""
    quantity: Quantity = Quantity.MAXIMUM
    by_value: bool = True
    filters_reversed: bool = False
    log_end: int | None = None
    finding: int = 0
    searched: str = ""
    typing: str | None = None
    asking: Asking = Asking.SEARCH
    maps_screen: bool = False
    shows: MapShows | None = None
    by_selection: bool = True
    letters: bool = False
    combine: Combine = Combine.ADD
    brush: Brush | None = None
    views: Mapping[tuple[PaneName, int], View] = field(default_factory=dict)
    trails: Mapping[int, Trail] = field(default_factory=dict)
    similar: float = REDUNDANT
    renew_every: int = 0
    renewals: int = 0
    strongest: bool = False
    large: bool = False
    bar: int = 0
    question: Question | None = None
    panel: Panel | None = None
    chooser: Chooser | None = None
    proposal: Proposal | None = None
    proposal_top: int = 0
    note: str = ""
    note_is_error: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """`sentence` is the run's state in words, `ended` whether its process is no more or has nothing left to do,
    `silent` whether nothing has come from it for a while.

    `acts` are what was done to the training, in their order. `replay` is there where a record is gone through,
    `beside` where another run is seen beside this one.
    """

    run: str = ""
    snapshot: Snapshot | None = None
    sentence: str = "waiting for the training to start"
    ended: bool = False
    failed: bool = False
    silent: bool = False
    log: tuple[str, ...] = ()
    acts: tuple[Entry, ...] = ()
    selection: Selection = field(default_factory=Selection)
    desk: Desk = field(default_factory=Desk)
    glyphs: Glyphs = Glyphs.BRAILLE
    colour: bool = True
    readonly: bool = False
    maps: Maps = field(default_factory=Maps)
    replay: Replay | None = None
    beside: Beside | None = None

    def with_desk(self, **changes: object) -> Scene:
        """Return the scene with some things shown otherwise."""
        return replace(self, desk=replace(self.desk, **changes))  # type: ignore[arg-type]

    @property
    def ascii(self) -> bool:
        """Whether nothing but ASCII may be drawn."""
        return self.glyphs is Glyphs.ASCII

    @property
    def paused(self) -> bool:
        """Whether the training waits."""
        return self.snapshot is not None and self.snapshot.status.state is RunState.PAUSED

    @property
    def layers(self) -> int:
        """The number of layers known."""
        return len(self.snapshot.layers) if self.snapshot else 0

    @property
    def tree(self) -> Tree | None:
        """The layers as a tree; None where they are a plain list: few, without groups, or sorted."""
        plain = self.desk.layer_order is not LayerOrder.NETWORK or self.desk.layers_reversed
        if self.snapshot is None or plain:
            return None
        return tree_of(tuple(info.name for info in self.snapshot.layers))

    @property
    def layer(self) -> LayerStatistics | None:
        """The layer in focus."""
        return self.snapshot.layer(self.selection.layer) if self.snapshot and self.snapshot.layers else None

    @property
    def layer_name(self) -> str:
        """The name of the layer in focus."""
        return self.snapshot.layers[self.selection.layer].name if self.snapshot and self.snapshot.layers else ""

    @property
    def input_map(self) -> InputMap | None:
        """The Input Map of the layer in focus."""
        shown = (self.maps.input, *(pair[0] for pair in self.maps.shelf))
        fitting = (m for m in shown if m is not None and self._fits(m.sample.layer, m.sample.filters))
        return next(fitting, None)

    @property
    def sample(self) -> Sample | None:
        """The instances of the layer in focus: those that are on the map, or the newest where there is none yet."""
        if self.input_map is not None:
            return self.input_map.sample
        found = self.maps.sample
        return found if found is not None and self._fits(found.layer, found.filters) else None

    @property
    def filter_map(self) -> FilterMap | None:
        """The Filter Map of the layer in focus."""
        shown = (self.maps.filters, *(pair[1] for pair in self.maps.shelf))
        return next((m for m in shown if m is not None and self._fits(m.layer, len(m.label))), None)

    def _fits(self, layer: str, filters: int) -> bool:
        own = self.snapshot.layers[self.selection.layer] if self.snapshot and self.snapshot.layers else None
        return own is not None and (own.name, own.filters) == (layer, filters)

    @property
    def trail(self) -> Trail:
        """The landmarks drilled into, of the layer in focus."""
        return self.desk.trails.get(self.selection.layer, ())

    @property
    def brush(self) -> Brush | None:
        """The rectangle that is being drawn on the map in focus."""
        brush, here = self.desk.brush, (self.desk.focus, self.selection.layer)
        return brush if brush is not None and (brush.pane, brush.layer) == here else None

    @property
    def context(self) -> Context:
        """What decides which keys work."""
        desk = self.desk
        return Context(
            focus=desk.focus,
            help=desk.help,
            layers=self.layers > 0,
            live=self.snapshot is not None and not self.ended and self.replay is None,
            readonly=self.readonly,
            searched=bool(desk.searched),
            mapped=self.sample is not None,
            brushing=self.brush is not None or (desk.focus is PaneName.FILTERS and self.selection.anchor is not None),
            undoable=bool(self.selection.past),
            panel=desk.panel is not None,
            tree=self.tree is not None,
            replaying=self.replay is not None,
            roots=len(self.snapshot.status.roots) > 1 if self.snapshot else False,
            choosing=desk.chooser is not None,
            preview=desk.proposal is not None,
            agreeable=desk.proposal is not None and desk.proposal.ready,
        )


def layer_order(scene: Scene) -> list[int]:
    """Return the layers in the order that the list shows them."""
    if scene.snapshot is None:
        return []
    indices = list(range(scene.layers))
    desk, known = scene.desk, totals(scene.snapshot)
    if desk.layer_order is LayerOrder.STABLE:
        since = known.stable_since.tolist()
        indices.sort(key=lambda i: (since[i] < 0, since[i]))
    elif desk.layer_order is LayerOrder.DEAD:
        shares = (-known.dead / np.maximum(known.filters, 1)).tolist()
        indices.sort(key=shares.__getitem__)
    elif desk.layer_order is LayerOrder.UNDETECTED:
        indices.sort(key=(-np.nan_to_num(known.undetected)).tolist().__getitem__)
    elif (tree := scene.tree) is not None:
        return tree.order
    return indices[::-1] if desk.layers_reversed else indices


def shown_quantity(scene: Scene) -> Quantity:
    """Return what the heatmap shows: what the filters do on the marked instances, once there are any."""
    chosen = scene.desk.by_selection and bool(scene.selection.chosen) and scene.sample is not None
    return Quantity.SELECTION if chosen else scene.desk.quantity


def shown_on_map(scene: Scene) -> MapShows:
    """Return what the Input Map shows: where the marked filters fire, once there are any."""
    if scene.desk.shows is not None:
        return scene.desk.shows
    return MapShows.ACTIVATION if scene.selection.marks else MapShows.LABELS


def not_seen(layer: LayerStatistics) -> NDArray[np.bool_]:
    """Return of which filters no activation above 0 was seen, since they are there or were reset, `(F,)`: what is
    known of them is no measurement, unless they are found dead.
    """
    return (layer.reached_step < 0) & ~(layer.maximum > 0) & ~layer.dead


def filter_values(scene: Scene, layer: LayerStatistics) -> NDArray[np.float32]:
    """Return what the heatmap shows of every filter, `(F,)`; NaN of those of which nothing was seen."""
    match shown_quantity(scene):
        case Quantity.SELECTION if scene.sample is not None:
            return mean_activation(scene.sample, scene.selection.chosen)
        case Quantity.FREQUENCY:
            measured = layer.frequency
        case _:
            measured = layer.maximum
    return np.where(not_seen(layer), np.float32(np.nan), measured)


def filter_order(scene: Scene, layer: LayerStatistics) -> NDArray[np.intp]:
    """Return the filters in the order that the heatmap shows them, `(F,)`: by falling value, NaN last."""
    values = filter_values(scene, layer)
    order = np.argsort(-values, kind="stable") if scene.desk.by_value else np.arange(len(values))
    return order[::-1] if scene.desk.filters_reversed else order
