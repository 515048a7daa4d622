"""Loss and accuracy, training and validation, over the steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.panes.base import Pane, lay, sentence, table
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.curves import Curve, draw_curves, x_axis_end
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.snapshot import Series

VALIDATION = "val_"
BESIDE_FROM = 70
STACKED_FROM = 16
LEAST_HEIGHT = 7
WORDS_FROM = 48


def draw_training(scene: Scene, width: int, height: int) -> Canvas:
    """Draw a plot for each quantity, beside one another where it is wide and low, as many as fit."""
    canvas = Canvas(width, height)
    names = quantities(scene)
    if not names:
        lay(canvas, sentence(width, height, _why_nothing(scene)), 0, 0)
        return canvas
    beside = width >= BESIDE_FROM and height < STACKED_FROM
    count = max(min(len(names), width // 36 if beside else height // LEAST_HEIGHT), 1)
    for i, name in enumerate(names[:count]):
        first, last = (
            (i * (width + 2) // count, (i + 1) * (width + 2) // count - 2) if beside else (i * height // count, 0)
        )
        if beside:
            lay(canvas, _plot(scene, name, last - first, height), 0, first)
        else:
            lay(canvas, _plot(scene, name, width, (i + 1) * height // count - first), first, 0)
    return canvas


def quantities(scene: Scene) -> list[str]:
    """Return what curves there are, training and validation under one name: loss first, then accuracy."""
    series = scene.snapshot.series if scene.snapshot else {}
    names = dict.fromkeys(name.removeprefix(VALIDATION) for name in series)
    return sorted(names, key=lambda name: {"loss": 0, "accuracy": 1}.get(name, 2))


def _why_nothing(scene: Scene) -> str:
    if scene.snapshot is None:
        return scene.sentence
    return "no loss yet: pass it on with monitor.step(loss=loss)"


def _plot(scene: Scene, name: str, width: int, height: int) -> Canvas:
    pair = _pair(scene, name)
    paired = len(pair) > 1 or name in ("loss", "accuracy")
    curves = [_curve(series, training, paired, width) for series, training in pair]
    step = scene.snapshot.status.step if scene.snapshot else 0
    return draw_curves(
        width,
        height,
        curves,
        title=printable(name, 20, scene.ascii),
        x_max=x_axis_end(step),
        glyphs=scene.glyphs,
        percent=_is_share(name, [series for series, _ in pair]),
    )


def _pair(scene: Scene, name: str) -> list[tuple[Series, bool]]:
    series = scene.snapshot.series if scene.snapshot else {}
    return [(series[key], key == name) for key in (name, VALIDATION + name) if key in series]


def _curve(series: Series, training: bool, paired: bool, width: int) -> Curve:
    words = ("training", "validation") if width >= WORDS_FROM else ("train", "val")
    if not paired:
        words = ("", "")
    return Curve(
        name=words[not training],
        x=series.step,
        y=series.value,
        nonfinite=series.nonfinite,
        ink=Ink.TRAINING if training else Ink.VALIDATION,
    )


def _is_share(name: str, curves: Sequence[Series]) -> bool:
    if "acc" not in name:
        return False
    return all(np.nanmax(c.value, initial=0) <= 1 for c in curves)


def _reads(scene: Scene) -> tuple[object, ...]:
    """Curves cost more to draw than all else, and change least: once a second is enough while training goes on."""
    if scene.snapshot is None or scene.ended or not scene.snapshot.status.published_at:
        return (scene.snapshot,)
    status = scene.snapshot.status
    return int(status.published_at), status.state, scene.snapshot.generation, len(scene.snapshot.series)


def _facts(scene: Scene) -> str:
    return ""


def training_text(scene: Scene) -> str:
    """Return the points of all curves, one behind the other."""
    if scene.snapshot is None or not scene.snapshot.series:
        return _why_nothing(scene)
    rows = []
    for series in scene.snapshot.series.values():
        write = percent if _is_share(series.name, [series]) else short
        points = zip(series.step.tolist(), series.value.tolist(), series.nonfinite.tolist(), strict=True)
        rows += [(printable(series.name), str(step), write(value), str(lost)) for step, value, lost in points]
    return table(("curve", "step", "value", "not finite"), rows)


PANE = Pane(
    PaneName.TRAINING,
    draw_training,
    _facts,
    training_text,
    _reads,
)
