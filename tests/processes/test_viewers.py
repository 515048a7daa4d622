"""Viewers in real terminals beside real training: whatever happens to one, the other goes on."""

import fcntl
import os
import signal
import struct
import termios
import time

import pytest

from deepeyes_tui.link.runs import find_run, is_live
from deepeyes_tui.link.watcher import Condition

from .conftest import SCRIPTS, until, view_of

pytestmark = pytest.mark.process


def shows(*words):
    return lambda terminal: all(word in terminal.text() for word in words)


def goes_on(name):
    """Whether a run makes steps."""
    step = view_of(name).snapshot.status.step
    until(lambda: view_of(name).snapshot.status.step > step + 10)
    return True


def ends(terminal, seconds=20):
    """Read until the viewer has left; return its exit status."""
    deadline = time.monotonic() + seconds
    while terminal.process.poll() is None and time.monotonic() < deadline:
        terminal.read(0.02)
    terminal.idle(0.1)
    return terminal.process.poll()


def test_start_watch_pause_leave_come_back_resume_stop(viewer):
    first = viewer("run", SCRIPTS / "endless.py")
    first.until(shows("training", "steps/s"), 60)
    first.type("P")
    first.until(shows("paused"), 20)
    assert view_of("endless").condition == Condition.PAUSED
    first.type("q")
    first.until(shows("goes on without the viewer"), 20)
    first.type("l")
    assert ends(first) == 0
    assert "deepeyes attach endless" in first.text()
    assert view_of("endless").condition == Condition.PAUSED
    second = viewer("attach")
    second.until(shows("paused", "endless"), 20)
    second.type("P")
    second.until(lambda t: "paused at" not in t.text(), 20)
    assert goes_on("endless")
    second.type("q")
    assert ends(second) == 0
    assert goes_on("endless")


def test_leaving_may_stop_the_training(viewer):
    terminal = viewer("run", SCRIPTS / "endless.py", "polite")
    terminal.until(shows("training", "steps/s"), 60)
    terminal.type("q")
    terminal.until(shows("goes on without the viewer"), 20)
    terminal.type("s")
    assert ends(terminal) is not None
    until(lambda: not is_live(find_run("endless")))
    assert view_of("endless").condition == Condition.STOPPED


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_training_outlives_its_viewer(viewer, number):
    terminal = viewer("run", SCRIPTS / "endless.py")
    terminal.until(shows("training", "steps/s"), 60)
    terminal.process.send_signal(number)
    ends(terminal)
    assert goes_on("endless")


def test_ctrl_c_is_for_the_viewer_alone(viewer, endless):
    endless()
    terminal = viewer("attach", "endless")
    terminal.until(shows("training", "steps/s"), 30)
    terminal.type("\x03")
    assert ends(terminal) == 0
    assert goes_on("endless")


def test_a_script_that_raises_is_shown_and_its_status_passed_on(viewer):
    terminal = viewer("run", SCRIPTS / "raises.py")
    terminal.until(shows("failed", "ValueError: the data is odd"), 60)
    terminal.type("q")
    assert ends(terminal) == 1


def test_a_killed_trainer_is_said_to_be_gone_with_its_last_words(viewer):
    terminal = viewer("run", SCRIPTS / "endless.py")
    terminal.until(shows("training", "steps/s"), 60)
    terminal.idle(1)
    os.kill(find_run("endless").record().pid, signal.SIGKILL)
    terminal.until(shows("gone", "step 50"), 20)
    terminal.type("q")
    assert ends(terminal) == 128 + signal.SIGKILL


def test_a_script_that_never_watches(viewer):
    terminal = viewer("run", SCRIPTS / "never_watches.py")
    terminal.until(shows("without calling deepeyes_tui.watch"), 30)
    terminal.type("q")
    assert ends(terminal) == 0


def test_two_viewers_one_of_them_readonly(viewer, endless):
    endless()
    looking, steering = viewer("attach", "endless", "--readonly"), viewer("attach", "endless")
    for terminal in (looking, steering):
        terminal.until(shows("training", "steps/s"), 30)
    looking.type("P")
    looking.idle(1.5)
    assert view_of("endless").condition == Condition.TRAINING
    steering.type("P")
    for terminal in (looking, steering):
        terminal.until(shows("paused"), 20)


def test_a_small_terminal_and_two_hundred_resizes(viewer, endless):
    endless()
    terminal = viewer("attach", "endless", size=(20, 5))
    terminal.until(lambda t: "80" in t.text(), 30)
    for number in range(200):
        columns, rows = 20 + number * 37 % 180, 5 + number * 11 % 55
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(terminal._master, termios.TIOCSWINSZ, size)
        os.killpg(terminal.process.pid, signal.SIGWINCH)
        terminal.read(0.01)
    terminal.idle(1.0)
    terminal.raw.clear()
    fcntl.ioctl(terminal._master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.killpg(terminal.process.pid, signal.SIGWINCH)
    terminal.until(lambda t: all(words in t.raw for words in (b"training", b"steps/s", b"leave")), 20)
    assert terminal.process.poll() is None


def test_no_colour_and_no_utf8(viewer, endless):
    endless()
    plain = viewer("attach", "endless", NO_COLOR="1", LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    plain.until(lambda t: b"steps/s" in t.raw, 30)
    plain.idle(1)
    assert max(plain.raw) < 128
    assert b"38;2;" not in plain.raw
    assert b"38;5;" not in plain.raw


def test_one_frame_without_a_terminal(endless):
    import subprocess

    from .conftest import DEEPEYES

    endless()
    done = subprocess.run(
        [*DEEPEYES, "attach", "endless", "--once", "--size", "100x30"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    rows = done.stdout.rstrip("\n").split("\n")
    assert len(rows) == 30
    assert "\x1b" not in done.stdout
    assert "endless" in rows[0]
