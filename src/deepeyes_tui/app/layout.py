"""Where every pane lies: a pure function of the terminal's size and the pane in focus."""

from __future__ import annotations

from dataclasses import dataclass

from deepeyes_tui.app.bindings import MAPS, ON_BOTH_SCREENS, PaneName

LEAST_WIDTH, LEAST_HEIGHT = 80, 24
GAP = 2
LIST_EXTRA, LEAST_LIST = 7, 10
"""Rows that the list of layers takes beside a row a layer: rule, heads, findings."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of cells."""

    x: int
    y: int
    width: int
    height: int

    def __contains__(self, cell: tuple[int, int]) -> bool:
        return self.x <= cell[0] < self.x + self.width and self.y <= cell[1] < self.y + self.height


Boxes = dict[PaneName, Box]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The boxes of the panes that are seen, and whether the others are reached by tabs."""

    header: Box
    panes: Boxes
    status: Box
    tabs: bool


def too_small(width: int, height: int) -> bool:
    """Return whether there is no room for any view."""
    return width < LEAST_WIDTH or height < LEAST_HEIGHT


def arrange(
    width: int, height: int, focus: PaneName, full: bool = False, layers: int = 0, maps: bool = False, above: int = 0
) -> Arrangement:
    """Return where things lie, on the screen of the overview or that of the maps.

    The header gets `above` rows more than it needs. Below 110x34 one view is seen, below 180x48 four of them, else all
    that belong together.
    """
    maps = focus in MAPS or (maps and focus in ON_BOTH_SCREENS)
    head = (1 if width >= 150 else 2) + above
    body = Box(0, head, width, height - head - 1)
    wide, all_seen = width >= 110 and height >= 34, width >= 180 and height >= 48
    if full:
        panes = {focus: body}
    elif all_seen:
        panes = _all_maps(body, layers) if maps else _everything(body, layers)
    elif wide and maps:
        panes = _four_maps(body, focus)
    elif wide:
        panes = _list_and_two(body, focus, layers)
    else:
        panes = _one(body, focus, layers)
    tabs = full or not wide
    return Arrangement(Box(0, 0, width, head), panes, Box(0, height - 1, width, 1), tabs)


def _one(body: Box, focus: PaneName, layers: int) -> Boxes:
    if focus is not PaneName.TRAINING:
        return {focus: body}
    if not layers:
        return dict(zip((PaneName.TRAINING, PaneName.LOG), _split(body, body.height // 2), strict=True))
    return _overview(body, layers)


def _overview(box: Box, layers: int) -> Boxes:
    """Give the list as much as its layers need, at most half, and the curves the rest."""
    wanted = max(layers + LIST_EXTRA, LEAST_LIST)
    listed = min(wanted, box.height // 2)
    curves, rows = _split(box, box.height - listed)
    return {PaneName.TRAINING: curves, PaneName.LAYERS: rows}


def _list_and_two(body: Box, focus: PaneName, layers: int) -> Boxes:
    left, right = _columns(body, 0.46)
    if focus is PaneName.FINDINGS:
        return {**_overview(left, layers), focus: right}
    upper = PaneName.LAYER if focus is PaneName.LAYER else PaneName.PERPLEXITY
    lower = PaneName.LOG if focus is PaneName.LOG else PaneName.FILTERS
    top, bottom = _split(right, round(right.height * 0.5))
    return {**_overview(left, layers), upper: top, lower: bottom}


def _everything(body: Box, layers: int) -> Boxes:
    left, rest = _columns(body, 0.36)
    middle, right = _columns(rest, 0.5)
    multiples, below = _split(middle, round(middle.height * 0.5))
    findings, log = _split(below, round(below.height * 0.55))
    layer, filters = _split(right, round(right.height * 0.5))
    names = PaneName.PERPLEXITY, PaneName.LAYER, PaneName.FILTERS, PaneName.FINDINGS, PaneName.LOG
    others = dict(zip(names, (multiples, layer, filters, findings, log), strict=True))
    return {**_overview(left, layers), **others}


def _four_maps(body: Box, focus: PaneName) -> Boxes:
    """Lay out the linked views: what the instances are at the left, what the filters are at the right."""
    left, right = _columns(body, 0.58)
    upper, lower = _split(left, round(left.height * 0.54))
    top, bottom = _split(right, round(right.height * 0.52))
    fourth = focus if focus in (PaneName.LAYERS, PaneName.LAYER) else PaneName.FILTERS
    return {
        PaneName.INPUT_MAP: upper,
        PaneName.INSTANCES: lower,
        PaneName.FILTER_MAP: top,
        fourth: bottom,
    }


def _all_maps(body: Box, layers: int) -> Boxes:
    left, rest = _columns(body, 0.27)
    middle, right = _columns(rest, 0.6)
    listed = min(max(layers + LIST_EXTRA, LEAST_LIST), left.height // 2)
    upper, lower = _split(middle, round(middle.height * 0.66))
    top, bottom = _split(right, round(right.height * 0.52))
    names = PaneName.LAYERS, PaneName.LAYER, PaneName.INPUT_MAP, PaneName.INSTANCES
    boxes = *_split(left, listed), upper, lower
    return {**dict(zip(names, boxes, strict=True)), PaneName.FILTER_MAP: top, PaneName.FILTERS: bottom}


def _columns(box: Box, share: float) -> tuple[Box, Box]:
    left = round((box.width - GAP) * share)
    return (
        Box(box.x, box.y, left, box.height),
        Box(box.x + left + GAP, box.y, box.width - left - GAP, box.height),
    )


def _split(box: Box, top: int) -> tuple[Box, Box]:
    return Box(box.x, box.y, box.width, top), Box(box.x, box.y + top, box.width, box.height - top)
