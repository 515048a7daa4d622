"""Real runs and real viewers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from terminal import PtyTerminal

from deepeyes_tui.link.runs import find_run, is_live, list_runs
from deepeyes_tui.link.watcher import Condition, Watcher

SCRIPTS = Path(__file__).parents[1] / "scripts"
DEEPEYES = [sys.executable, "-m", "deepeyes_tui"]


def until(condition, seconds=60):
    """Poll until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def view_of(name):
    """How a run stands now."""
    watcher = Watcher(find_run(name))
    try:
        return watcher.poll()
    finally:
        watcher.close()


def no_memory_left():
    """Whether no run has anything in shared memory."""
    return not [entry for entry in Path(os.environ["DEEPEYES_LIVE"]).rglob("*") if entry.is_file()]


@pytest.fixture
def endless():
    """Starts a script that trains on, headless; gives its launcher's process."""
    started = []

    def start(*arguments):
        command = [*DEEPEYES, "run", "--headless", str(SCRIPTS / "endless.py"), *arguments]
        launcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.append(launcher)
        until(lambda: list_runs() and (view := view_of("endless")) and view.condition == Condition.TRAINING)
        return launcher

    yield start
    for launcher in started:
        launcher.kill()
    end_all_runs()
    for launcher in started:
        launcher.communicate()


def end_all_runs():
    """Kill whatever trains still."""
    for run in list_runs():
        if is_live(run):
            os.kill(run.record().pid, signal.SIGKILL)


@pytest.fixture
def viewer():
    """Opens `deepeyes ARGS` in a terminal of its own."""
    opened = []

    def open_terminal(*arguments, size=(120, 40), **variables):
        kept = {k: v for k, v in os.environ.items() if k not in ("TMUX", "NO_COLOR", "COLORTERM", "SSH_CONNECTION")}
        environment = kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | variables
        terminal = PtyTerminal([*DEEPEYES, *map(str, arguments)], *size, environment=environment)
        opened.append(terminal)
        return terminal

    yield open_terminal
    for terminal in opened:
        terminal.close()
    end_all_runs()
