"""What is found in a layer, in words: the same words in lists, details and text twins."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent, printable, short, unknown
from deepeyes_tui.app.scene import Scene, not_seen
from deepeyes_tui.link.maps import LayerNumbers
from deepeyes_tui.link.snapshot import LayerStatistics, Snapshot

Said = tuple[str, int]
ONE_OF = {"filters": "filter", "units": "unit", "heads": "head", "dimensions": "dimension"}
"""One of what a layer's filters are."""
FROZEN = "frozen"
"""Of a layer of which nothing is trained."""
WAITS = "waits for the next look"
LEAST_ERROR = 0.005
"""Standard errors below it would be written as 0."""
RECENT_STEPS = 100
"""Observed steps after which the square of a filter that was not reached again has half its size."""


def unit_name(layer: LayerStatistics | None, count: int = 1) -> str:
    """Return what one filter of a layer is called, or several: units, heads, where they are such."""
    unit = layer.info.unit if layer is not None and layer.info.unit in ONE_OF else "filters"
    return ONE_OF[unit] if count == 1 else unit


def nonfinite_words(layer: LayerStatistics) -> str:
    """Say how many NaN and infinities there were, and since when; nothing if there were none."""
    counts = [f"{count:,} {name}" for count, name in ((layer.nan, "NaN"), (layer.infinite, "infinite")) if count]
    if not counts:
        return ""
    since = f" since step {layer.nonfinite_since:,}" if layer.nonfinite_since is not None else ""
    return " and ".join(counts) + since


def waits(layer: LayerStatistics) -> bool:
    """Return whether a layer has no window of perplexities: its filters are others since it was last looked at."""
    return layer.has_run and not layer.window_instances


def stable_words(layer: LayerStatistics) -> Said:
    """Say since when a layer is stable."""
    if layer.stable_since is None:
        return "not stable yet", Ink.MUTED
    return f"stable since step {layer.stable_since:,}", Ink.GOOD


def degenerated_words(layer: LayerStatistics) -> list[Said]:
    """Say how many filters are dead or always on."""
    dead, on = int(layer.dead.sum()), int(layer.always_on.sum())
    said = [(f"{dead:,} of {layer.info.filters:,} dead", int(Ink.DOWN))] if dead else []
    return said + ([(f"{on:,} always on", int(Ink.WARNING))] if on else [])


def marked_words(marks: Iterable[Collection[int]]) -> str:
    """Say how many filters are marked, behind other facts; nothing if none is."""
    count = sum(map(len, marks))
    return f", {count:,} marked" if count else ""


def undetected_words(layer: LayerStatistics, ascii: bool = False) -> Said:
    """Say which share of the instances no filter detected."""
    share = layer.undetected
    return f"{percent(share, ascii=ascii)} undetected", Ink.UNDETECTED if share >= 0.01 else Ink.MUTED


def purity_text(numbers: LayerNumbers, ascii: bool = False) -> str:
    """Return the label purity of a layer with its standard error: `.93±.01`."""
    if math.isnan(numbers.purity):
        return unknown(ascii)
    if math.isnan(numbers.purity_error):
        return _hundredths(numbers.purity)
    error = "<.01" if 0 < numbers.purity_error < LEAST_ERROR else _hundredths(numbers.purity_error)
    return f"{_hundredths(numbers.purity)}{'+-' if ascii else '±'}{error}"


def _hundredths(share: float) -> str:
    return f"{share:.2f}".removeprefix("0")


def survey_words(
    numbers: LayerNumbers, filters: int, labels: Sequence[str], ascii: bool = False, unit: str = "filters"
) -> list[Said]:
    """Say what T4 and T5 ask of a layer: redundant filters, how well its input tells the labels apart."""
    said: list[Said] = []
    if not math.isnan(numbers.effective_filters):
        effective = f"{short(numbers.effective_filters, ascii=ascii)} effective of {filters:,} {unit}"
        said.append((effective, int(Ink.WARNING) if numbers.redundant else int(Ink.DEFAULT)))
    if numbers.redundant:
        said.append((f"{numbers.redundant:,} redundant in {numbers.groups:,} groups", Ink.WARNING))
    if not math.isnan(numbers.purity):
        chance = _hundredths(numbers.purity_by_chance)
        said.append((f"label purity {purity_text(numbers, ascii)} (by chance {chance})", Ink.DEFAULT))
    if numbers.confused and numbers.purity < 1:
        one, other, _ = numbers.confused[0]
        pair = f"{label_name(labels, one, ascii)} and {label_name(labels, other, ascii)}"
        said.append((f"most confused {pair}", Ink.DEFAULT))
    return said


def label_name(labels: Sequence[str], number: int, ascii: bool = False) -> str:
    """Return a label's name as it may be drawn, its number where it has none."""
    if number < 0:
        return "no label"
    return printable(labels[number], 40, ascii) if number < len(labels) else str(number)


def findings(layer: LayerStatistics, ascii: bool = False) -> list[Said]:
    """Return what is worth knowing of a layer, the most important first."""
    said: list[Said] = [(FROZEN, Ink.ACCENT)] if layer.info.frozen else []
    if not layer.has_run:
        return [*said, ("has not run", Ink.MUTED)]
    lost = nonfinite_words(layer)
    said = [(lost, Ink.ERROR), *said] if lost else said
    if waits(layer):
        return [*said, (f"perplexity {WAITS}", Ink.MUTED), *degenerated_words(layer)]
    return [*said, stable_words(layer), *degenerated_words(layer), undetected_words(layer, ascii)]


def mean_perplexity(layer: LayerStatistics) -> float:
    """Return the mean perplexity of the detected instances, read off the histogram; NaN without any."""
    bins = len(layer.histogram)
    centres = 1 + (np.arange(bins) + 0.5) / bins * (layer.info.filters - 1)
    weight = float(np.nansum(layer.histogram))
    return float(np.nansum(layer.histogram * centres)) / weight if weight > 0 else math.nan


def reliability(snapshot: Snapshot, layer: LayerStatistics) -> np.ndarray:
    """Return how recent each filter's maximum is, `(F,)` in [0, 1]: halved every `RECENT_STEPS` observed steps."""
    half_life = RECENT_STEPS * max(snapshot.status.observed_every, 1)
    age = np.maximum(layer.last_observed_step - layer.reached_step, 0)
    return np.where(layer.reached_step >= 0, np.exp2(-age / half_life), 0.0)


def filter_words(layer: LayerStatistics, index: int, ascii: bool = False) -> str:
    """Return the numbers of one filter in a sentence."""
    if not_seen(layer)[index]:
        return f"{unit_name(layer)} {index}: no activation above 0 seen yet"
    maximum, reached = float(layer.maximum[index]), int(layer.reached_step[index])
    words = [f"{unit_name(layer)} {index}: maximum {short(maximum, ascii=ascii)}"]
    words.append(f"over half of the layer's maximum on {percent(float(layer.frequency[index]), ascii=ascii)}")
    if reached >= 0:
        behind = max(layer.last_observed_step - reached, 0)
        when = f"{behind:,} steps before the last look" if behind else "the last look"
        words.append(f"last reached at step {reached:,} ({when})")
    words += ["dead"] if layer.dead[index] else []
    words += ["always on"] if layer.always_on[index] else []
    return ", ".join(words)


def layer_name(scene: Scene, index: int, width: int | None = None) -> str:
    """Return a layer's name as it may be drawn; heads are named by their module, which may have other layers within."""
    if scene.snapshot is None:
        return ""
    info = scene.snapshot.layers[index]
    return printable(f"{info.name} heads" if info.unit == "heads" else info.name, width, scene.ascii)
