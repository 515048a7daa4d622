"""Instances: what the marked ones see of their inputs, or those that a filter fires on most."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.chosen import flags_of, intensity, rank_of, row_of
from deepeyes_tui.app.panes.base import Columns, Pane, lay, sentence, table, wrapped
from deepeyes_tui.app.panes.excerpts import (
    LINES,
    curve_scale,
    distinct,
    draw_curve,
    draw_large,
    draw_line,
    draw_mean_curve,
    draw_mean_line,
    excerpt_layout,
    excerpt_text,
    kind_of,
    label_of,
    place_words,
)
from deepeyes_tui.app.panes.input_map import classes_of
from deepeyes_tui.app.panes.map_words import chosen_filters, filters_named, instance_words, waiting_words
from deepeyes_tui.app.panes.words import layer_name, unit_name
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look, label_inks
from deepeyes_tui.app.plots.label_legend import label_letters
from deepeyes_tui.app.plots.numbers import printable, short
from deepeyes_tui.app.plots.pictures import draw_frame_in, draw_image
from deepeyes_tui.app.plots.tiles import GAP, TICK, TileLayout, draw_tiles, tile_layout
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.selection import Marks
from deepeyes_tui.link.excerpts import InputKind
from deepeyes_tui.link.maps import Sample

TOP = 50
"""Instances that are listed for a filter at most; all marked ones are."""
LOOKED_AT = 400
"""Of a filter's strongest instances, those among which different pictures are looked for."""
WISH = 12
"""Pictures that are to be seen at once, the averaged one among them."""
AVERAGED = 1
"""The first tile is the mean of all that are listed."""

UNLABELLED = -1
BELOW_TEN = re.compile(r"\d\.\d+")
"""A number without a sign, a letter or an exponent."""
SEEN = {InputKind.TEXT: "tokens", InputKind.SIGNAL: "values", InputKind.TABLE: "columns by z-score"}

Rows = NDArray[np.intp]


def shows_marked(scene: Scene) -> bool:
    """Return whether the marked instances are listed, not the strongest of a filter."""
    return bool(scene.selection.chosen) and not scene.desk.strongest


def shown_rows(scene: Scene) -> Rows:
    """Return the rows of the sample that are listed, those that the filters in question fire on most first."""
    sample = scene.sample
    if sample is None:
        return np.empty(0, np.intp)
    chosen = scene.selection.chosen if shows_marked(scene) else None
    return _ranked(sample, chosen, chosen_filters(scene, sample.filters))


@lru_cache(maxsize=4)
def _ranked(sample: Sample, chosen: Marks | None, filters: tuple[int, ...]) -> Rows:
    rows = np.arange(sample.size) if chosen is None else np.flatnonzero(flags_of(sample, chosen))
    strength = intensity(sample, filters, rows)
    order = np.argsort(-strength, kind="stable")
    if chosen is None:
        order = order[:LOOKED_AT][strength[order[:LOOKED_AT]] > 0]
        order = order[_distinct(sample, rows[order])][:TOP]
    ranked = rows[order]
    ranked.flags.writeable = False
    return ranked


def _distinct(sample: Sample, rows: Rows) -> Rows:
    """Return which of some instances, in their order, show something for the first time: epochs bring it again."""
    if kind_of(sample) and len(rows):
        return distinct(sample, rows)
    if not (has_pictures(sample) and len(rows)):
        return np.arange(len(rows))
    pictures = sample.thumbnails[rows].reshape(len(rows), -1)
    return np.sort(np.unique(pictures, axis=0, return_index=True)[1])


def has_pictures(sample: Sample) -> bool:
    """Return whether the instances have pictures."""
    return bool(sample.thumbnails.size)


def tiles_of(scene: Scene, width: int, height: int) -> TileLayout:
    """Return how pictures, curves or lines are laid out in a pane of this size."""
    sample = scene.sample
    if sample is not None and kind_of(sample):
        return excerpt_layout(sample, len(shown_rows(scene)) + AVERAGED, width, height)
    if sample is None or not has_pictures(sample):
        return TileLayout(0, 1, 0, 0, 1)
    _, high, wide, _ = sample.thumbnails.shape
    return tile_layout(min(len(shown_rows(scene)) + AVERAGED, WISH), high, wide, width, height)


