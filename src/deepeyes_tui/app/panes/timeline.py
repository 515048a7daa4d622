"""The top of the screen, in a replay with a row that shows where in the record one is."""

from __future__ import annotations

import math

import numpy as np

from deepeyes_tui.app.panes.base import Piece, lay, write
from deepeyes_tui.app.panes.header import draw_header
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.replaying import Replay
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.history import EventKind

SIGNS: dict[str, tuple[str, int]] = {
    EventKind.EPOCH: ("|", Ink.MUTED),
    EventKind.STATE: ("o", Ink.MUTED),
    EventKind.NOTICE: ("n", Ink.WARNING),
    EventKind.GAP: ("~", Ink.WARNING),
    EventKind.STABLE: ("s", Ink.GOOD),
    EventKind.DEAD: ("d", Ink.DOWN),
    EventKind.STRUCTURE: ("m", Ink.ACCENT),
    EventKind.ACT: ("a", Ink.ACCENT),
    EventKind.KEPT: ("k", Ink.ACCENT),
    EventKind.NONFINITE: ("!", Ink.ERROR),
}
"""Signs of events on the line, the more important later: of several in a cell, the last is seen."""
LEAST_LINE = 20
WORDS: dict[str, str] = {
    EventKind.EPOCH: "epoch",
    EventKind.STATE: "state of the run",
    EventKind.NOTICE: "notice",
    EventKind.GAP: "gap in the record",
    EventKind.STABLE: "layer stable",
    EventKind.DEAD: "dead filters",
    EventKind.STRUCTURE: "model is another",
    EventKind.ACT: "act",
    EventKind.KEPT: "map kept",
    EventKind.NONFINITE: "NaN or infinite",
}
"""What the signs stand for."""


def draw_top(scene: Scene, width: int, height: int) -> Canvas:
    """Draw the header, and in a replay the line of time beneath it."""
    if scene.replay is None:
        return draw_header(scene, width, height)
    canvas = Canvas(width, height)
    lay(canvas, draw_header(scene, width, height - 1), 0, 0)
    lay(canvas, draw_timeline(scene, scene.replay, width), height - 1, 0)
    return canvas


def draw_timeline(scene: Scene, replay: Replay, width: int) -> Canvas:
    """Draw one row: whether it plays and how fast, the step, the time since the start, all steps with their events."""
    canvas, plain = Canvas(width, 1), scene.ascii
    if replay.playing:
        states = "state" if replay.speed == 1 else "states"
        state: Piece = (f"{'>' if plain else '▶'} {replay.speed:,} {states}/s", Ink.GOOD)
    else:
        state = (f"{'=' if plain else '‖'} held", Ink.WARNING)
    last = f"{replay.timeline.last:,}"
    words: list[Piece] = [state, ("  step ", Ink.MUTED), (f"{replay.step:,}".rjust(len(last)), Ink.TITLE, Look.BOLD)]
    words += [(f" of {last}  ", Ink.MUTED), (_since(scene, replay), Ink.MUTED), ("  ", Ink.MUTED)]
    column = write(canvas, 0, 1, words)
    if width - column - 1 >= LEAST_LINE:
        lay(canvas, _line(replay, width - column - 1, plain), 0, column)
    return canvas


def timeline_text(scene: Scene) -> str:
    """Return where one is, and all events, as text."""
    replay = scene.replay
    if replay is None:
        return ""
    head = f"step {replay.step:,} of {replay.timeline.last:,}, {_since(scene, replay).strip()}"
    return "\n".join([head, *(f"step {event.step:,}: {event.text}" for event in replay.timeline.events)])


def _line(replay: Replay, width: int, plain: bool) -> Canvas:
    canvas, last = Canvas(width, 1), max(replay.timeline.last, 1)
    here = min(replay.step * (width - 1) // last, width - 1)
    gone, coming = ("=", "-") if plain else ("━", "─")
    canvas.text(0, 0, gone * (here + 1), Ink.ACCENT)
    canvas.text(0, here + 1, coming * (width - here - 1), Ink.FAINT)
    ranks = {kind: rank for rank, kind in enumerate(SIGNS)}
    steps = np.array([event.step for event in replay.timeline.events], np.int64)
    columns = np.clip(steps * (width - 1) // last, 0, width - 1).tolist()
    seen: dict[int, str] = {}
    for column, event in zip(columns, replay.timeline.events, strict=True):
        if ranks.get(event.kind, -1) >= ranks.get(seen.get(column, ""), 0):
            seen[column] = event.kind
    for column, kind in seen.items():
        sign, ink = SIGNS[kind]
        canvas.text(0, column, sign, ink, Look.BOLD)
    kind = seen.get(here, "")
    canvas.text(0, here, SIGNS[kind][0] if kind in SIGNS else "#" if plain else "◆", Ink.POINTER, Look.REVERSE)
    return canvas


def _since(scene: Scene, replay: Replay) -> str:
    """Return the time of the run at the state that is shown, in as many cells whatever it is."""
    at = scene.snapshot.status.published_at if scene.snapshot else math.nan
    seconds = at - replay.timeline.started_at
    if not (math.isfinite(seconds) and at and seconds >= 0):
        return " " * 8
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}".rjust(8)
