"""The whole screen as a canvas: a pure function of the scene and the terminal's size."""

from __future__ import annotations

from dataclasses import dataclass

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.layout import LEAST_HEIGHT, LEAST_WIDTH, Arrangement, Box, arrange, too_small
from deepeyes_tui.app.panes import (
    filter_map,
    filters,
    findings,
    help,
    input_map,
    instances,
    layer,
    layers,
    log,
    panel,
    perplexities,
    training,
)
from deepeyes_tui.app.panes.age import as_of
from deepeyes_tui.app.panes.base import Pane, lay, sentence, title_rule
from deepeyes_tui.app.panes.chooser import draw_chooser
from deepeyes_tui.app.panes.preview import draw_preview
from deepeyes_tui.app.panes.status import draw_status
from deepeyes_tui.app.panes.timeline import draw_top
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.scene import Scene

PANES: dict[PaneName, Pane] = {
    module.PANE.name: module.PANE
    for module in (training, layers, perplexities, layer, filters, input_map, instances, filter_map, log, findings)
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What stands on the screen, and where."""

    canvas: Canvas
    arrangement: Arrangement | None


class Painter:
    """Draws screens one after the other; a pane for which nothing has changed is not drawn again."""

    def __init__(self) -> None:
        self._drawn: dict[PaneName, tuple[tuple[object, ...], Canvas]] = {}

    def draw(self, scene: Scene, width: int, height: int) -> Picture:
        """Draw everything; below the least size, a sentence that says so."""
        if too_small(width, height):
            return Picture(_too_small(width, height), None)
        canvas, desk = Canvas(width, height), scene.desk
        arrangement = arrange(
            width, height, desk.focus, desk.full, scene.layers, desk.maps_screen, above=scene.replay is not None
        )
        _paste(canvas, arrangement.header, draw_top(scene, width, arrangement.header.height))
        body = Box(0, arrangement.header.height, width, height - arrangement.header.height - 1)
        if desk.proposal is not None:
            _paste(canvas, body, draw_preview(scene, body.width, body.height))
        elif desk.help:
            _paste(canvas, body, help.draw_help(scene, body.width, body.height))
        elif desk.chooser is not None:
            _paste(canvas, body, draw_chooser(desk.chooser, body.width, body.height, scene.ascii))
        elif desk.panel is not None:
            _paste(canvas, body, panel.draw_panel(scene, body.width, body.height))
        else:
            for name, box in arrangement.panes.items():
                _paste(canvas, box, self._pane(scene, name, box, arrangement))
        status = draw_status(scene, width)
        lay(canvas, status, height - status.height, 0)
        return Picture(canvas, arrangement)

    def _pane(self, scene: Scene, name: PaneName, box: Box, arrangement: Arrangement) -> Canvas:
        tabs = arrangement.tabs and box.y == arrangement.header.height
        known = scene.glyphs, scene.colour, scene.sentence, name is scene.desk.focus, tabs, box.width, box.height
        key = (*known, as_of(scene, name), *PANES[name].reads(scene))
        before = self._drawn.get(name)
        if before is not None and before[0] == key:
            return before[1]
        canvas = draw_pane(scene, name, box, tabs)
        self._drawn[name] = key, canvas
        return canvas


def draw_picture(scene: Scene, width: int, height: int) -> Picture:
    """Draw one screen."""
    return Painter().draw(scene, width, height)


def draw_pane(scene: Scene, name: PaneName, box: Box, tabs: bool) -> Canvas:
    """Draw one pane with the rule above it, with `tabs` naming the panes that are not seen as well."""
    pane = PANES[name]
    canvas = Canvas(box.width, box.height)
    facts = ", ".join(filter(None, (as_of(scene, name), pane.facts(scene))))
    rule = title_rule(scene, name, facts, box.width, name is scene.desk.focus, tabs)
    lay(canvas, rule, 0, 0)
    lay(canvas, pane.draw(scene, box.width, box.height - 1), 1, 0)
    return canvas


def _paste(canvas: Canvas, box: Box, part: Canvas) -> None:
    lay(canvas, part, box.y, box.x)


def _too_small(width: int, height: int) -> Canvas:
    text = f"{LEAST_WIDTH}x{LEAST_HEIGHT} is needed, this is {width}x{height}. Training is not affected. q leaves."
    canvas = sentence(width, height, text)
    canvas.ink[:] = Ink.DEFAULT
    return canvas


def as_text(scene: Scene, width: int, height: int) -> str:
    """Return the screen as plain text."""
    return "\n".join(line.rstrip() for line in draw_picture(scene, width, height).canvas.lines())
