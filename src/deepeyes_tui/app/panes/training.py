"""Loss and accuracy, training and validation, over the steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepeyes_tui.app.acts import act_words, letter, undone
from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.panes.base import Pane, lay, sentence, table, write
from deepeyes_tui.app.panes.newest import second_of
from deepeyes_tui.app.panes.timeline import timeline_text
from deepeyes_tui.app.panes.two_runs import HEADS, ROWS, SIGN, VALIDATION_SIGN, compared, draw_two_runs, number_cells
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.curve_points import Curve
from deepeyes_tui.app.plots.curves import draw_curves
from deepeyes_tui.app.plots.flags import Flag
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.plots.ticks import x_axis_end
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.snapshot import Series

VALIDATION = "val_"
BESIDE_FROM = 70
STACKED_FROM = 16
LEAST_HEIGHT = 7
WORDS_FROM = 48
FEW_ACTS = 3
ROWS_AN_ACT = 8
"""Rows of the pane that it takes for each act to be told of beside the curves."""


def draw_training(scene: Scene, width: int, height: int) -> Canvas:
    """Draw a plot for each quantity, beside one another where it is wide and low, as many as fit; below them what was
    done to the training, the newest of it.
    """
    canvas = Canvas(width, height)
    names, listed = quantities(scene), _rows_of_acts(scene, height)
    height -= listed
    _list_acts(canvas, scene, height, listed)
    if (summary := summary_of(scene)) and not listed and height >= STACKED_FROM:
        height -= 1
        canvas.text(height, 1, printable(summary, max(width - 2, 0), scene.ascii), Ink.MUTED)
    if scene.beside is not None and height > LEAST_HEIGHT + ROWS:
        height -= ROWS
        draw_two_runs(canvas, height, scene)
    if not names:
        lay(canvas, sentence(width, height, _why_nothing(scene)), 0, 0)
        return canvas
    beside = width >= BESIDE_FROM and height < STACKED_FROM
    count = max(min(len(names), width // 36 if beside else height // LEAST_HEIGHT), 1)
    tops = _tops(scene, names[:count], height)
    for i, name in enumerate(names[:count]):
        if beside:
            first, last = i * (width + 2) // count, (i + 1) * (width + 2) // count - 2
            lay(canvas, _plot(scene, name, last - first, height), 0, first)
        else:
            lay(canvas, _plot(scene, name, width, tops[i + 1] - tops[i]), tops[i], 0)
    return canvas


def _tops(scene: Scene, names: Sequence[str], height: int) -> list[int]:
    """Return where plots beneath one another begin, and where the last ends: one that is flat is low."""
    spare = height - len(names) * LEAST_HEIGHT
    weights = [not all(s.value.size and np.ptp(s.value) == 0 for s, _ in _pair(scene, name)) for name in names]
    if spare < 0 or not any(weights):
        return [i * height // len(names) for i in range(len(names) + 1)]
    return [i * LEAST_HEIGHT + spare * sum(weights[:i]) // sum(weights) for i in range(len(names) + 1)]


def summary_of(scene: Scene) -> str:
    """Return what was found of the training, in a sentence; nothing where it was told."""
    return scene.snapshot.status.summary if scene.snapshot else ""


def _rows_of_acts(scene: Scene, height: int) -> int:
    """Return how many rows tell of acts: few beside the curves, a third of the pane where it has the whole screen."""
    return min(len(scene.acts), height // (3 if scene.desk.full else ROWS_AN_ACT))


def _list_acts(canvas: Canvas, scene: Scene, top: int, rows: int) -> None:
    gone = undone(scene.acts)
    shown = scene.acts[len(scene.acts) - rows :]
    steps = [f"{entry.step:,}" for entry in shown]
    width = max(map(len, steps), default=0)
    for row, (entry, step) in enumerate(zip(shown, steps, strict=True), top):
        column = write(canvas, row, 1, [(letter(entry), Ink.ACCENT, Look.BOLD), (f" {step.rjust(width)} ", Ink.MUTED)])
        room = max(canvas.width - column - 1, 0)
        canvas.text(row, column, act_words(entry, entry.number in gone, scene.ascii, room))


def quantities(scene: Scene) -> list[str]:
    """Return what curves there are, training and validation under one name: loss first, then accuracy."""
    others = scene.beside.series if scene.beside is not None else {}
    series = [*(scene.snapshot.series if scene.snapshot else {}), *others]
    names = dict.fromkeys(name.removeprefix(VALIDATION) for name in series)
    return sorted(names, key=lambda name: {"loss": 0, "accuracy": 1}.get(name, 2))


def _why_nothing(scene: Scene) -> str:
    if scene.snapshot is None:
        return scene.sentence
    return summary_of(scene) or "no loss yet: pass it on with monitor.step(loss=loss)"


def _plot(scene: Scene, name: str, width: int, height: int) -> Canvas:
    pair = _pair(scene, name)
    paired = len(pair) > 1 or name in ("loss", "accuracy")
    curves = [_curve(series, training, paired, width) for series, training in pair]
    curves += _of_other(scene, name, width)
    step = scene.snapshot.status.step if scene.snapshot else 0
    return draw_curves(
        width,
        height,
        curves,
        title=printable(name, 20, scene.ascii),
        x_max=x_axis_end(_last_step(scene, step)),
        at=float(step) if scene.replay is not None else None,
        glyphs=scene.glyphs,
        flags=[Flag(entry.step, letter(entry)) for entry in scene.acts],
        percent=_is_share(name, [series for series, _ in pair]),
    )


def _last_step(scene: Scene, step: int) -> int:
    """Return where the curves end: those of a record go on behind the step that is shown, as may the other run's."""
    recorded = scene.replay.timeline.last if scene.replay is not None else 0
    others = scene.beside.series.values() if scene.beside is not None else ()
    return max(step, recorded, *(int(series.step[-1]) for series in others if len(series.step)))


