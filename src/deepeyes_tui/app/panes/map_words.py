"""What is said about the maps in words: why there is none yet, where one is, what is under the cursor."""

from __future__ import annotations

from deepeyes_tui.app.chosen import rank_of
from deepeyes_tui.app.panes.excerpts import label_of, place_words
from deepeyes_tui.app.panes.words import layer_name, unit_name, waits
from deepeyes_tui.app.plots.numbers import percent, printable, short
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.maps import Sample, Stage

IDLE = (Stage.READY, Stage.STARTING)
COMPILING = 3.0
"""Seconds of warming up beyond which kernels are being compiled, which is done once."""


def waiting_words(scene: Scene) -> str:
    """Say why there is no map yet."""
    if scene.snapshot is None:
        return scene.sentence
    if not scene.layers:
        return "no layers"
    name = layer_name(scene, scene.selection.layer, 40)
    if scene.replay is not None and not scene.replay.at_end:
        failed = printable(scene.maps.failure, 300, scene.ascii)
        none = f"no map of {name} was kept up to here: K keeps one. Instances are there of the last state alone: End"
        return failed or none
    progress = scene.maps.progress
    if progress.stage is Stage.WARMING:
        once = " (compiling, this once)" if progress.seconds > COMPILING else ""
        return f"{name}: the analysis is warming up, {progress.seconds:.0f} s{once}"
    if scene.layer is not None and not scene.layer.has_run:
        notices = " ".join(scene.snapshot.status.notices)
        return printable(f"{name} has not run in a training pass. {notices}", 300, scene.ascii)
    if scene.layer is not None and waits(scene.layer):
        when = "when the training goes on" if scene.paused else "with the next looks"
        return f"{name}: its filters are others now, new instances come {when}"
    if scene.maps.failure:
        return printable(scene.maps.failure, 300, scene.ascii)
    if progress.stage is Stage.STARTING:
        return f"{name}: the analysis is starting"
    return f"{name}: {progress.stage if progress.stage is not Stage.READY else 'asking for its instances'}"


def busy_words(scene: Scene) -> str:
    """Say what the analysis is at while an older map is shown; nothing if it is idle."""
    if scene.maps.failure:
        return printable(scene.maps.failure, 120, scene.ascii)
    stage = scene.maps.progress.stage
    return "" if stage in (*IDLE, Stage.SURVEY, Stage.QUALITY) else str(stage)


def instance_words(scene: Scene, sample: Sample, row: int, filters: tuple[int, ...]) -> str:
    """Say what an instance is, and how strongly some filters fire on it."""
    labels = scene.snapshot.labels if scene.snapshot else ()
    plain = scene.ascii
    y, x, height, width = sample.boxes[row].tolist()
    place = f", rows {y}-{y + height - 1}, columns {x}-{x + width - 1}" if height and sample.input_size else ""
    if where := place_words(sample, row):
        place = f", {where}"
    words = [
        "no label" if sample.labels[row] == -1 else f"label {label_of(labels, sample, int(sample.labels[row]), plain)}",
        f"input {sample.inputs[row]} at step {sample.steps[row]:,}{place}",
    ]
    for filter in filters[:2]:
        value = float(sample.activations[row, filter])
        words.append(
            f"{unit_name(scene.layer)} {filter}: {short(value, ascii=plain)}, rank {rank_of(sample, row, filter):,}"
        )
    undetected = (
        ["undetected"] if sample.undetected[row] else [f"maximum {short(float(sample.maximum[row]), ascii=plain)}"]
    )
    return ", ".join([*words[:1], *undetected, *words[2:], words[1]])


def undetected_share(sample: Sample, ascii: bool = False) -> str:
    """Say which share of a sample's instances no filter detects."""
    return f"{percent(float(sample.undetected.mean()), ascii=ascii)} undetected" if sample.size else ""


def chosen_filters(scene: Scene, filters: int) -> tuple[int, ...]:
    """Return the filters that maps and instances speak of: the marked ones, or the one under the cursor."""
    marks = tuple(sorted(i for i in scene.selection.marks if i < filters))
    return marks or ((scene.selection.cursor,) if scene.selection.cursor < filters else ())


def filters_named(scene: Scene, filters: tuple[int, ...], most: int) -> str:
    """Name some filters of the layer in focus, `most` of them by their numbers."""
    more = f" and {len(filters) - most} more" if len(filters) > most else ""
    return f"{unit_name(scene.layer, len(filters))} {', '.join(map(str, filters[:most]))}{more}"
