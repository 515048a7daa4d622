"""Where every pane lies: a pure function of the terminal's size and the pane in focus."""

from __future__ import annotations

from dataclasses import dataclass

from deepeyes_tui.app.bindings import PANES, PaneName

LEAST_WIDTH, LEAST_HEIGHT = 80, 24
GAP = 2


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


def arrange(width: int, height: int, focus: PaneName, full: bool = False) -> Arrangement:
    """Return where things lie. Below 110x34 one view is seen, below 180x48 the list and two, else all of them."""
    head = 1 if width >= 150 else 2
    body = Box(0, head, width, height - head - 1)
    wide, all_seen = width >= 110 and height >= 34, width >= 180 and height >= 48
    if full:
        panes = {focus: body}
    elif all_seen:
        panes = _everything(body)
    elif wide:
        panes = _list_and_two(body, focus)
    else:
        panes = _one(body, focus)
    return Arrangement(Box(0, 0, width, head), panes, Box(0, height - 1, width, 1), full or not all_seen)


def _one(body: Box, focus: PaneName) -> Boxes:
    if focus is not PaneName.TRAINING:
        return {focus: body}
    top, bottom = _rows(body, 0.52)
    return {PaneName.TRAINING: top, PaneName.LAYERS: bottom}


def _list_and_two(body: Box, focus: PaneName) -> Boxes:
    left, right = _columns(body, 0.42)
    top, bottom = _rows(right, 0.5)
    if focus in (PaneName.LAYER, PaneName.FILTERS):
        pair = (PaneName.LAYER, PaneName.FILTERS)
    elif focus is PaneName.LOG:
        pair = (PaneName.TRAINING, PaneName.LOG)
    else:
        pair = (PaneName.TRAINING, PaneName.PERPLEXITY)
    return {PaneName.LAYERS: left, pair[0]: top, pair[1]: bottom}


def _everything(body: Box) -> Boxes:
    left, rest = _columns(body, 0.36)
    middle, right = _columns(rest, 0.5)
    curves, layers = _rows(left, 0.4)
    multiples, log = _rows(middle, 0.66)
    layer, filters = _rows(right, 0.5)
    return dict(zip(PANES, (curves, layers, multiples, layer, filters, log), strict=True))


def _columns(box: Box, share: float) -> tuple[Box, Box]:
    left = round((box.width - GAP) * share)
    return (
        Box(box.x, box.y, left, box.height),
        Box(box.x + left + GAP, box.y, box.width - left - GAP, box.height),
    )


def _rows(box: Box, share: float) -> tuple[Box, Box]:
    top = round(box.height * share)
    return Box(box.x, box.y, box.width, top), Box(box.x, box.y + top, box.width, box.height - top)
