"""What instances show of inputs that are no pictures: words, curves, rows; alone, in lines and tiles, in the mean."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.panes.words import label_name
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.columns import Column, draw_bars, draw_columns, ranked, scores, words_of
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.plots.signals import draw_signal, scale_of
from deepeyes_tui.app.plots.tiles import CAPTION, GAP, TileLayout
from deepeyes_tui.app.plots.tokens import Spelling, Word, draw_text, draw_tokens, joined, spelling_of
from deepeyes_tui.link.excerpts import CURVE, NOTHING, InputKind
from deepeyes_tui.link.instances import OTHER_LABEL
from deepeyes_tui.link.maps import Sample

Rows = NDArray[np.intp]
OWN_AT = 0.4
"""Of a line's width, where an instance's own token stands."""
CURVE_SIZES = ((32, 6), (24, 5), (18, 4), (14, 3))
"""Columns and rows of a curve, the largest first."""
LINES = (InputKind.TEXT, InputKind.TABLE)
MOST_VALUES = 64
"""Values that are written of a signal or a row."""
SHOWN_COLUMNS = 6
"""Columns of a table that the text twin tells of each row."""


def kind_of(sample: Sample) -> InputKind:
    """Return what instances show, none where nothing of them came along."""
    shown = sample.excerpts
    there = shown.tokens.size if shown.kind is InputKind.TEXT else shown.values.size
    return shown.kind if there and shown.kind is not InputKind.PICTURE else InputKind.NONE


def distinct(sample: Sample, rows: Rows) -> Rows:
    """Return which of some instances, in their order, show something for the first time."""
    shown = sample.excerpts
    seen = shown.tokens[rows] if shown.kind is InputKind.TEXT else np.nan_to_num(shown.values[rows])
    flat = np.concatenate([seen.reshape(len(rows), -1), shown.spans[rows]], axis=1)
    return np.sort(np.unique(flat, axis=0, return_index=True)[1])


def excerpt_layout(sample: Sample, count: int, width: int, height: int) -> TileLayout:
    """Return where `count` excerpts stand: lines one below the other, or curves in tiles."""
    if kind_of(sample) in LINES:
        return TileLayout(min(count, height), 1, height, max(width - 2 * GAP, 0), 1)
    best = TileLayout(0, 1, 0, 0, CAPTION)
    for columns, rows in CURVE_SIZES:
        across, down = (width - GAP) // (columns + GAP), height // (rows + CAPTION)
        shown = min(across * down, count)
        if shown > best.shown:
            best = TileLayout(shown, across, down, (width - GAP) // max(across, 1) - GAP, rows + CAPTION)
    return best


@lru_cache(maxsize=4)
def spelling(sample: Sample, ascii: bool) -> Spelling:
    """Return how the tokens of a sample are written."""
    return spelling_of(sample.excerpts.pieces, sample.excerpts.special, ascii)


def label_of(names: Sequence[str], sample: Sample | None, label: int, ascii: bool) -> str:
    """Return the name of an instance's label, the text of the token where labels are tokens."""
    if label == OTHER_LABEL:
        return "other"
    if sample is not None and sample.excerpts.named_labels and label >= 0:
        return spelling(sample, ascii).word(label).text
    return label_name(names, label, ascii)


def words_at(sample: Sample, row: int, ascii: bool) -> tuple[list[Word], range]:
    """Return the words that an instance shows, and which of them it sees; none of them where it sees all."""
    tokens, spell = sample.excerpts.tokens[row], spelling(sample, ascii)
    there = np.flatnonzero(tokens != NOTHING)
    words = [spell.word(token) for token in tokens[there].tolist()]
    start, _, first, last, length = sample.excerpts.spans[row].tolist()
    if last - first >= length:
        return words, range(0)
    return words, range(max(first - start, 0), min(last - start, len(words)))


def own_token(sample: Sample, row: int) -> int:
    """Return the token that an instance sees, `NOTHING` where it sees several or none."""
    start, _, first, last, length = sample.excerpts.spans[row].tolist()
    there = np.flatnonzero(sample.excerpts.tokens[row] != NOTHING)
    at = first - start
    alone = last - first == 1 and (length > 1) and 0 <= at < len(there)
    return int(sample.excerpts.tokens[row, there[at]]) if alone else NOTHING


def frequent_tokens(sample: Sample, rows: Rows, most: int) -> list[tuple[int, float]]:
    """Return the most frequent of the instances' own tokens, of all tokens where they have none, and their shares."""
    own = [token for token in (own_token(sample, int(row)) for row in rows) if token != NOTHING]
    counted = Counter(own or [token for token in sample.excerpts.tokens[rows].ravel().tolist() if token != NOTHING])
    return [(token, count / counted.total()) for token, count in counted.most_common(most)]


@lru_cache(maxsize=4)
def table_scores(sample: Sample) -> NDArray[np.float32]:
    """Return how far each value of the rows lies off the mean over all instances, `(S, D)`."""
    return scores(sample.excerpts.values[:, 0])


def columns_at(sample: Sample, row: int, most: int | None = None) -> list[Column]:
    """Return the columns of an instance's row, the most unusual first."""
    return ranked(sample.excerpts.names, sample.excerpts.values[row, 0], table_scores(sample)[row], most)


def mean_columns(sample: Sample, rows: Rows) -> list[Column]:
    """Return the mean of each column over instances, those that differ most from the mean over all first."""
    value, score = (_means(of[rows]) for of in (sample.excerpts.values[:, 0], table_scores(sample)))
    return ranked(sample.excerpts.names, value, score)