def page_of(scene: Scene, sample: Sample, rows: Rows, layout: TileLayout) -> tuple[int, int]:
    """Return the first and last (exclusive) of the listed instances whose pictures are seen."""
    per_page = max(layout.columns * layout.rows - AVERAGED, 1)
    here = np.flatnonzero(rows == row_of(sample, scene.selection.point))
    first = int(here[0]) // per_page * per_page if len(here) else 0
    return first, min(first + per_page, len(rows))


def tile_row(scene: Scene, width: int, height: int, row: int, column: int) -> int | None:
    """Return the row of the sample whose picture, curve or line is in a cell of the pane, if there is one."""
    sample, rows = scene.sample, shown_rows(scene)
    if sample is None or not (has_pictures(sample) or kind_of(sample)) or scene.desk.large or not len(rows):
        return None
    layout = tiles_of(scene, width, height)
    first, last = page_of(scene, sample, rows, layout)
    tile = replace(layout, shown=last - first + AVERAGED).cell_at(row, column)
    return None if tile is None or tile < AVERAGED else int(rows[first + tile - AVERAGED])


def draw_instances(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the pictures in rows, the averaged one first; or one of them large."""
    sample = scene.sample
    if sample is None:
        return sentence(width, height, waiting_words(scene))
    rows = shown_rows(scene)
    if not len(rows):
        return sentence(width, height, _nothing(scene, sample))
    if scene.desk.large:
        return _large(scene, sample, _row_at_cursor(scene, sample, rows), width, height)
    if kind_of(sample) in LINES:
        return _excerpts(scene, sample, rows, width, height)
    if not has_pictures(sample) and not kind_of(sample):
        return _lines(scene, sample, rows, width, height)
    return _tiles(scene, sample, rows, width, height)


def _nothing(scene: Scene, sample: Sample) -> str:
    filters = chosen_filters(scene, sample.filters)
    verb = "fires" if len(filters) == 1 else "fire"
    return f"{filters_named(scene, filters, 8)} {verb} on none of {sample.size:,} instances"


def _row_at_cursor(scene: Scene, sample: Sample, rows: Rows) -> int:
    row = row_of(sample, scene.selection.point)
    return int(rows[0]) if row is None else row


def averaged(sample: Sample, rows: Rows) -> NDArray[np.uint8]:
    """Return the mean picture of instances `(h, w, c)`, its contrast stretched to black and white."""
    mean = sample.thumbnails[rows].mean(axis=0)
    low, high = float(mean.min()), float(mean.max())
    stretched: NDArray[np.float64] = (mean - low) * (255 / (high - low)) if high > low else mean
    return stretched.astype(np.uint8)


def _tiles(scene: Scene, sample: Sample, rows: Rows, width: int, height: int) -> Canvas:
    layout = tiles_of(scene, width, height)
    first, last = page_of(scene, sample, rows, layout)
    here = np.flatnonzero(rows == row_of(sample, scene.selection.point))
    page = rows[first:last]
    images, words = _images(scene, sample, rows, page, layout)
    ink = label_inks(sample.labels[page], classes_of(scene, sample.labels)).tolist()
    flags = flags_of(sample, scene.selection.chosen)
    return draw_tiles(
        images,
        [words, *(short_caption(scene, sample, row, layout.tile_width - int(flags[row])) for row in page.tolist())],
        width,
        height,
        cursor=int(here[0]) - first + AVERAGED if len(here) else None,
        marked=[number + AVERAGED for number, row in enumerate(page.tolist()) if flags[row]],
        layout=replace(layout, shown=len(images)),
        inks=[int(Ink.TITLE), *ink],
        glyphs=scene.glyphs,
        colour=scene.colour,
    )


def _images(
    scene: Scene, sample: Sample, rows: Rows, page: Rows, layout: TileLayout
) -> tuple[list[NDArray[np.uint8] | Canvas], str]:
    """Return pictures or curves, the mean of all first, and the words for beneath that."""
    said = f"mean of {len(rows):,}"
    said = said if cell_len(said) <= layout.tile_width else "mean"
    if not kind_of(sample):
        return [averaged(sample, rows), *sample.thumbnails[page]], said
    scale = curve_scale(sample, rows)
    low, high = (short(value, ascii=scene.ascii) for value in scale)
    curves = (draw_curve(sample, int(row), *layout.picture, scale, scene.glyphs) for row in page)
    return [draw_mean_curve(sample, rows, *layout.picture, scale, scene.glyphs), *curves], f"mean {low}..{high}"


def _excerpts(scene: Scene, sample: Sample, rows: Rows, width: int, height: int) -> Canvas:
    """Draw a line an instance: letter of its label, what it sees, and its caption; the mean of all first."""
    canvas, layout = Canvas(width, height), tiles_of(scene, width, height)
    first, last = page_of(scene, sample, rows, layout)
    page, flags = rows[first:last].tolist(), flags_of(sample, scene.selection.chosen)
    captions = [" ".join(filter(None, caption(scene, sample, row))) for row in page]
    said = printable(f"mean of {len(rows):,}", ascii=scene.ascii)
    room = min(max(map(cell_len, (said, *captions)), default=0), width // 3)
    wide = max(width - room - 2 * GAP - 4, 0)
    lay(canvas, draw_mean_line(sample, rows, wide, scene.ascii), 0, GAP + 3)
    canvas.text(0, width - GAP - cell_len(said), said, Ink.MUTED)
    letters = label_letters(sample.labels)
    inks = label_inks(sample.labels, classes_of(scene, sample.labels))
    here = row_of(sample, scene.selection.point)
    for line, (row, words) in enumerate(zip(page[: max(height - AVERAGED, 0)], captions, strict=False), AVERAGED):
        canvas.text(line, GAP, TICK * bool(flags[row]), Ink.MARKED)
        canvas.text(line, GAP + 1, chr(letters[row]), int(inks[row]), Look.BOLD)
        lay(canvas, draw_line(sample, row, wide, scene.ascii), line, GAP + 3)
        words = printable(words, room, scene.ascii)
        canvas.text(line, width - GAP - cell_len(words), words, Ink.MUTED)
        ground = Ink.CURSOR if row == here else Ink.SELECTED if flags[row] else Ink.DEFAULT
        canvas.ground[line] = ground
    return canvas


def _large_excerpt(scene: Scene, sample: Sample, row: int, words: str, width: int, height: int) -> Canvas:
    """Draw what one instance sees over the whole pane, below words on it."""
    canvas = Canvas(width, height)
    place = place_words(sample, row)
    lines = wrapped(f"{place}, {words}" if place else words, max(width - 2 * GAP, 10))[: max(height // 2, 1)]
    for number, line in enumerate(lines):
        canvas.text(number, GAP, line, Ink.MUTED)
    top = len(lines) + 1
    canvas.paste(draw_large(sample, row, width - 2 * GAP, max(height - top, 0), scene.glyphs), top, GAP)
    return canvas


def caption(scene: Scene, sample: Sample, row: int) -> tuple[str, str, str]:
    """Return label, activation of the filter in question and the rank by it, for beneath a picture; empty: unknown."""
    names = scene.snapshot.labels if scene.snapshot else ()
    label = int(sample.labels[row])
    name = "" if label == UNLABELLED else label_of(names, sample, label, scene.ascii)
    filters = chosen_filters(scene, sample.filters)
    if len(filters) != 1:
        return name, short(float(sample.maximum[row]), ascii=True), ""
    value = short(float(sample.activations[row, filters[0]]), ascii=True)
    return name, value, f"#{rank_of(sample, row, filters[0])}"


def short_caption(scene: Scene, sample: Sample, row: int, width: int) -> str:
    """Return a caption in a width: without the rank, with a shorter number (`.53`), then with a shorter name, as a
    number is never cut.
    """
    name, value, rank = caption(scene, sample, row)
    brief = _brief(value)
    whole = (" ".join(filter(None, words)) for words in ((name, value, rank), (name, value), (name, brief)))
    room = width - cell_len(brief) - 1
    cut = f"{printable(name, room, scene.ascii)} {brief}" if room > 1 else brief
    return next((text for text in whole if cell_len(text) <= width), cut)


def _brief(value: str) -> str:
    """Return in two digits what `short` wrote in three."""
    return f"{float(value):.2g}".removeprefix("0") if BELOW_TEN.fullmatch(value) else value


def _large(scene: Scene, sample: Sample, row: int, width: int, height: int) -> Canvas:
    """Draw one receptive field as large as it goes, and beside it where it lies in its input."""
    canvas = Canvas(width, height)
    words = instance_words(scene, sample, row, chosen_filters(scene, sample.filters))
    if kind_of(sample):
        return _large_excerpt(scene, sample, row, words, width, height)
    if not has_pictures(sample):
        return sentence(width, height, words)
    picture = draw_image(sample.thumbnails[row], width * 3 // 5, height, scene.glyphs, scene.colour)
    lay(canvas, picture, 0, 1)
    left = picture.width + 3
    room = width - left - 1
    lines = wrapped(words, max(room, 10))
    if sample.input_size:
        frame = draw_frame_in(
            sample.input_size, sample.boxes[row].tolist(), room, height - len(lines) - 2, scene.glyphs
        )
        lay(canvas, frame, 0, left)
        top = frame.height + 1
    else:
        top = 0
    for place, line in enumerate(lines[: max(height - top, 0)], top):
        canvas.text(place, left, line, Ink.DEFAULT)
    return canvas


def _lines(scene: Scene, sample: Sample, rows: Rows, width: int, height: int) -> Canvas:
    """Write a line an instance, where the network's inputs are no pictures."""
    canvas = Canvas(width, height)
    here = np.flatnonzero(rows == row_of(sample, scene.selection.point))
    first = max(int(here[0]) - height // 2, 0) if len(here) else 0
    flags, letters = flags_of(sample, scene.selection.chosen), label_letters(sample.labels)
    filters = chosen_filters(scene, sample.filters)
    for line, row in enumerate(rows[first : first + height].tolist()):
        mark = "*" if flags[row] else " "
        text = f"{mark}{chr(letters[row])} {instance_words(scene, sample, row, filters)}"
        ground = Ink.CURSOR if len(here) and row == rows[here[0]] else Ink.DEFAULT
        canvas.text(line, 1, printable(text, width - 2, scene.ascii), Ink.DEFAULT, ground=ground)
    return canvas


def _facts(scene: Scene) -> str:
    sample = scene.sample
    if sample is None:
        return ""
    filters = chosen_filters(scene, sample.filters)
    named = filters_named(scene, filters, 4)
    count = len(shown_rows(scene))
    which = f"{count:,} marked, by {named}" if shows_marked(scene) else f"strongest for {named}"
    return f"{layer_name(scene, scene.selection.layer, 20)}, {which}"


def instances_columns(scene: Scene) -> Columns | None:
    """Return the listed instances with what is known of each."""
    sample = scene.sample
    if sample is None:
        return None
    names = scene.snapshot.labels if scene.snapshot else ()
    shown = chosen_filters(scene, sample.filters)[:4]
    rows = []
    for row in shown_rows(scene).tolist():
        values = [short(float(sample.activations[row, i]), ascii=True) for i in shown]
        ranks = [str(rank_of(sample, row, i)) for i in shown]
        numbers = [part for pair in zip(values, ranks, strict=True) for part in pair]
        box = " ".join(map(str, sample.boxes[row].tolist()))
        label = label_of(names, sample, int(sample.labels[row]), scene.ascii)
        seen = [place_words(sample, row), excerpt_text(sample, row, scene.ascii)] if kind_of(sample) else [box]
        rows.append([str(sample.ids[row]), label, *numbers, str(sample.steps[row]), str(sample.inputs[row]), *seen])
    heads = [part for i in shown for part in (f"{unit_name(scene.layer)} {i}", "rank")]
    seen = ["place", SEEN[kind_of(sample)]] if kind_of(sample) else ["y x height width"]
    return ("instance", "label", *heads, "step", "input", *seen), rows


def instances_text(scene: Scene) -> str:
    """Return the listed instances as a table."""
    columns = instances_columns(scene)
    return waiting_words(scene) if columns is None else f"{_facts(scene)}\n\n{table(*columns)}"


PANE = Pane(
    PaneName.INSTANCES,
    draw_instances,
    _facts,
    instances_text,
    lambda scene: (
        scene.snapshot.labels if scene.snapshot else None,
        scene.snapshot is None,
        scene.selection,
        scene.sample,
        scene.maps.progress if scene.sample is None else None,
        scene.maps.failure,
        scene.desk.strongest,
        scene.desk.large,
    ),
    instances_columns,
)
