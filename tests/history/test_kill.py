"""Killed at any moment: every history can be read, and nothing is lost but the last second."""

import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from deepeyes_tui.history import History

KILLS, AT_ONCE = 20, 5
LOST_AT_MOST = 1.5
"""Seconds: one between two states, and what a busy machine adds."""

TRAINER = """
import sys, time
from pathlib import Path
from deepeyes_tui.history import Limits, Recorder
from tests.history.states import make_arrays, make_state
recorder = Recorder(Path(sys.argv[1]), Limits(every=float(sys.argv[2])))
kept, step = [make_arrays(number) for number in range(4)], 0
print("ready", flush=True)
while True:
    step += 1
    now = time.time()
    for name in ("loss", "accuracy", "time"):
        recorder.scalar(name, step, step)
    state = make_state(step, arrays=kept[step % 4], published_at=now, epoch=step / 50)
    if recorder.due(state.status.state):
        recorder.offer(state)
    time.sleep(0.004)
"""


def start(path, every):
    command = [sys.executable, "-c", TRAINER, str(path), str(every)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


@pytest.mark.process
@pytest.mark.timeout(240)
def test_killed_at_any_moment(tmp_path):
    moments = random.Random(5)
    lost = []
    for number in range(KILLS // AT_ONCE):
        paths = [tmp_path / f"{number}-{one}.sqlite" for one in range(AT_ONCE)]
        # Half of them write all the time, so that most kills fall into a write.
        trainers = [start(path, 0.001 if one % 2 else 0.8) for one, path in enumerate(paths)]
        for trainer in trainers:
            assert trainer.stdout.readline() == b"ready\n"
        time.sleep(0.4)
        for trainer, path in zip(trainers, paths, strict=True):
            time.sleep(moments.uniform(0, 0.25))
            trainer.send_signal(signal.SIGKILL)
            killed = time.time()
            trainer.wait()
            trainer.stdout.close()
            lost.append(killed - check(path))
    assert len(lost) == KILLS
    assert max(lost) < LOST_AT_MOST


def check(path):
    """Read all of a history, and return when its newest state was published."""
    with History(path) as history:
        newest = history.at(10**12).status
        assert history.last == newest.step
        for step in history.steps:
            assert history.at(int(step)).arrays["dead"].any()
        for name in history.series_names:
            curve = history.curve(name)
            steps = [0, *curve.step.tolist()]
            assert curve.count.tolist() == [after - before for before, after in itertools.pairwise(steps)]
            assert curve.mean[-1] == curve.step[-1]
        assert history.damage == ""
        assert history.events[0].text == "epoch 0"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    path.unlink()
    return newest.published_at
