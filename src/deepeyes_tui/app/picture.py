"""The whole screen as a canvas: a pure function of the scene and the terminal's size."""

from __future__ import annotations

from dataclasses import dataclass

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.layout import LEAST_HEIGHT, LEAST_WIDTH, Arrangement, Box, arrange, too_small
from deepeyes_tui.app.panes import filters, help, layer, layers, log, perplexities, training
from deepeyes_tui.app.panes.base import Pane, sentence, title_rule
from deepeyes_tui.app.panes.header import draw_header
from deepeyes_tui.app.panes.status import draw_status
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.scene import Scene

PANES: dict[PaneName, Pane] = {
    module.PANE.name: module.PANE for module in (training, layers, perplexities, layer, filters, log)
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What stands on the screen, and where."""

    canvas: Canvas
    arrangement: Arrangement | None


def draw_picture(scene: Scene, width: int, height: int) -> Picture:
    """Draw everything; below the least size, a sentence that says so."""
    if too_small(width, height):
        return Picture(_too_small(scene, width, height), None)
    canvas, desk = Canvas(width, height), scene.desk
    arrangement = arrange(width, height, desk.focus, desk.full, scene.layers)
    _paste(canvas, arrangement.header, draw_header(scene, width, arrangement.header.height))
    if desk.help:
        body = Box(0, arrangement.header.height, width, height - arrangement.header.height - 1)
        _paste(canvas, body, help.draw_help(scene, body.width, body.height))
    else:
        for name, box in arrangement.panes.items():
            _paste(canvas, box, draw_pane(scene, name, box, arrangement))
    _paste(canvas, arrangement.status, draw_status(scene, width))
    return Picture(canvas, arrangement)


def draw_pane(scene: Scene, name: PaneName, box: Box, arrangement: Arrangement) -> Canvas:
    """Draw one pane with the rule above it; the pane in focus has the tabs where not all panes are seen."""
    pane, focused = PANES[name], name is scene.desk.focus
    canvas = Canvas(box.width, box.height)
    tabs = arrangement.tabs and box.y == arrangement.header.height
    canvas.paste(title_rule(scene, name, pane.facts(scene), box.width, focused, tabs), 0, 0)
    canvas.paste(pane.draw(scene, box.width, box.height - 1), 1, 0)
    return canvas


def _paste(canvas: Canvas, box: Box, part: Canvas) -> None:
    canvas.paste(part, box.y, box.x)


def _too_small(scene: Scene, width: int, height: int) -> Canvas:
    text = f"{LEAST_WIDTH}x{LEAST_HEIGHT} is needed, this is {width}x{height}. Training is not affected. q leaves."
    canvas = sentence(width, height, text)
    canvas.ink[:] = Ink.DEFAULT
    return canvas


def as_text(scene: Scene, width: int, height: int) -> str:
    """Return the screen as plain text."""
    return "\n".join(line.rstrip() for line in draw_picture(scene, width, height).canvas.lines())
