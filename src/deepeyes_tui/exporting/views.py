"""Any view of a run, at any step that is kept, as a picture: SVG or PNG."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.kept import with_kept
from deepeyes_tui.app.opening import opened
from deepeyes_tui.app.picture import draw_picture
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme
from deepeyes_tui.app.png import png_of
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.themes import base_style
from deepeyes_tui.app.waiting import with_maps
from deepeyes_tui.exporting.sources import Source
from deepeyes_tui.exporting.tables import Chosen
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.runs import Run

MAPS_WITHIN = 120.0
"""Seconds to wait for maps, which are computed anew from the instances that are kept."""


def write_view(
    source: Source, run: Run, chosen: Chosen, view: str, size: tuple[int, int], theme: str, path: Path
) -> Path:
    """Write the screen with one view in front, as the ending of `path` says. Raises RunError and OSError."""
    scene = _scene(source, run, chosen, view)
    look = Theme(theme)
    palette = Palette(look, Depth.TRUECOLOR)
    canvas, base = draw_picture(scene, *size).canvas, base_style(look, palette)
    if path.suffix == ".png":
        try:
            path.write_bytes(png_of(canvas, palette, base))
        except RuntimeError as error:
            raise RunError(str(error)) from error
    else:
        path.write_text(svg_of(canvas, palette, base, run.name), encoding="utf-8")
    return path


def svg_of(canvas: Canvas, palette: Palette, base: Style, title: str) -> str:
    """Return a canvas as an SVG picture."""
    console = Console(
        record=True, width=canvas.width, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for strip in canvas.strips(lambda ink, ground, look: base + palette.style(ink, ground, look)):
        line = Text(no_wrap=True, end="\n")
        for segment in strip:
            line.append(segment.text, segment.style)
        console.print(line, soft_wrap=True)
    return console.export_svg(title=title).replace("<text ", '<text xml:space="preserve" ')


def _scene(source: Source, run: Run, chosen: Chosen, view: str) -> Scene:
    newest = int(source.steps[-1]) if len(source.steps) else 0
    snapshot = source.at(newest if chosen.step is None else chosen.step)
    sentence = f"as it was at step {snapshot.status.step}"
    scene = Scene(run=run.name, snapshot=snapshot, sentence=sentence, ended=True, readonly=True)
    try:
        scene = opened(scene, view, chosen.layer or "")
    except ValueError as error:
        raise RunError(str(error)) from error
    of_now = snapshot.status.step >= newest
    if of_now and (scene.desk.maps_screen or scene.desk.focus is PaneName.FINDINGS):
        return with_maps(scene, run, MAPS_WITHIN)
    return with_kept(scene, run.folder) if scene.desk.maps_screen else scene