def curve_at(sample: Sample, row: int) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return the channels `(C, n)` that an instance shows, and the stretch that it sees, as shares of them."""
    start, stop, first, last, _ = sample.excerpts.spans[row].tolist()
    extent = stop - start
    if extent <= 0:
        return np.empty((0, 0), np.float32), (0.0, 1.0)
    count = math.ceil(extent / math.ceil(extent / CURVE))
    own = (first - start) / extent, (last - start) / extent
    return sample.excerpts.values[row][:, :count], (min(max(own[0], 0.0), 1.0), min(max(own[1], 0.0), 1.0))


def mean_curve(sample: Sample, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean of instances' curves `(C, n)` and their standard deviation."""
    count = max((curve_at(sample, int(row))[0].shape[1] for row in rows), default=0)
    values = sample.excerpts.values[rows][:, :, :count]
    mean = _means(values)
    return mean, np.sqrt(_means((values - mean) ** 2))


def _means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means over the first axis of what is finite; NaN without any."""
    some = np.isfinite(values)
    count = some.sum(axis=0)
    total = np.where(some, values, 0).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def draw_line(sample: Sample, row: int, width: int, ascii: bool) -> Canvas:
    """Draw a text or a row in one line."""
    if kind_of(sample) is InputKind.TABLE:
        return draw_columns(width, columns_at(sample, row), ascii)
    return draw_tokens(width, *words_at(sample, row, ascii), int(width * OWN_AT), ascii)


def draw_mean_line(sample: Sample, rows: Rows, width: int, ascii: bool) -> Canvas:
    """Draw what texts or rows have in common in one line: their most frequent tokens, the mean of each column."""
    if kind_of(sample) is InputKind.TABLE:
        return draw_columns(width, mean_columns(sample, rows), ascii)
    canvas, at, spell = Canvas(width, 1), 0, spelling(sample, ascii)
    for token, share in frequent_tokens(sample, rows, width // 4):
        word = spell.word(token)
        said = f" {percent(share, ascii=ascii)}"
        text = printable(word.text, 16, ascii)
        if at + len(text) + len(said) > width:
            break
        at = canvas.text(0, at, text, Ink.FAINT if word.special else Ink.TITLE)
        at = canvas.text(0, at, said, Ink.MUTED) + 2
    return canvas


def curve_scale(sample: Sample, rows: Rows) -> tuple[float, float]:
    """Return the scale that the curves of instances share."""
    return scale_of(sample.excerpts.values[rows])


def draw_curve(sample: Sample, row: int, width: int, height: int, scale: tuple[float, float], glyphs: Glyphs) -> Canvas:
    """Draw the curve of one instance."""
    values, own = curve_at(sample, row)
    return draw_signal(values, width, height, scale, own=own, glyphs=glyphs)


def draw_mean_curve(
    sample: Sample, rows: Rows, width: int, height: int, scale: tuple[float, float], glyphs: Glyphs
) -> Canvas:
    """Draw the mean of curves, and one standard deviation to either side of it."""
    mean, spread = mean_curve(sample, rows)
    return draw_signal(mean, width, height, scale, spread=spread, glyphs=glyphs)


def draw_large(sample: Sample, row: int, width: int, height: int, glyphs: Glyphs) -> Canvas:
    """Draw all that is known of one instance's input over the whole room."""
    ascii = glyphs is Glyphs.ASCII
    match kind_of(sample):
        case InputKind.TEXT:
            return draw_text(width, height, *words_at(sample, row, ascii), ascii)
        case InputKind.TABLE:
            return draw_bars(width, height, columns_at(sample, row), ascii)
    canvas, scale = Canvas(width, height), scale_of(curve_at(sample, row)[0])
    low, high = (short(value, ascii=ascii) for value in scale)
    left = max(len(low), len(high)) + 1
    canvas.text(0, 0, high, Ink.MUTED)
    canvas.text(height - 1, 0, low, Ink.MUTED)
    canvas.paste(draw_curve(sample, row, width - left, height, scale, glyphs), 0, left)
    return canvas


def place_words(sample: Sample, row: int) -> str:
    """Say where in its input an instance lies."""
    kind, spans = kind_of(sample), sample.excerpts.spans
    if kind not in (InputKind.TEXT, InputKind.SIGNAL) or not spans.size:
        return ""
    _, _, first, last, length = spans[row].tolist()
    unit = "token" if kind is InputKind.TEXT else "sample"
    if not length:
        return ""
    if last - first >= length:
        return f"all {length:,} {unit}s"
    where = f"{unit} {first:,}" if last - first == 1 else f"{unit}s {first:,}-{last - 1:,}"
    return f"{where} of {length:,}"


def excerpt_text(sample: Sample, row: int, ascii: bool) -> str:
    """Return what an instance shows as text: words with its own in brackets, values, columns with their scores."""
    match kind_of(sample):
        case InputKind.TEXT:
            return joined(*words_at(sample, row, ascii))
        case InputKind.SIGNAL:
            channels = (" ".join(short(float(v), ascii=True) for v in each) for each in curve_at(sample, row)[0])
            return " | ".join(channels)
        case InputKind.TABLE:
            said = (" ".join(words_of(column, ascii)) for column in columns_at(sample, row, SHOWN_COLUMNS))
            return ", ".join(said)
    return ""
