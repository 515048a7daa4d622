"""A list of which one is chosen: a model to watch, a run to be seen beside this one. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepeyes_tui.app.scene import Scene

NO_RUN = "none: this run alone"


class About(StrEnum):
    """What is chosen. The value stands above the list."""

    ROOT = "Choose the model that is watched"
    BESIDE = "Choose a run to be seen beside this one"


NO_OTHER = {
    About.ROOT: "no other model is trained here",
    About.BESIDE: "there is no other run to be seen beside this one: `deepeyes ls` lists them",
}
"""What is said where there is nothing to choose from."""


@dataclass(frozen=True, slots=True)
class Item:
    """What can be chosen, and more about it; `here`: it is what holds now."""

    name: str
    more: str = ""
    here: bool = False


@dataclass(frozen=True, slots=True)
class Chooser:
    """A list, and the row under the cursor."""

    about: About
    items: tuple[Item, ...]
    row: int = 0

    @property
    def item(self) -> Item:
        """What is under the cursor."""
        return self.items[self.row]


def open_list(scene: Scene, about: About, items: Sequence[Item]) -> Scene:
    """Show a list, with the cursor on what holds now; without any items say that there is no choice."""
    if not items:
        return scene.with_desk(note=NO_OTHER[about], note_is_error=True)
    row = next((i for i, item in enumerate(items) if item.here), 0)
    return scene.with_desk(chooser=Chooser(about, tuple(items), row))


def moved(scene: Scene, step: int) -> Scene:
    """Move the cursor, clipped to the items there are."""
    chooser = scene.desk.chooser
    if chooser is None:
        return scene
    row = min(max(chooser.row + step, 0), len(chooser.items) - 1)
    return scene.with_desk(chooser=replace(chooser, row=row))


def roots(scene: Scene) -> tuple[Item, ...]:
    """Return the models of a run."""
    status = scene.snapshot.status if scene.snapshot else None
    return tuple(Item(name, here=name == status.root) for name in status.roots) if status else ()
