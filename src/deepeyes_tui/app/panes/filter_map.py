"""The Filter Map of the layer in focus: filters near each other where they fire on the same instances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.charts import SIDE, Chart, chart_of
from deepeyes_tui.app.panes.base import Columns, Pane, lay, sentence, table
from deepeyes_tui.app.panes.excerpts import label_of
from deepeyes_tui.app.panes.input_map import label_legend, sizes_of
from deepeyes_tui.app.panes.map_words import waiting_words
from deepeyes_tui.app.panes.words import layer_name, unit_name
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.glyphs import DEAD
from deepeyes_tui.app.plots.inks import Ink, label_inks
from deepeyes_tui.app.plots.label_legend import label_letters
from deepeyes_tui.app.plots.marks import draw_cursor, draw_lines, draw_rectangle
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.plots.scatter import draw_scatter
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.maps import REDUNDANT, FilterMap
from deepeyes_tui.link.snapshot import LEAST_WINDOW

MARKED_SIZE = 4
FEW = 100
"""Filters, up to which even the smallest are drawn with two dots."""
LEAST_STRENGTH = 1.25
"""Times the strength that a filter has which fires on all labels alike."""


def draw_filter_map(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the filters, lines between those that are alike, the silent ones, and words on the one at the cursor."""
    shown, chart = scene.filter_map, chart_of(scene, PaneName.FILTER_MAP, width, height)
    if shown is None or chart is None:
        return sentence(width, height, waiting_words(scene))
    canvas = Canvas(width, height)
    plot = _plot(scene, shown, chart)
    if not (~shown.dead).any():
        word = silent_word(scene, np.flatnonzero(shown.dead))
        words = f"all {len(shown.dead):,} {unit_name(scene.layer, 2)} are {word}"
        plot = sentence(chart.width, chart.height, words)
    lay(canvas, plot, 0, SIDE)
    labels = np.where(has_label(shown), shown.label, -1).astype(np.int32)
    lay(canvas, label_legend(scene, labels, chart.width, 1), chart.height, SIDE)
    _tray(canvas, chart.height + 1, scene, shown)
    words = filter_words(scene, shown, scene.selection.cursor)
    canvas.text(height - 1, SIDE, printable(words, chart.width, scene.ascii), Ink.DEFAULT)
    return canvas


def _plot(scene: Scene, shown: FilterMap, chart: Chart) -> Canvas:
    named = len(scene.snapshot.labels) if scene.snapshot else 0
    ink = label_inks(shown.label, max(named, int(shown.label.max(initial=-1)) + 1))
    ink[~has_label(shown)] = Ink.MUTED
    marked = marked_flags(scene, shown)
    asked = np.ones(len(ink), bool)
    if scene.selection.labels:
        asked &= np.isin(shown.label, list(scene.selection.labels))
    if marked.any():
        asked &= marked
    ink[~asked] = Ink.GREYED
    plot = draw_scatter(
        chart.width,
        chart.height,
        chart.points,
        chart.view,
        ink=ink,
        size=np.where(marked, MARKED_SIZE, np.maximum(sizes_of(shown.strength, 1.0), len(marked) <= FEW)),
        priority=asked.astype(np.intp) + marked,
        letter=label_letters(np.where(has_label(shown), shown.label, -1)),
        glyphs=scene.glyphs,
        colour=scene.colour,
        letters=scene.desk.letters,
    )
    pairs = shown.pairs[shown.similarity >= scene.desk.similar]
    draw_lines(plot, chart.points, pairs, chart.view, Ink.MUTED, scene.glyphs)
    brush, focused = scene.brush, scene.desk.focus is PaneName.FILTER_MAP
    if brush is not None and focused:
        draw_rectangle(plot, chart.cell_of(brush.anchor), chart.cell_of(brush.at), scene.glyphs)
        draw_cursor(plot, *chart.cell_of(brush.at))
    elif scene.selection.cursor < len(chart.points):
        draw_cursor(plot, *chart.cell(scene.selection.cursor))
    return plot


def has_label(shown: FilterMap) -> NDArray[np.bool_]:
    """Return which filters go with one label more than chance would have it, `(F,)`: others change theirs at random."""
    seen = len(np.unique(shown.label[shown.label >= 0]))
    labels: NDArray[np.bool_] = (shown.label >= 0) & (shown.strength * max(seen, 2) >= LEAST_STRENGTH)
    return labels


def marked_flags(scene: Scene, shown: FilterMap) -> NDArray[np.bool_]:
    """Return which filters are marked, `(F,)`."""
    flags = np.zeros(len(shown.label), bool)
    flags[[i for i in scene.selection.marks if i < len(flags)]] = True
    return flags


def _tray(canvas: Canvas, row: int, scene: Scene, shown: FilterMap) -> None:
    """List the filters that are silent on the map's instances, which are like no other, beside the map."""
    dead = np.flatnonzero(shown.dead)
    if not len(dead):
        canvas.text(row, SIDE, printable(_redundancy(shown, scene.ascii), canvas.width - 2, scene.ascii), Ink.MUTED)
        return
    column = canvas.text(row, SIDE, f"{DEAD[scene.glyphs]} {len(dead):,} {silent_word(scene, dead)}: ", Ink.DOWN)
    for number, filter in enumerate(dead.tolist()):
        text = f"{filter} "
        if column + len(text) + 6 > canvas.width:
            canvas.text(row, column, f"+{len(dead) - number}", Ink.MUTED)
            break
        here = filter == scene.selection.cursor
        ground = Ink.CURSOR if here else Ink.SELECTED if filter in scene.selection.marks else Ink.DEFAULT
        canvas.text(row, column, text.rstrip(), Ink.DEFAULT if ground else Ink.MUTED, ground=ground)
        column += len(text)


