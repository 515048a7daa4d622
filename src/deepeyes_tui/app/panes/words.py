"""What is found in a layer, in words: the same words in lists, details and text twins."""

from __future__ import annotations

import math

import numpy as np

from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.snapshot import LayerStatistics, Snapshot

Said = tuple[str, int]
RECENT_STEPS = 100
"""Observed steps after which the square of a filter that was not reached again has half its size."""


def nonfinite_words(layer: LayerStatistics) -> str:
    """Say how many NaN and infinities there were, and since when; nothing if there were none."""
    counts = [f"{count:,} {name}" for count, name in ((layer.nan, "NaN"), (layer.infinite, "infinite")) if count]
    if not counts:
        return ""
    since = f" since step {layer.nonfinite_since:,}" if layer.nonfinite_since is not None else ""
    return " and ".join(counts) + since


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


def undetected_words(layer: LayerStatistics, ascii: bool = False) -> Said:
    """Say which share of the instances no filter detected."""
    share = layer.undetected
    return f"{percent(share, ascii=ascii)} undetected", Ink.UNDETECTED if share >= 0.01 else Ink.MUTED


def findings(layer: LayerStatistics, ascii: bool = False) -> list[Said]:
    """Return what is worth knowing of a layer, the most important first."""
    if not layer.has_run:
        return [("has not run", Ink.MUTED)]
    lost = nonfinite_words(layer)
    said: list[Said] = [(lost, Ink.ERROR)] if lost else []
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
    maximum, reached = float(layer.maximum[index]), int(layer.reached_step[index])
    words = [f"filter {index}: maximum {short(maximum, ascii=ascii)}"]
    if reached >= 0:
        behind = max(layer.last_observed_step - reached, 0)
        when = f"{behind:,} steps before the last look" if behind else "the last look"
        words.append(f"last reached at step {reached:,} ({when})")
    words.append(f"active on {percent(float(layer.frequency[index]), ascii=ascii)}")
    words += ["dead"] if layer.dead[index] else []
    words += ["always on"] if layer.always_on[index] else []
    return ", ".join(words)


def layer_name(scene: Scene, index: int, width: int | None = None) -> str:
    """Return a layer's name as it may be drawn."""
    return printable(scene.snapshot.layers[index].name, width, scene.ascii) if scene.snapshot else ""
