"""Marking what is found of filters: those that are dead, those that are always on; and what to prune of them."""

from __future__ import annotations

from dataclasses import replace

from deepeyes_tui.app import selection as select
from deepeyes_tui.app.bindings import MAPS, PaneName
from deepeyes_tui.app.proposals import SENDER, wanted
from deepeyes_tui.app.room import Move
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.messages import JSON, Action, Command
from deepeyes_tui.link.snapshot import LEAST_WINDOW, LayerStatistics

OF_LAYER = (PaneName.LAYER, PaneName.FILTERS, *MAPS)
"""Panes that show one layer: there its filters are marked, elsewhere those of all layers."""
WITH_CURSOR = (PaneName.LAYER, PaneName.FILTERS, PaneName.FILTER_MAP)
"""Panes in which the filter under the cursor is seen."""
DEAD, ALWAYS_ON = "dead", "always on"
FILTERS = {DEAD: ("dead filter", "dead filters"), ALWAYS_ON: ("filter always on", "filters always on")}


def _mark(state: str) -> Move:
    return lambda scene, _: mark_state(scene, state)


def mark_state(scene: Scene, state: str) -> Scene:
    """Mark the filters that are `DEAD` or `ALWAYS_ON`, beside those that are marked, and say how many there are."""
    if scene.snapshot is None:
        return scene
    here = scene.desk.focus in OF_LAYER
    numbers = [scene.selection.layer] if here else list(range(scene.layers))
    layers = {number: scene.snapshot.layer(number) for number in numbers}
    found = {number: _found(layer, state) for number, layer in layers.items()}
    note = _said(layers, {number: filters for number, filters in found.items() if filters}, state)
    marked = replace(scene, selection=select.mark_in(scene.selection, found))
    return marked.with_desk(note=note, note_is_error=False)


def _found(layer: LayerStatistics, state: str) -> list[int]:
    if layer.dead_window < LEAST_WINDOW:
        return []
    flags = layer.dead if state == DEAD else layer.always_on
    return [int(filter) for filter in flags.nonzero()[0]]


def _said(layers: dict[int, LayerStatistics], found: dict[int, list[int]], state: str) -> str:
    one, several = FILTERS[state]
    names = [layer.info.name for layer in layers.values()]
    where = f" in {names[0]}" if len(names) == 1 else ""
    if not found:
        judged = any(layer.dead_window >= LEAST_WINDOW for layer in layers.values())
        return f"no {several}{where}" if judged else f"no filter{where} is judged yet: {LEAST_WINDOW} looks are needed"
    count = sum(map(len, found.values()))
    if not where:
        where = f" in {len(found)} layer{'s' * (len(found) != 1)}"
    return f"{count:,} {one if count == 1 else several} marked{where}"


def prune_command(scene: Scene) -> Command | None:
    """Return the command that prunes the marked filters of all layers; without marks, the one under the cursor.

    None where there is nothing to prune.
    """
    if scene.snapshot is None:
        return None
    marked = scene.selection.marked
    if not marked and scene.layer is not None and scene.desk.focus in WITH_CURSOR and scene.layer.info.filters:
        marked = {scene.selection.layer: frozenset((scene.selection.cursor,))}
    names = [info.name for info in scene.snapshot.layers]
    filters: dict[str, JSON] = {names[layer]: [*sorted(those)] for layer, those in sorted(marked.items())}
    return Command(Action.PRUNE, {"filters": filters}, sender=SENDER) if filters else None


def without_marks(scene: Scene, command: Command) -> Scene:
    """Return the scene without marks in the layers whose filters a command has changed."""
    names = wanted(command) if command.action in (Action.PRUNE, Action.GROW) else {}
    infos = scene.snapshot.layers if scene.snapshot else ()
    left = {k: marks for k, marks in scene.selection.marked.items() if k < len(infos) and infos[k].name not in names}
    return replace(scene, selection=replace(scene.selection, marked=left))


MARKING: dict[str, Move] = {"dead": _mark(DEAD), "always_on": _mark(ALWAYS_ON)}