def silent_word(scene: Scene, filters: NDArray[np.intp]) -> str:
    """Return what filters are called that are silent on the map's instances: dead only where all are judged to be."""
    layer = scene.layer
    judged = layer is not None and layer.dead_window >= LEAST_WINDOW and bool(layer.dead[filters].all())
    return "dead" if judged else "silent"


def _redundancy(shown: FilterMap, ascii: bool, brief: bool = False) -> str:
    """Say how many filters there are too many, and how many are left then."""
    spare = sum(len(group) - 1 for group in shown.groups)
    groups = f"{spare:,} redundant in {len(shown.groups):,} groups" if shown.groups else f"none over {REDUNDANT} alike"
    count = f"{len(shown.dead):,}"
    if brief:
        return f"{spare:,} of {count} redundant"
    return f"{groups}, {short(shown.effective, ascii=ascii)} effective of {count}"


def filter_words(scene: Scene, shown: FilterMap, filter: int) -> str:
    """Say what a filter is most associated with, how much it covers, and which it is most like."""
    if filter >= len(shown.dead):
        return ""
    if shown.dead[filter]:
        return f"{unit_name(scene.layer)} {filter}: {silent_word(scene, np.array([filter]))}"
    names = scene.snapshot.labels if scene.snapshot else ()
    own = label_of(names, scene.sample, int(shown.label[filter]), scene.ascii)
    words = [f"{unit_name(scene.layer)} {filter}: " + (f"label {own}" if has_label(shown)[filter] else "no own label")]
    words.append(f"fires on {percent(float(shown.coverage[filter]), ascii=scene.ascii)}")
    likest = most_alike(shown, filter)
    if likest is not None:
        other, similarity = likest
        words.append(f"like {other} ({similarity:.2f})")
    words.append(f"strength {short(float(shown.strength[filter]), ascii=scene.ascii)}")
    return ", ".join(words)


def most_alike(shown: FilterMap, filter: int) -> tuple[int, float] | None:
    """Return the filter that is most similar to another, if any is similar at all, and how similar."""
    at = np.flatnonzero((shown.pairs == filter).any(axis=1))
    if not len(at):
        return None
    one, other = shown.pairs[at[0]].tolist()
    return (other if one == filter else one), float(shown.similarity[at[0]])


def _facts(scene: Scene) -> str:
    shown = scene.filter_map
    if shown is None:
        return layer_name(scene, scene.selection.layer, 20) if scene.layers else ""
    # Without silent filters, the line beneath the map says what is redundant.
    spare = [_redundancy(shown, scene.ascii, brief=True)] if shown.dead.any() else []
    return ", ".join([*_about(scene, shown), *spare])


def _about(scene: Scene, shown: FilterMap) -> list[str]:
    marks = int(marked_flags(scene, shown).sum())
    words = [layer_name(scene, scene.selection.layer, 20)]
    words += [f"{marks:,} marked"] if marks else []
    return words + ([f"joined from {scene.desk.similar}"] if scene.desk.similar != REDUNDANT else [])


def filter_map_columns(scene: Scene) -> Columns | None:
    """Return every filter with its place, its label, and the filter it is most like."""
    shown = scene.filter_map
    if shown is None:
        return None
    names, marked = scene.snapshot.labels if scene.snapshot else (), marked_flags(scene, shown)
    rows = []
    for i in range(len(shown.dead)):
        x, y = shown.positions[i].tolist()
        alike = most_alike(shown, i)
        rows.append(
            [
                str(i),
                "" if shown.dead[i] else f"{x:.5g}",
                "" if shown.dead[i] else f"{y:.5g}",
                silent_word(scene, np.array([i]))
                if shown.dead[i]
                else label_of(names, scene.sample, int(shown.label[i]), scene.ascii),
                short(float(shown.strength[i]), ascii=True),
                percent(float(shown.coverage[i]), ascii=True),
                f"{alike[0]} ({alike[1]:.2f})" if alike else "",
                "marked" if marked[i] else "",
            ]
        )
    return ("filter", "x", "y", "label", "strength", "fires on", "most like", "marked"), rows


def filter_map_text(scene: Scene) -> str:
    """Return every filter with what is known of it, then the redundant groups."""
    shown, columns = scene.filter_map, filter_map_columns(scene)
    if shown is None or columns is None:
        return waiting_words(scene)
    groups = "\n".join("redundant: " + " ".join(map(str, group)) for group in shown.groups)
    about = ", ".join([*_about(scene, shown), _redundancy(shown, scene.ascii)])
    return f"{about}, of {shown.instances:,} instances\n\n{table(*columns)}\n{groups}".rstrip()


def _judged(scene: Scene) -> bytes:
    """Return which filters are judged to be dead, to be compared."""
    layer = scene.layer
    return layer.dead.tobytes() if layer is not None and layer.dead_window >= LEAST_WINDOW else b""


PANE = Pane(
    PaneName.FILTER_MAP,
    draw_filter_map,
    _facts,
    filter_map_text,
    lambda scene: (
        scene.snapshot.labels if scene.snapshot else None,
        scene.snapshot is None,
        scene.selection,
        scene.filter_map,
        scene.maps.progress if scene.filter_map is None else None,
        scene.maps.failure,
        _judged(scene),
        scene.desk.letters,
        scene.desk.brush,
        scene.desk.views,
        scene.desk.similar,
    ),
    filter_map_columns,
)
