"""The Input Map of the layer in focus: instances of receptive fields, near each other where they are alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.charts import SIDE, Chart, chart_of, point_at_cursor
from deepeyes_tui.app.chosen import flags_of, intensity, point_flags, stretch
from deepeyes_tui.app.maps import InputMap
from deepeyes_tui.app.panes.base import Columns, Pane, lay, sentence, table
from deepeyes_tui.app.panes.excerpts import label_of
from deepeyes_tui.app.panes.map_words import (
    busy_words,
    chosen_filters,
    filters_named,
    instance_words,
    undetected_share,
    waiting_words,
)
from deepeyes_tui.app.panes.words import layer_name
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, intensity_inks, intensity_levels, label_inks
from deepeyes_tui.app.plots.label_legend import (
    draw_intensity,
    draw_labels,
    draw_quality,
    label_letter,
    label_letters,
    quality_inks,
    quality_letters,
)
from deepeyes_tui.app.plots.marks import draw_cursor, draw_rectangle
from deepeyes_tui.app.plots.numbers import printable, short
from deepeyes_tui.app.plots.scatter import density_letters, draw_scatter
from deepeyes_tui.app.scene import MapShows, Scene, shown_on_map
from deepeyes_tui.app.selection import Combine

SIZES = 5
LEAST_INTENSITY = 0.05
"""Of a filter's maximum, below which an instance stays grey."""
WRONG_FROM = 0.5
"""Of the 95th percentile of false or missing neighbours, from which a point is called wrong."""
PICTURES = ("", "false neighbours", "torn", "false and torn")
UNDETECTED_LETTER = ord("?")


@dataclass(frozen=True, slots=True)
class Dots:
    """How each point is drawn, `(n,)` each."""

    ink: NDArray[np.uint16]
    size: NDArray[np.intp]
    priority: NDArray[np.intp]
    letter: NDArray[np.uint32]


