"""Everything that the screen is a function of, frozen: what is known of the run, what is selected, how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.bindings import Context, PaneName
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.selection import Selection
from deepeyes_tui.link.snapshot import LayerStatistics, RunState, Snapshot


class Quantity(StrEnum):
    """What a cell of the heatmap shows."""

    MAXIMUM = "maximum"
    FREQUENCY = "frequency"


class LayerOrder(StrEnum):
    """What the list of layers is sorted by."""

    NETWORK = "network"
    STABLE = "stable since"
    DEAD = "dead"
    UNDETECTED = "undetected"


@dataclass(frozen=True, slots=True)
class Question:
    """Something to be answered with one key in the status row: key -> what the answer is called."""

    id: str
    text: str
    answers: tuple[tuple[str, str], ...] = (("y", "yes"), ("n", "no"))


@dataclass(frozen=True, slots=True)
class Desk:
    """How things are shown: nothing of it concerns the run. `log_end` None follows the log."""

    focus: PaneName = PaneName.TRAINING
    full: bool = False
    help: bool = False
    help_top: int = 0
    layer_order: LayerOrder = LayerOrder.NETWORK
    layers_reversed: bool = False
    quantity: Quantity = Quantity.MAXIMUM
    by_value: bool = True
    filters_reversed: bool = False
    log_end: int | None = None
    searched: str = ""
    typing: str | None = None
    question: Question | None = None
    note: str = ""
    note_is_error: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """`sentence` is the run's state in words, `ended` whether its process is no more or has nothing left to do."""

    run: str = ""
    snapshot: Snapshot | None = None
    sentence: str = "waiting for the training to start"
    ended: bool = False
    failed: bool = False
    log: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    desk: Desk = field(default_factory=Desk)
    glyphs: Glyphs = Glyphs.BRAILLE
    colour: bool = True
    readonly: bool = False

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
    def layer(self) -> LayerStatistics | None:
        """The layer in focus."""
        return self.snapshot.layer(self.selection.layer) if self.snapshot and self.snapshot.layers else None

    @property
    def context(self) -> Context:
        """What decides which keys work."""
        desk = self.desk
        return Context(
            focus=desk.focus,
            help=desk.help,
            layers=self.layers > 0,
            live=self.snapshot is not None and not self.ended,
            readonly=self.readonly,
            marked=bool(self.selection.marked),
            searched=bool(desk.searched),
        )


def layer_order(scene: Scene) -> list[int]:
    """Return the layers in the order that the list shows them."""
    if scene.snapshot is None:
        return []
    indices = list(range(scene.layers))
    desk, arrays = scene.desk, scene.snapshot.arrays
    if desk.layer_order is LayerOrder.STABLE:
        since = arrays["stable_since"]
        indices.sort(key=lambda i: (int(since[i]) < 0, int(since[i])))
    elif desk.layer_order is LayerOrder.DEAD:
        shares = [
            -int(arrays["dead"][i.offset : i.offset + i.filters].sum()) / max(i.filters, 1)
            for i in scene.snapshot.layers
        ]
        indices.sort(key=shares.__getitem__)
    elif desk.layer_order is LayerOrder.UNDETECTED:
        indices.sort(key=lambda i: -float(np.nan_to_num(arrays["undetected"][i])))
    return indices[::-1] if desk.layers_reversed else indices


def filter_values(scene: Scene, layer: LayerStatistics) -> NDArray[np.float32]:
    """Return what the heatmap shows of every filter, `(F,)`."""
    return layer.maximum if scene.desk.quantity is Quantity.MAXIMUM else layer.frequency


def filter_order(scene: Scene, layer: LayerStatistics) -> NDArray[np.intp]:
    """Return the filters in the order that the heatmap shows them, `(F,)`: by falling value, NaN last."""
    values = filter_values(scene, layer)
    order = np.argsort(-values, kind="stable") if scene.desk.by_value else np.arange(len(values))
    return order[::-1] if scene.desk.filters_reversed else order
