"""Real training processes: how they end, and what is left of them."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from deepeyes_tui.link.runs import find_run, is_live, list_runs
from deepeyes_tui.link.watcher import Condition, Watcher

from .conftest import DEEPEYES, SCRIPTS, no_memory_left, until, view_of

pytestmark = pytest.mark.process


def deepeyes(*arguments, **options):
    command = [*DEEPEYES, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL, **options)


def test_demo_runs_headless_and_leaves_its_last_picture():
    done = deepeyes("demo", "--headless", "--steps", "40", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    view = view_of("demo")
    assert view.condition == Condition.FINISHED
    assert view.snapshot.status.step == 40
    assert view.snapshot.status.observed_steps >= 2
    assert [layer.filters for layer in view.snapshot.layers] == [20, 50, 500, 10]
    assert no_memory_left()
    listed = json.loads(deepeyes("ls", "--json").stdout)
    assert [entry["name"] for entry in listed] == ["demo"]


def test_a_script_that_raises_shows_its_traceback_and_passes_its_status_on():
    done = deepeyes("run", "--headless", SCRIPTS / "raises.py")
    assert done.returncode == 1
    assert "ValueError: the data is odd" in done.stderr
    assert "deepeyes_tui/cli.py" not in done.stdout + done.stderr
    view = view_of("raises")
    assert view.condition == Condition.FAILED
    assert view.snapshot.status.step == 3
    assert no_memory_left()


@pytest.mark.parametrize("status", [0, 3])
def test_a_script_that_never_watches(status):
    done = deepeyes("run", "--headless", SCRIPTS / "never_watches.py", status)
    assert done.returncode == status
    assert f"hello ['{status}']" in done.stdout
    sentence = view_of("never_watches").sentence
    assert "watch" in sentence if status == 0 else "exit status 3" in sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--headless", "nowhere.py"], "nowhere.py"),
        (["run", "--headless", "-m", "no.such.module"], "no.such.module"),
        (["demo", "--headless", "--data", "/nowhere.npz"], "/nowhere.npz"),
        (["attach", "nobody", "--once"], "no runs yet"),
        (["ctl", "nobody", "pause"], "no runs yet"),
        (["demo"], "--headless"),
        (["attach", "--once", "--size", "3x3"], "size"),
        (["ctl", "demo", "pause", "--timeout", "nan"], "seconds"),
        (["demo", "--headless", "--steps", "many"], "positive"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(arguments, words):
    done = deepeyes(*arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not list_runs()


@pytest.mark.parametrize("variable", ["DEEPEYES_HOME", "DEEPEYES_LIVE"])
def test_a_job_is_not_lost_for_want_of_room_for_its_run(tmp_path, variable):
    (tmp_path / "file").write_text("")
    environment = os.environ | {variable: str(tmp_path / "file" / "below")}
    done = deepeyes("run", "--headless", SCRIPTS / "raises.py", env=environment)
    assert done.returncode == 1
    assert "ValueError: the data is odd" in done.stderr
    assert "goes on" in done.stderr


def test_closed_streams_are_no_error():
    command = " ".join([*DEEPEYES, "ls", ">&-"])
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_pause_resume_reset_and_stop_from_the_shell(endless):
    launcher = endless("polite")
    assert deepeyes("ctl", "endless", "pause").returncode == 0
    paused = view_of("endless")
    assert paused.condition == Condition.PAUSED
    step = json.loads(deepeyes("ctl", "endless", "status", "--json").stdout)["step"]
    time.sleep(0.3)
    assert json.loads(deepeyes("ctl", "endless", "status", "--json").stdout)["step"] == step
    answer = json.loads(deepeyes("ctl", "endless", "reset", "0", "--json").stdout)
    assert answer["ok"]
    refused = deepeyes("ctl", "endless", "reset", "no-layer")
    assert refused.returncode == 1
    assert "no-layer" in refused.stderr
    assert deepeyes("ctl", "endless", "resume").returncode == 0
    until(lambda: view_of("endless").snapshot.status.step > step)
    assert deepeyes("ctl", "endless", "stop").returncode == 0
    output, _ = launcher.communicate(timeout=30)
    assert b"left the loop" in output
    assert launcher.returncode == 0
    assert view_of("endless").condition == Condition.STOPPED
    assert deepeyes("ctl", "endless", "pause").returncode == 1


def test_stop_interrupts_a_loop_that_does_not_ask(endless):
    launcher = endless()
    assert deepeyes("ctl", "endless", "stop").returncode == 0
    output, _ = launcher.communicate(timeout=30)
    assert b"KeyboardInterrupt" in output
    assert view_of("endless").condition == Condition.STOPPED
    assert no_memory_left()


def test_a_killed_trainer_is_gone_and_swept(endless):
    launcher = endless()
    launcher.send_signal(signal.SIGKILL)
    run = find_run("endless")
    watcher = Watcher(run)
    watcher.poll()
    os.kill(run.record().pid, signal.SIGKILL)
    gone = until(lambda: (view := watcher.poll()) and view.condition == Condition.GONE and view)
    assert "gone" in gone.sentence
    assert gone.snapshot.status.step > 0
    assert deepeyes("ls").returncode == 0
    assert no_memory_left()
    assert view_of("endless").snapshot.status.step > 0


def test_the_launcher_of_a_killed_trainer_says_so(endless):
    launcher = endless()
    os.kill(find_run("endless").record().pid, signal.SIGKILL)
    launcher.communicate(timeout=30)
    assert launcher.returncode == 128 + signal.SIGKILL
    assert "SIGKILL" in view_of("endless").sentence
    assert no_memory_left()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_training_outlives_its_launcher(endless, number):
    launcher = endless()
    launcher.send_signal(number)
    step = view_of("endless").snapshot.status.step
    until(lambda: view_of("endless").snapshot.status.step > step + 20)
    assert is_live(find_run("endless"))


def test_sigterm_reaches_the_training(endless):
    launcher = endless()
    launcher.terminate()
    launcher.communicate(timeout=30)
    assert launcher.returncode == 128 + signal.SIGTERM
    assert not is_live(find_run("endless"))


def test_the_example_runs():
    example = Path(__file__).parents[2] / "examples/own_loop.py"
    done = deepeyes("run", "--headless", example)
    assert done.returncode == 0, done.stdout
    assert float(done.stdout.split()[-1]) > 0.9
    view = view_of("own_loop")
    assert view.snapshot.labels == ("first turn", "second turn", "third turn")
    assert view.snapshot.status.observed_steps >= 2