def draw_input_map(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the map, its legend, and words on what is under the cursor."""
    shown, chart = scene.input_map, chart_of(scene, PaneName.INPUT_MAP, width, height)
    if shown is None or chart is None:
        return sentence(width, height, waiting_words(scene))
    canvas = Canvas(width, height)
    dots = _dots(scene, shown, chart)
    plot = draw_scatter(
        chart.width,
        chart.height,
        chart.points,
        chart.view,
        ink=dots.ink,
        size=dots.size,
        priority=dots.priority,
        letter=dots.letter,
        glyphs=scene.glyphs,
        colour=scene.colour,
        letters=scene.desk.letters,
    )
    _overlay(plot, scene, chart)
    lay(canvas, plot, 0, SIDE)
    _legend(canvas, scene, shown, chart.height)
    return canvas


def _dots(scene: Scene, shown: InputMap, chart: Chart) -> Dots:
    match shown_on_map(scene):
        case MapShows.LABELS:
            return _by_label(scene, shown)
        case MapShows.ACTIVATION:
            filters = chosen_filters(scene, shown.sample.filters)
            return _by_intensity(intensity(shown.sample, filters, shown.shape.points))
        case MapShows.MAXIMUM:
            return _by_maximum(shown)
        case MapShows.TRUTH:
            return _by_truth(scene, shown, chart)


def sizes_of(values: NDArray[np.float32], top: float | None = None) -> NDArray[np.intp]:
    """Return a size from 0 to 4 for each value: the area of a point grows with it, up to `top` (else the highest)."""
    finite = np.nan_to_num(values, nan=0.0)
    top = float(finite.max(initial=0.0)) if top is None else top
    share = finite / top if top > 0 else np.zeros(len(finite))
    return np.minimum((share * SIZES).astype(np.intp), SIZES - 1)


def classes_of(scene: Scene, labels: NDArray[np.int32]) -> int:
    """Return how many labels there are, by their names or by those seen."""
    named = len(scene.snapshot.labels) if scene.snapshot else 0
    return max(named, int(labels.max(initial=-1)) + 1)


def _by_label(scene: Scene, shown: InputMap) -> Dots:
    labels, chosen = shown.labels, scene.selection.chosen
    ink = label_inks(labels, classes_of(scene, shown.sample.labels))
    asked = np.isin(labels, list(scene.selection.labels)) if scene.selection.labels else np.ones(len(labels), bool)
    if chosen:
        asked &= point_flags(shown, chosen)
    ink[~asked] = Ink.GREYED
    size = sizes_of(np.sqrt(shown.shape.weights)) if shown.shape.level else np.ones(len(labels), np.intp)
    return Dots(ink, size, asked.astype(np.intp), label_letters(labels))


def _by_intensity(strength: NDArray[np.float32]) -> Dots:
    level = intensity_levels(strength, 1.0)
    fires = strength >= LEAST_INTENSITY
    ink = np.where(fires, intensity_inks(level, Ink.MAXIMUM), int(Ink.GREYED)).astype(np.uint16)
    return Dots(ink, np.where(fires, sizes_of(strength, 1.0), 0), fires.astype(np.intp), density_letters(level))


def _by_maximum(shown: InputMap) -> Dots:
    maximum, top = shown.sample.maximum[shown.shape.points], float(shown.sample.maximum.max(initial=0.0))
    level = intensity_levels(maximum, top)
    ink = intensity_inks(level, Ink.MAXIMUM).astype(np.uint16)
    lost = shown.sample.undetected[shown.shape.points]
    ink[lost] = Ink.UNDETECTED
    letter = np.where(lost, UNDETECTED_LETTER, density_letters(level)).astype(np.uint32)
    return Dots(ink, np.where(lost, 2, sizes_of(maximum, top)), lost.astype(np.intp), letter)


def judged(shown: InputMap) -> bool:
    """Return whether it is known how true the picture is."""
    return shown.quality is not None and len(shown.quality.trustworthiness) == len(shown.shape.points)


def wrongness(shown: InputMap) -> NDArray[np.intp]:
    """Return of each point whether its picture is faithful (0), has false neighbours (1), is torn (2), or both (3)."""
    quality = shown.quality
    if quality is None or not judged(shown):
        return np.zeros(len(shown.shape.points), np.intp)
    false, torn = (stretch(1 - values) for values in (quality.trustworthiness, quality.continuity))
    return (false >= WRONG_FROM) + 2 * (torn >= WRONG_FROM).astype(np.intp)


def _by_truth(scene: Scene, shown: InputMap, chart: Chart) -> Dots:
    """Colour points by how true their place is, in the manner of CheckViz (Lespinats and Aupetit 2011); the false and
    missing neighbours of the point under the cursor are large (Martins et al. 2014).
    """
    kind = wrongness(shown)
    if not judged(shown):
        return Dots(*(np.full(len(kind), value) for value in (Ink.GREYED, 1, 0, ord("?"))))
    ink, letter, size, priority = quality_inks(kind), quality_letters(kind), np.ones(len(kind), np.intp), kind.copy()
    here, quality = point_at_cursor(scene, PaneName.INPUT_MAP, chart), shown.quality
    if here is not None and quality is not None and here < len(quality.false_neighbours):
        for code, wrong in ((1, quality.false_neighbours[here]), (2, quality.missing_neighbours[here])):
            near = wrong[wrong >= 0]
            ink[near], letter[near] = quality_inks(code), ord("FT"[code - 1])
            size[near], priority[near] = SIZES - 1, 4
    return Dots(ink, size, priority, letter)


def _overlay(plot: Canvas, scene: Scene, chart: Chart) -> None:
    """Draw the brush, and the cursor where the keys would find it."""
    brush, focused = scene.brush, scene.desk.focus is PaneName.INPUT_MAP
    if brush is not None and focused:
        draw_rectangle(plot, chart.cell_of(brush.anchor), chart.cell_of(brush.at), scene.glyphs)
        draw_cursor(plot, *chart.cell_of(brush.at))
    elif (focused or scene.selection.point is not None) and (
        here := point_at_cursor(scene, PaneName.INPUT_MAP, chart)
    ) is not None:
        draw_cursor(plot, *chart.cell(here))


def _legend(canvas: Canvas, scene: Scene, shown: InputMap, row: int) -> None:
    width, sample = canvas.width - 2 * SIDE, shown.sample
    shows = shown_on_map(scene)
    if shows is MapShows.LABELS:
        marked = flags_of(sample, scene.selection.chosen) if scene.selection.chosen else np.ones(sample.size, bool)
        legend = label_legend(scene, np.where(marked, sample.labels, -1).astype(np.int32), width, 2)
    elif shows is MapShows.TRUTH:
        legend = draw_quality(width, glyphs=scene.glyphs, colour=scene.colour)
    else:
        high = 1.0 if shows is MapShows.ACTIVATION else float(sample.maximum.max(initial=0.0))
        legend = draw_intensity(width, ramp=Ink.MAXIMUM, low=0.0, high=high, glyphs=scene.glyphs, colour=scene.colour)
    lay(canvas, legend, row, SIDE)
    if shows is not MapShows.LABELS:
        canvas.text(row + 1, SIDE, printable(_explained(scene, shown), width, scene.ascii), Ink.MUTED)
    chart = chart_of(scene, PaneName.INPUT_MAP, canvas.width, canvas.height)
    here = None if chart is None else point_at_cursor(scene, PaneName.INPUT_MAP, chart)
    if here is not None:
        words = instance_words(scene, sample, int(shown.shape.points[here]), chosen_filters(scene, sample.filters))
        if shown.shape.level:
            count = max(round(float(shown.shape.weights[here])), 1)
            words = f"{count:,} instance{'s' * (count > 1)} like this: {words}"
        canvas.text(canvas.height - 1, SIDE, printable(words, width, scene.ascii), Ink.DEFAULT)


def _explained(scene: Scene, shown: InputMap) -> str:
    if shown_on_map(scene) is MapShows.TRUTH:
        if not judged(shown):
            return "not judged yet"
        assert shown.quality is not None
        means = (float(values.mean()) for values in (shown.quality.trustworthiness, shown.quality.continuity))
        return "trustworthiness {:.3f}, continuity {:.3f} in the mean, 1 is best".format(*means)
    if shown_on_map(scene) is MapShows.MAXIMUM:
        return f"largest activation of any filter, {undetected_share(shown.sample, scene.ascii)}"
    filters = chosen_filters(scene, shown.sample.filters)
    whose = "its" if len(filters) == 1 else "their"
    return f"activation of {filters_named(scene, filters, 12)}, as a share of {whose} maximum"


def label_legend(scene: Scene, labels: NDArray[np.int32], width: int, rows: int) -> Canvas:
    """Draw the labels that there are, the most present first, with their counts."""
    count = classes_of(scene, labels)
    counts = np.bincount(labels[labels >= 0], minlength=count)
    present = np.flatnonzero(counts)
    order = present if count <= 10 else present[np.argsort(-counts[present], kind="stable")]
    asked = scene.selection.labels
    if asked:
        order = np.array([*[i for i in order if int(i) in asked], *[i for i in order if int(i) not in asked]], np.intp)
    known = scene.snapshot.labels if scene.snapshot else ()
    return draw_labels(
        width,
        rows,
        [label_of(known, scene.sample, int(i), scene.ascii) for i in order],
        counts[order].tolist(),
        label_inks(order, count).tolist(),
        [label_letter(int(i)) for i in order],
        focus=frozenset(k for k, i in enumerate(order.tolist()) if i in asked) if asked else None,
        glyphs=scene.glyphs,
        colour=scene.colour,
    )


def _facts(scene: Scene) -> str:
    shown, name = scene.input_map, layer_name(scene, scene.selection.layer, 20) if scene.layers else ""
    if shown is None:
        return name
    steps = [f"{'as of ' * scene.ended}step {int(shown.sample.steps.max()):,}"] if shown.sample.size else []
    words = [name, *steps, str(shown_on_map(scene)), *_going_on(scene, shown)]
    if scene.brush is not None or scene.desk.combine is not Combine.ADD:
        words.append(f"brush {scene.desk.combine}")
    if scene.selection.chosen:
        words.append(f"{len(scene.selection.chosen):,} marked")
    if shown.shape.trail:
        words.append("inside " + " > ".join(str(len(ids)) for ids in shown.shape.trail))
    words.append(f"{len(shown.shape.points):,} of {shown.sample.size:,}")
    if shown.sample.nonfinite:
        words.append(f"{shown.sample.nonfinite:,} not finite or cut")
    return ", ".join(words + ([f"renewed every {scene.desk.renew_every}"] if scene.desk.renew_every else []))


def _going_on(scene: Scene, shown: InputMap) -> list[str]:
    """Say what failed, or what is being done."""
    if scene.maps.failure:
        return [busy_words(scene)]
    if not shown.complete:
        return [f"{shown.frame.iteration}/{shown.frame.iterations}"]
    return [busy_words(scene)] if busy_words(scene) else []


def input_map_columns(scene: Scene) -> Columns | None:
    """Return every point with its place and what is known of it."""
    shown = scene.input_map
    if shown is None:
        return None
    sample, known = shown.sample, scene.snapshot.labels if scene.snapshot else ()
    flags, kind = point_flags(shown, scene.selection.chosen), wrongness(shown)
    rows = []
    for point, row in enumerate(shown.shape.points.tolist()):
        x, y = shown.frame.positions[point].tolist()
        rows.append(
            [
                str(sample.ids[row]),
                f"{x:.5g}",
                f"{y:.5g}",
                label_of(known, sample, int(sample.labels[row]), scene.ascii),
                short(float(shown.shape.weights[point]), ascii=True),
                "undetected" if sample.undetected[row] else short(float(sample.maximum[row]), ascii=True),
                PICTURES[kind[point]],
                "marked" if flags[point] else "",
            ]
        )
    return ("instance", "x", "y", "label", "stands for", "maximum", "picture", "marked"), rows


def input_map_text(scene: Scene) -> str:
    """Return where one is, and every point with its place and what is known of it."""
    shown, columns = scene.input_map, input_map_columns(scene)
    if shown is None or columns is None:
        return waiting_words(scene)
    return f"{_facts(scene)}, {undetected_share(shown.sample)}\n\n{table(*columns)}"


PANE = Pane(
    PaneName.INPUT_MAP,
    draw_input_map,
    _facts,
    input_map_text,
    lambda scene: (
        scene.snapshot.labels if scene.snapshot else None,
        scene.snapshot is None,
        scene.ended,
        scene.selection,
        scene.maps,
        scene.desk.shows,
        scene.desk.letters,
        scene.desk.brush,
        scene.desk.combine,
        scene.desk.views,
        scene.desk.renew_every,
    ),
    input_map_columns,
)
