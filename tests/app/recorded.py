"""Recorded runs: histories as the training process writes them, of states that no training has made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deepeyes_tui.history import Event, Limits, history_path
from deepeyes_tui.history.writer import Batch, HistoryWriter
from deepeyes_tui.link.runs import Run, claim_run
from deepeyes_tui.link.snapshot import Snapshot
from tests.app.synthetic import infos, snapshot

LAYERS = infos()
STEPS = tuple(range(40, 1201, 40))
BEGAN = 1_700_000_000.0
EVENTS = (
    Event(200, BEGAN + 20, "epoch", "epoch 1"),
    Event(400, BEGAN + 40, "dead", "conv2: 3 more dead, 3 of 50 filters"),
    Event(401, BEGAN + 40, "stable", "conv1 is stable since step 390"),
    Event(900, BEGAN + 90, "nan", "fc1 gives NaN or infinity since step 899"),
)


def state_at(step: int, layers=LAYERS) -> Snapshot:
    made = snapshot(layers, step=step, seed=step)
    return replace(made, status=replace(made.status, published_at=BEGAN + step / 10, started_at=BEGAN, loss=10 / step))


def record(path: Path, steps=STEPS, layers=LAYERS, events=EVENTS) -> Path:
    """Write a history of these steps."""
    writer = HistoryWriter(path, Limits(), shared_log=True)
    before = 0
    for step in steps:
        values = [("loss", i, 10 / i) for i in range(before + 1, step + 1, 4)]
        here = [event for event in events if before < event.step <= step]
        writer.write(Batch(state_at(step, layers), values, here))
        before = step
    writer.close()
    return path


def recorded_run(name: str = "kept", steps=STEPS, layers=LAYERS, events=EVENTS) -> Run:
    """Make a run that has ended, with a history; DEEPEYES_HOME and DEEPEYES_LIVE say where."""
    run = claim_run(name)
    record(history_path(run), steps, layers, events)
    run.log.write_text("first line\nlast line\n")
    run.update(pid=2**22 + 1, exit_status=0)
    run.remove_live(keep_board=False)
    return run
