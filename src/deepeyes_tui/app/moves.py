"""What keys do that change nothing but the scene: pure functions, by the id of their binding."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

import numpy as np

from deepeyes_tui.app import chooser, finding_moves, map_moves, panel_moves
from deepeyes_tui.app import selection as select
from deepeyes_tui.app.bindings import MAPS, ON_BOTH_SCREENS, PANES, SCATTERS, PaneName
from deepeyes_tui.app.folding import FOLDING, entered, row_at_cursor, step_row, to_row, turn
from deepeyes_tui.app.marking import MARKING
from deepeyes_tui.app.panes.filters import in_range, map_layout
from deepeyes_tui.app.panes.help import fitted, help_lines
from deepeyes_tui.app.panes.perplexities import multiples, shape_of
from deepeyes_tui.app.panes.preview import most_scrolled
from deepeyes_tui.app.replaying import CHANGES, replayed
from deepeyes_tui.app.room import Move, Room
from deepeyes_tui.app.scene import Asking, Quantity, Scene, filter_order, layer_order, shown_quantity
from deepeyes_tui.app.search import next_match

FAR = 10**9
WITH_LIST = (PaneName.TRAINING, PaneName.LAYERS)
"""Panes in which the cursor goes over the rows of the list of layers, groups among them."""
Named = TypeVar("Named", bound=StrEnum)


def _vertical(rows: int, page: bool = False) -> Move:
    """Return a move down (or up) by rows, or by pages, in whatever pane has the focus."""

    def move(scene: Scene, room: Room) -> Scene:
        step = rows * max(room.height - 2, 1) if page else rows
        focus = scene.desk.focus
        if scene.desk.proposal is not None:
            top = scene.desk.proposal_top + step
            return scene.with_desk(proposal_top=min(max(top, 0), most_scrolled(scene, room.width, room.height)))
        if scene.desk.chooser is not None and not scene.desk.help:
            return chooser.moved(scene, step)
        if scene.desk.help:
            most = max(len(fitted(help_lines(scene), room.width - 2)) - room.height, 0)
            return scene.with_desk(help_top=min(max(scene.desk.help_top + step, 0), most))
        if focus is PaneName.LOG:
            return _scroll_log(scene, step, room)
        if focus is PaneName.FINDINGS:
            return finding_moves.moved(scene, step)
        if focus is PaneName.FILTERS:
            return _move_cursor(scene, room, 0, step)
        if focus in SCATTERS:
            return map_moves.move_on_map(scene, room, 0, step)
        if focus is PaneName.INSTANCES:
            return map_moves.move_on_tiles(scene, room, 0, rows if not page else 3 * rows)
        if focus is PaneName.PERPLEXITY:
            shape = shape_of(scene, room.width, room.height)
            return _step_multiple(scene, rows * (shape.per_page if page else shape.columns))
        return step_row(scene, step) if focus in WITH_LIST else _step_layer(scene, step)

    return move


def _sideways(columns: int) -> Move:
    def move(scene: Scene, room: Room) -> Scene:
        if scene.desk.focus is PaneName.FILTERS:
            return _move_cursor(scene, room, columns, 0)
        if scene.desk.focus in SCATTERS:
            return map_moves.move_on_map(scene, room, columns, 0)
        if scene.desk.focus is PaneName.INSTANCES:
            return map_moves.move_on_tiles(scene, room, columns, 0)
        if scene.desk.focus is PaneName.LAYER:
            return map_moves.move_on_bars(scene, columns)
        return _step_multiple(scene, columns)

    return move


def _end(sign: int) -> Move:
    """Return a move to the first or the last of what the pane in focus shows."""

    def move(scene: Scene, room: Room) -> Scene:
        if scene.desk.proposal is not None or scene.desk.chooser is not None:
            return _vertical(sign * FAR)(scene, room)
        if scene.desk.focus is PaneName.LOG and not scene.desk.help:
            return scene.with_desk(log_end=None) if sign > 0 else _scroll_log(scene, -FAR, room)
        if scene.desk.focus is PaneName.FILTERS and not scene.desk.help:
            return _move_cursor(scene, room, sign * FAR, 0)
        if scene.desk.focus is PaneName.PERPLEXITY and not scene.desk.help:
            return _step_multiple(scene, sign * FAR)
        if scene.desk.focus is PaneName.INSTANCES and not scene.desk.help:
            return map_moves.move_on_tiles(scene, room, sign * FAR, 0)
        if scene.desk.focus in SCATTERS and not scene.desk.help:
            return map_moves.move_on_map(scene, room, sign * FAR, 0)
        return _vertical(sign * FAR)(scene, room)

    return move


def _scroll_log(scene: Scene, step: int, room: Room) -> Scene:
    last = len(scene.log)
    end = (last if scene.desk.log_end is None else scene.desk.log_end) + step
    return scene.with_desk(log_end=None if end >= last else max(end, min(room.height, last)))


def to_layer(scene: Scene, index: int) -> Scene:
    """Put the focus on a layer."""
    return replace(scene, selection=select.to_layer(scene.selection, index, scene.layers))


def _step_multiple(scene: Scene, step: int) -> Scene:
    """Go to another of the histograms that are shown beside one another."""
    shown = multiples(scene)
    if not shown:
        return scene
    place = shown.index(scene.selection.layer) + step
    return to_layer(scene, shown[min(max(place, 0), len(shown) - 1)])


def _step_layer(scene: Scene, step: int) -> Scene:
    """Go on over the layers themselves, unfolding what they are folded into."""
    order, row = layer_order(scene), row_at_cursor(scene)
    if not order or row is None:
        return scene
    if row.is_group and scene.desk.group and step > 0:
        step -= 1
    place = order.index(scene.selection.layer) + step
    return entered(to_layer(scene, order[min(max(place, 0), len(order) - 1)]))


def _move_cursor(scene: Scene, room: Room, dx: int, dy: int) -> Scene:
    layer = scene.layer
    if layer is None or not layer.info.filters:
        return scene
    order = filter_order(scene, layer)
    place = int(np.flatnonzero(order == scene.selection.cursor)[0])
    layout = map_layout(scene, len(order), room.width, room.height)
    return to_filter(scene, int(order[layout.move(place, dx, dy)]))


def to_filter(scene: Scene, index: int) -> Scene:
    """Put the cursor on a filter of the layer in focus."""
    filters = scene.layer.info.filters if scene.layer else 0
    return replace(scene, selection=select.to_filter(scene.selection, index, filters))


def to_pane(scene: Scene, pane: PaneName) -> Scene:
    """Put the focus on a pane, and show the screen that it is on."""
    on_maps = scene.desk.maps_screen if pane in ON_BOTH_SCREENS else pane in MAPS
    return scene.with_desk(focus=pane, help=False, panel=None, chooser=None, maps_screen=on_maps, large=False)


def _tab(step: int) -> Move:
    return lambda scene, _: to_pane(scene, PANES[(PANES.index(scene.desk.focus) + step) % len(PANES)])


def _open(scene: Scene, room: Room) -> Scene:
    focus = scene.desk.focus
    if focus is PaneName.LAYERS and (row := row_at_cursor(scene)) is not None and row.is_group:
        return turn(to_row(scene, row), row.path)
    if focus is PaneName.INPUT_MAP:
        return map_moves.drill_in(scene, room)
    if focus is PaneName.FILTER_MAP:
        return map_moves.mark_group(scene)
    if focus is PaneName.INSTANCES:
        return scene.with_desk(large=not scene.desk.large)
    if focus is PaneName.FINDINGS:
        return finding_moves.opened(scene)
    deeper = {PaneName.LAYER: PaneName.FILTERS}
    return to_pane(scene, deeper.get(focus, PaneName.LAYER))


def _back(scene: Scene, _: Room) -> Scene:
    if scene.desk.focus is PaneName.INPUT_MAP and scene.trail:
        return map_moves.go_out(scene)
    if scene.desk.focus is PaneName.INSTANCES and scene.desk.large:
        return scene.with_desk(large=False)
    outer = {PaneName.FILTERS: PaneName.LAYER, PaneName.LAYER: PaneName.LAYERS}
    return to_pane(scene, outer.get(scene.desk.focus, PaneName.TRAINING))


def _escape(scene: Scene, room: Room) -> Scene:
    """Take back one thing: help, a range, marks, the full screen, the pane."""
    desk, selection = scene.desk, scene.selection
    if desk.help:
        return scene.with_desk(help=False)
    if desk.chooser is not None:
        return scene.with_desk(chooser=None)
    if desk.brush is not None or selection.anchor is not None:
        return _without_brush(scene)
    if desk.large:
        return scene.with_desk(large=False)
    if selection.marked or selection.instances:
        return replace(scene, selection=select.clear(selection))
    if selection.labels:
        return replace(scene, selection=replace(selection, labels=select.NONE))
    if desk.full:
        return scene.with_desk(full=False)
    if desk.maps_screen:
        return scene if desk.focus in MAPS else to_pane(scene, PaneName.INPUT_MAP)
    return _back(scene, room)


def _without_brush(scene: Scene) -> Scene:
    """Drop the rectangle, or the range."""
    return replace(scene, selection=replace(scene.selection, anchor=None)).with_desk(brush=None)


def _range(scene: Scene, room: Room) -> Scene:
    layer = scene.layer
    if scene.desk.focus in SCATTERS:
        return map_moves.brush(scene, room)
    if layer is None or scene.selection.anchor is None:
        return replace(scene, selection=select.begin_range(scene.selection))
    return replace(scene, selection=select.end_range(scene.selection, in_range(scene, layer)))


def _sort(scene: Scene, _: Room) -> Scene:
    if scene.desk.focus is PaneName.FILTERS:
        return scene.with_desk(by_value=not scene.desk.by_value)
    return scene.with_desk(layer_order=_after(scene.desk.layer_order))


def _reverse(scene: Scene, _: Room) -> Scene:
    if scene.desk.focus is PaneName.FILTERS:
        return scene.with_desk(filters_reversed=not scene.desk.filters_reversed)
    return scene.with_desk(layers_reversed=not scene.desk.layers_reversed)


def _quantity(scene: Scene, _: Room) -> Scene:
    """Show the next quantity; the mean on the marked instances is one only while there are any."""
    if shown_quantity(scene) is Quantity.SELECTION:
        return scene.with_desk(by_selection=False, quantity=Quantity.MAXIMUM)
    if scene.desk.quantity is Quantity.MAXIMUM:
        return scene.with_desk(quantity=Quantity.FREQUENCY)
    return scene.with_desk(quantity=Quantity.MAXIMUM, by_selection=True)


def _after(value: Named) -> Named:
    members = list(type(value))
    return members[(members.index(value) + 1) % len(members)]


def _through_record(action: str) -> Move:
    return lambda scene, _: replayed(scene, action)


MOVES: dict[str, Move] = {
    "down": _vertical(1),
    "up": _vertical(-1),
    "left": _sideways(-1),
    "right": _sideways(1),
    "page_down": _vertical(1, page=True),
    "page_up": _vertical(-1, page=True),
    "first": _end(-1),
    "last": _end(1),
    "previous_layer": lambda scene, _: _step_layer(scene, -1),
    "next_layer": lambda scene, _: _step_layer(scene, 1),
    "next_pane": _tab(1),
    "previous_pane": _tab(-1),
    "full": lambda scene, _: scene.with_desk(full=not scene.desk.full),
    "open": _open,
    "back": _back,
    "escape": _escape,
    "quantity": _quantity,
    "sort": _sort,
    "reverse": _reverse,
    **{action: _through_record(action) for action in CHANGES},
    "jump": lambda scene, _: scene.with_desk(typing="", asking=Asking.STEP),
    "first_item": _end(-1),
    "last_item": _end(1),
    **FOLDING,
    **map_moves.MAP_MOVES,
    **panel_moves.STEPS,
    **MARKING,
    "mark": map_moves.mark_at_cursor,
    "range": _range,
    "end_brush": _range,
    "drop_brush": lambda scene, _: _without_brush(scene),
    "mark_all": map_moves.mark_all,
    "search": lambda scene, _: scene.with_desk(typing="", asking=Asking.SEARCH),
    "next_match": lambda scene, _: next_match(scene, 1),
    "previous_match": lambda scene, _: next_match(scene, -1),
    "help": lambda scene, _: scene.with_desk(help=not scene.desk.help, help_top=0),
}
