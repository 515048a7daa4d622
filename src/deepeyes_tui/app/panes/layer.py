"""The layer in focus: its details in words, its perplexity histogram, and how that has changed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.chosen import flags_of
from deepeyes_tui.app.panes.base import Pane, Piece, lay, sentence, table, write
from deepeyes_tui.app.panes.words import (
    WAITS,
    findings,
    layer_name,
    marked_words,
    mean_perplexity,
    survey_words,
    waits,
)
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.glyphs import RISING
from deepeyes_tui.app.plots.histogram import bin_columns, draw_changes, draw_histogram
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.maps import Sample
from deepeyes_tui.link.snapshot import PERPLEXITY_BINS, LayerInfo, LayerStatistics

CHANGES_FROM = 12
"""Rows from which the histogram of changes has room as well."""


def draw_layer(scene: Scene, width: int, height: int) -> Canvas:
    """Draw details above, the histogram in the middle, the changes beneath, aligned with it."""
    layer = scene.layer
    if layer is None:
        return sentence(width, height, scene.sentence if scene.snapshot is None else "no layers")
    canvas = Canvas(width, height)
    row = 0
    for line in _details(scene, layer, width)[: max(height - 6, 1)]:
        write(canvas, row, 1, line)
        row += 1
    room = height - row
    if not layer.has_run or room < 3:
        return canvas
    if waits(layer):
        lay(canvas, sentence(width, room, f"perplexity {WAITS}: the filters are others now"), row, 0)
        return canvas
    changes = max(room // 3, 4) if room >= CHANGES_FROM else 0
    marked = marked_shares(scene)
    bars = room - changes - 1 - (marked is not None)
    _heading(canvas, row, scene, "instances by the number of filters that share them", mean_perplexity(layer))
    plot = draw_histogram(
        width, bars, layer.histogram, undetected=layer.undetected, high=layer.info.filters, glyphs=scene.glyphs
    )
    if scene.desk.focus is PaneName.LAYER and scene.sample is not None:
        _bar_cursor(plot, scene)
    lay(canvas, plot, row + 1, 0)
    if marked is not None:
        _marked(canvas, row + 1 + bars, scene, marked)
    if changes:
        _changes(canvas, height - changes, scene, layer)
    return canvas


def bins_of_sample(sample: Sample) -> NDArray[np.intp]:
    """Return the bin of the histogram that each instance falls into, `(S,)`, -1 where it is undetected."""
    share = (np.nan_to_num(sample.perplexity, nan=1.0) - 1) / max(sample.filters - 1, 1)
    bins = np.clip((share * PERPLEXITY_BINS).astype(np.intp), 0, PERPLEXITY_BINS - 1)
    return np.where(sample.undetected | np.isnan(sample.perplexity), -1, bins)


def marked_shares(scene: Scene) -> NDArray[np.float64] | None:
    """Return which share of the instances in each bin is marked, `(bins + 1,)`, undetected first; None without any."""
    sample = scene.sample
    if sample is None or not scene.selection.chosen:
        return None
    bins, flags = bins_of_sample(sample) + 1, flags_of(sample, scene.selection.chosen)
    count = np.bincount(bins, minlength=PERPLEXITY_BINS + 1)
    return np.bincount(bins[flags], minlength=PERPLEXITY_BINS + 1) / np.maximum(count, 1)


def _bar_cursor(plot: Canvas, scene: Scene) -> None:
    """Tint the column of the bar under the cursor."""
    layout, bar = bin_columns(plot.width, PERPLEXITY_BINS), scene.desk.bar
    if bar < 0:
        columns = slice(layout.apart, layout.apart + layout.apart_width)
    else:
        place = min(bar // layout.merged, layout.bars - 1)
        columns = slice(int(layout.edges[place]), int(layout.edges[place + 1]))
    plot.ground[: max(plot.height - 1, 1), columns] = Ink.BRUSH
    plot.ground[max(plot.height - 1, 0), columns] = Ink.CURSOR


def _marked(canvas: Canvas, row: int, scene: Scene, shares: NDArray[np.float64]) -> None:
    """Draw beneath each bar how much of it is marked."""
    layout = bin_columns(canvas.width, PERPLEXITY_BINS)
    bars = layout.sums(shares[1:]) / layout.merged
    heights, _ = layout.spread(np.ceil(bars * 8).astype(np.intp), int(np.ceil(shares[0] * 8)), canvas.width)
    filled = heights > 0
    canvas.glyph[row, filled] = RISING[scene.glyphs][np.minimum(heights[filled], 8)]
    canvas.ink[row, filled] = Ink.POINTER
    if layout.apart >= len("mark"):
        canvas.text(row, 0, "mark", Ink.MUTED)


def _changes(canvas: Canvas, row: int, scene: Scene, layer: LayerStatistics) -> None:
    canvas.text(row, 1, "change against the window before", Ink.MUTED)
    plot = draw_changes(
        canvas.width,
        canvas.height - row - 1,
        layer.change,
        undetected_change=layer.undetected_change,
        glyphs=scene.glyphs,
    )
    lay(canvas, plot, row + 1, 0)


def _heading(canvas: Canvas, row: int, scene: Scene, text: str, mean: float) -> None:
    end = canvas.text(row, 1, text, Ink.MUTED)
    fact = f"mean {short(mean, ascii=scene.ascii)}"
    if end + cell_len(fact) + 2 < canvas.width:
        canvas.text(row, canvas.width - cell_len(fact) - 1, fact, Ink.DEFAULT)


def _details(scene: Scene, layer: LayerStatistics, width: int) -> list[list[Piece]]:
    name = layer_name(scene, scene.selection.layer, max(width // 2, 8))
    plain = scene.ascii
    facts = _flowed([(text, Ink.DEFAULT) for text in info_words(layer.info, plain)], width - 2)
    found = _flowed([*findings(layer, plain), *_surveyed(scene, layer)], width - 2)
    head: list[Piece] = [(name, Ink.TITLE, Look.BOLD), (f"  {printable(layer.info.kind, 20, plain)}", Ink.MUTED)]
    return [head, *facts, *found]


def _surveyed(scene: Scene, layer: LayerStatistics) -> list[tuple[str, int]]:
    numbers, labels = scene.maps.numbers(layer.info.name), scene.snapshot.labels if scene.snapshot else ()
    return (
        survey_words(numbers, layer.info.filters, labels, scene.ascii, layer.info.unit) if numbers is not None else []
    )


def _flowed(words: list[tuple[str, int]], width: int) -> list[list[Piece]]:
    """Return words in as many lines as they need, with commas between them."""
    lines: list[list[Piece]] = [[]]
    used = 0
    for text, ink in words:
        joint = ", " if lines[-1] else ""
        if used + len(joint) + cell_len(text) > width and lines[-1]:
            lines.append([])
            used, joint = 0, ""
        text = printable(text, max(width - used - len(joint), 1))
        lines[-1] += [(joint, Ink.MUTED), (text, ink)]
        used += len(joint) + cell_len(text)
    return lines


def info_words(info: LayerInfo, ascii: bool = False) -> list[str]:
    """Return what is fixed of a layer, in words."""
    words = [f"{info.filters:,} {printable(info.unit, 20, ascii)}", f"{info.parameters:,} parameters"]
    words += [f"used {info.calls:,} times in a pass"] if info.calls > 1 else []
    words += [f"also {printable(', '.join(info.also), 60, ascii)}"] if info.also else []
    words += ["strength without its sign"] if info.signed else []
    if info.output_point:
        words.append(f"seen {printable(info.output_point, 40, ascii)}")
    if info.receptive_field:
        words.append("receptive field " + _extent(info.receptive_field, ascii))
    if info.grid:
        words.append("output " + _extent(info.grid, ascii))
    if info.positions_per_input > 1:
        words.append(f"{info.positions_per_input} instances an input")
    return words


def _extent(shape: tuple[int, ...], ascii: bool) -> str:
    return ("x" if ascii else "\u00d7").join(map(str, shape))


def _facts(scene: Scene) -> str:
    here = f"{scene.selection.layer + 1} of {scene.layers}"
    return here + marked_words((scene.selection.marks,)) if scene.layers else ""


def layer_text(scene: Scene) -> str:
    """Return details, histogram and changes as text."""
    layer = scene.layer
    if layer is None:
        return "no layers"
    words = [*info_words(layer.info, scene.ascii), *(text for text, _ in findings(layer, scene.ascii))]
    words += [text for text, _ in _surveyed(scene, layer)]
    bins, filters = len(layer.histogram), layer.info.filters
    edges = [1 + i / bins * (filters - 1) for i in range(bins + 1)]
    rows = [["undetected", percent(layer.undetected), percent(layer.undetected_change)]]
    for i in range(bins):
        span = f"{short(edges[i])} to {short(edges[i + 1])}"
        rows.append([span, percent(float(layer.histogram[i])), percent(float(layer.change[i]))])
    head = f"{layer_name(scene, scene.selection.layer)} ({printable(layer.info.kind)}): {', '.join(words)}"
    return f"{head}\n\n{table(('perplexity', 'instances', 'change'), rows)}"


PANE = Pane(
    PaneName.LAYER,
    draw_layer,
    _facts,
    layer_text,
    lambda scene: (
        scene.snapshot,
        scene.selection.layer,
        scene.selection.marks,
        scene.selection.chosen,
        scene.sample,
        scene.desk.bar,
        scene.maps.numbers(scene.layer_name),
    ),
)
