"""The perplexity histograms of all layers as small multiples, as many as fit, the layer in focus among them."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.folding import group_in_focus, layers_in_order
from deepeyes_tui.app.panes.base import Pane, lay, sentence, table
from deepeyes_tui.app.panes.words import WAITS, layer_name, mean_perplexity, nonfinite_words, waits
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.histogram import draw_histogram
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short, unknown
from deepeyes_tui.app.scene import Scene

GAP = 2
LEAST_WIDTH, LEAST_HEIGHT = 26, 5
MOST_HEIGHT = 12
AXIS_FROM = 5


@dataclass(frozen=True, slots=True)
class Grid:
    """How the multiples are laid out: `page` is the one with the layer in focus."""

    columns: int
    rows: int
    width: int
    height: int
    page: int
    pages: int

    @property
    def per_page(self) -> int:
        """How many multiples are seen at a time."""
        return self.columns * self.rows


def grid(width: int, height: int, layers: int, focus: int) -> Grid:
    """Return a layout that shows all layers as large as possible, or pages of the least size."""
    most_columns, most_rows = max((width + GAP) // (LEAST_WIDTH + GAP), 1), max(height // LEAST_HEIGHT, 1)
    columns, rows = most_columns, most_rows
    for across in range(1, most_columns + 1):
        down = -(-layers // across)
        if down <= most_rows and height // down >= LEAST_HEIGHT + 2 * (across < most_columns):
            columns, rows = across, down
            break
    per_page = columns * rows
    return Grid(
        columns,
        rows,
        (width + GAP) // columns - GAP,
        min(height // rows, MOST_HEIGHT) if rows > 1 else min(height, MOST_HEIGHT + 4),
        focus // per_page,
        -(-layers // per_page),
    )


def multiples(scene: Scene) -> list[int]:
    """Return the layers whose histograms are shown: those of the group under the cursor of the list, else all."""
    group = group_in_focus(scene)
    return layers_in_order(scene) if group is None else list(group.layers)


def shape_of(scene: Scene, width: int, height: int) -> Grid:
    """Return the layout in a pane of this size; the last row is left for the page's number if there are several."""
    shown = multiples(scene)
    place = shown.index(scene.selection.layer)
    shape = grid(width, height, len(shown), place)
    return shape if shape.pages < 2 else grid(width, max(height - 1, 1), len(shown), place)


def draw_perplexities(scene: Scene, width: int, height: int) -> Canvas:
    """Draw one page of the multiples."""
    if scene.snapshot is None or not scene.layers:
        return sentence(width, height, scene.sentence if scene.snapshot is None else "no layers")
    canvas, shape = Canvas(width, height), shape_of(scene, width, height)
    if shape.pages > 1:
        canvas.text(height - 1, 1, f"page {shape.page + 1} of {shape.pages}", Ink.MUTED)
    first = shape.page * shape.per_page
    for place, index in enumerate(multiples(scene)[first : first + shape.per_page]):
        row, column = divmod(place, shape.columns)
        tile = _tile(scene, index, shape.width, shape.height - (shape.rows > 1 and shape.height > LEAST_HEIGHT))
        lay(canvas, tile, row * shape.height, column * (shape.width + GAP))
    return canvas


def tile_at(scene: Scene, width: int, height: int, row: int, column: int) -> int | None:
    """Return the layer whose histogram stands at a cell, if there is one."""
    if not scene.layers:
        return None
    shape = shape_of(scene, width, height)
    across, down = column // (shape.width + GAP), row // shape.height
    place, shown = shape.page * shape.per_page + down * shape.columns + across, multiples(scene)
    return shown[place] if across < shape.columns and down < shape.rows and place < len(shown) else None


def _tile(scene: Scene, index: int, width: int, height: int) -> Canvas:
    assert scene.snapshot is not None
    canvas, layer = Canvas(width, height), scene.snapshot.layer(index)
    here = index == scene.selection.layer
    focused = here and scene.desk.focus is PaneName.PERPLEXITY
    if here:
        canvas.text(0, 0, ">" if scene.ascii else "▸", Ink.ACCENT, Look.BOLD)
    name = layer_name(scene, index, max(width - 16, 6))
    look = (Look.BOLD if here else Look.PLAIN) | (Look.REVERSE if focused else Look.PLAIN)
    end = canvas.text(0, 2, name, Ink.TITLE, look)
    if not layer.has_run or waits(layer):
        said = WAITS if layer.has_run else "has not run"
        canvas.text(1, 2, printable(said, max(width - 2, 0), scene.ascii), Ink.MUTED)
        return canvas
    lost = nonfinite_words(layer)
    fact, ink = (lost, Ink.ERROR) if lost else (f"1 to {layer.info.filters:,}", Ink.MUTED)
    if layer.stable_since is not None and not lost:
        fact, ink = "stable", Ink.GOOD
    if end + cell_len(fact) + 2 <= width:
        canvas.text(0, width - cell_len(fact), fact, ink)
    plot = draw_histogram(
        width,
        height - 1,
        layer.histogram,
        undetected=layer.undetected,
        high=layer.info.filters,
        glyphs=scene.glyphs,
        axis=height >= AXIS_FROM,
    )
    lay(canvas, plot, 1, 0)
    return canvas


def _facts(scene: Scene) -> str:
    group = group_in_focus(scene)
    if group is not None:
        return f"layers of {group.path}"
    return "filters that share an instance" if scene.layers else ""


def perplexities_text(scene: Scene) -> str:
    """Return the histograms as a table, a row a layer, a column a bin."""
    if scene.snapshot is None or not scene.layers:
        return "no layers"
    rows = []
    for index in range(scene.layers):
        layer = scene.snapshot.layer(index)
        bins = [percent(share) for share in layer.histogram.tolist()]
        undetected = unknown() if waits(layer) else percent(layer.undetected)
        rows.append([layer_name(scene, index), short(mean_perplexity(layer)), undetected, *bins])
    count = len(scene.snapshot.layer(0).histogram)
    return table(("layer", "mean", "undetected", *(f"bin {i + 1}" for i in range(count))), rows)


PANE = Pane(
    PaneName.PERPLEXITY,
    draw_perplexities,
    _facts,
    perplexities_text,
    lambda scene: (scene.snapshot, scene.selection.layer, scene.desk.group, scene.desk.folded),
)
