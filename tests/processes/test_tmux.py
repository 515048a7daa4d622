"""The demo in a real tmux: start, kill the pane, come back from another, pause, resume, stop."""

import os
import shutil
import subprocess
import sys
import uuid

import pytest

from deepeyes_tui.link.runs import list_runs
from deepeyes_tui.link.watcher import Condition

from .conftest import end_all_runs, until, view_of

pytestmark = [
    pytest.mark.process,
    pytest.mark.tmux,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]


class Tmux:
    """A tmux server of the test's own."""

    def __init__(self):
        self._base = ["tmux", "-L", f"deepeyes-{uuid.uuid4().hex[:8]}", "-f", os.devnull]

    def __call__(self, *arguments):
        return subprocess.run([*self._base, *arguments], capture_output=True, text=True, timeout=20).stdout

    def open(self, window, *arguments):
        variables = [f"{k}={os.environ[k]}" for k in ("DEEPEYES_HOME", "DEEPEYES_LIVE")]
        command = ["env", *variables, "LC_ALL=C.UTF-8", sys.executable, "-m", "deepeyes_tui", *arguments]
        self("new-session", "-d", "-s", window, "-x", "120", "-y", "40", *command)

    def shows(self, window, *words):
        return until(lambda: all(word in self("capture-pane", "-p", "-t", window) for word in words), 60)


@pytest.fixture
def tmux():
    server = Tmux()
    yield server
    server("kill-server")
    end_all_runs()


def test_the_demo_outlives_its_pane(tmux):
    tmux.open("first", "demo", "--steps", "100000")
    tmux.shows("first", "training", "conv1", "steps/s", "1 Training")
    tmux("kill-session", "-t", "first")
    step = view_of("demo").snapshot.status.step
    until(lambda: view_of("demo").snapshot.status.step > step)
    tmux.open("second", "attach")
    tmux.shows("second", "training", "conv1")
    tmux("send-keys", "-t", "second", "P")
    tmux.shows("second", "paused at step")
    tmux("send-keys", "-t", "second", "P")
    until(lambda: view_of("demo").condition == Condition.TRAINING)
    tmux("send-keys", "-t", "second", ":")
    tmux.shows("second", "▔▔▔▔")
    tmux("send-keys", "-t", "second", "stop training")
    tmux.shows("second", "stop training (asks)")
    tmux("send-keys", "-t", "second", "Enter")
    tmux.shows("second", "for good?")
    tmux("send-keys", "-t", "second", "y")
    until(lambda: view_of(list_runs()[0].name).condition == Condition.STOPPED)
    tmux.shows("second", "stopped at step")


def filters_of(layer):
    snapshot = view_of("demo").snapshot
    return next((info.filters for info in snapshot.layers if info.name == layer), None) if snapshot else None


def test_the_demo_is_pruned_undone_pruned_again_and_trains_on(tmux):
    tmux.open("first", "demo", "--steps", "100000")
    tmux.shows("first", "training", "conv1", "steps/s")
    until(lambda: view_of("demo").snapshot.status.step > 20)
    tmux("send-keys", "-t", "first", "P")
    tmux.shows("first", "paused at step")
    tmux("send-keys", "-t", "first", "5", "Space", "l", "Space", "l", "Space")
    tmux("send-keys", "-t", "first", "X")
    tmux.shows("first", "Prune conv1: 3 filters", "conv2.weight", "20 → 17", "Enter y prune")
    tmux("send-keys", "-t", "first", "Enter")
    until(lambda: filters_of("conv1") == 17)
    tmux.shows("first", "prune conv1: 3 filters", "paused at step")
    tmux("send-keys", "-t", "first", "U")
    tmux.shows("first", "Undo prune conv1")
    tmux("send-keys", "-t", "first", "y")
    until(lambda: filters_of("conv1") == 20)
    tmux("send-keys", "-t", "first", "Space", "X")
    tmux.shows("first", "Prune conv1: 1 filter", "20 → 19")
    tmux("send-keys", "-t", "first", "y")
    until(lambda: filters_of("conv1") == 19)
    step = view_of("demo").snapshot.status.step
    tmux("send-keys", "-t", "first", "P", "1")
    until(lambda: view_of("demo").snapshot.status.step > step + 5)
    tmux.shows("first", "training", "prune conv1: 1 filter")
    assert view_of("demo").condition == Condition.TRAINING


def test_a_viewer_that_dies_with_a_preview_does_not_hold_the_training(tmux):
    tmux.open("first", "demo", "--steps", "100000")
    tmux.shows("first", "training", "conv1", "steps/s")
    tmux("send-keys", "-t", "first", "5", "X")
    tmux.shows("first", "Enter y prune")
    until(lambda: view_of("demo").condition == Condition.PAUSED)
    pane = tmux("list-panes", "-t", "first", "-F", "#{pane_pid}").strip()
    os.kill(int(pane), 9)
    step = view_of("demo").snapshot.status.step
    until(lambda: view_of("demo").snapshot.status.step > step + 2, 45)