def _of_other(scene: Scene, name: str, width: int) -> list[Curve]:
    """Return the curves of the run beside this one, in other colours and with marks of their own."""
    if scene.beside is None:
        return []
    called = printable(scene.beside.run, 24, scene.ascii)
    looks = ((name, called, Ink.UP, SIGN), (VALIDATION + name, f"{called} val", Ink.WARNING, VALIDATION_SIGN))
    known = [(scene.beside.series.get(key), words, ink, sign) for key, words, ink, sign in looks]
    return [Curve(words, s.step, s.value, s.nonfinite, ink, sign) for s, words, ink, sign in known if s is not None]


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
    return second_of(scene), scene.acts, scene.desk.full, scene.beside


def _facts(scene: Scene) -> str:
    count = len(scene.acts)
    if not count:
        return ""
    return f"{count:,} act{'s' * (count != 1)}{', f: more of them' if count > FEW_ACTS and not scene.desk.full else ''}"


def training_text(scene: Scene) -> str:
    """Return what was done to the training, and the points of all curves, one behind the other."""
    told = f"{_acts_text(scene)}\n\n" if scene.acts else ""
    told += f"{printable(summary_of(scene))}\n\n" if summary_of(scene) else ""
    told += f"{timeline_text(scene)}\n\n" if scene.replay is not None else ""
    if pair := compared(scene):
        told += table(("run", *HEADS), [[printable(run.run), *number_cells(run, scene.ascii)] for run in pair]) + "\n\n"
    if scene.snapshot is None or not scene.snapshot.series:
        return told + _why_nothing(scene)
    rows = []
    for series in scene.snapshot.series.values():
        write = percent if _is_share(series.name, [series]) else short
        points = zip(series.step.tolist(), series.value.tolist(), series.nonfinite.tolist(), strict=True)
        rows += [(printable(series.name), str(step), write(value), str(lost)) for step, value, lost in points]
    return told + table(("curve", "step", "value", "not finite"), rows)


def _acts_text(scene: Scene) -> str:
    gone = undone(scene.acts)
    rows = [
        (act_words(entry, entry.number in gone), str(entry.step), printable(entry.before), printable(entry.after))
        for entry in scene.acts
    ]
    return table(("act", "step", "before", "after"), rows)


PANE = Pane(
    PaneName.TRAINING,
    draw_training,
    _facts,
    training_text,
    _reads,
)
