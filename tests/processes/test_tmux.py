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
