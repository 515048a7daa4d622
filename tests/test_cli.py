"""The commands, within this process: what they print, where, and their exit status."""

import json
import os
import subprocess
import sys
import time

import pytest

from deepeyes_tui import cli
from deepeyes_tui.link.runs import claim_run, list_runs
from deepeyes_tui.link.snapshot import RunState, Status
from tests.link.boards import make_arrays, make_writer

COMMANDS = ("demo", "run", "attach", "ls", "rm", "export", "ctl", "doctor")


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115, PTH123


@pytest.fixture
def run():
    """A run that stands at step 12, with a board."""
    run = claim_run("demo", command=["train.py"])
    status = Status(state=RunState.TRAINING, step=12, loss=0.5, accuracy=0.75, published_at=time.time())
    make_writer(run.board).publish(status, make_arrays())
    yield run
    run.remove_live(keep_board=False)


def deepeyes(capsys, *arguments):
    """Return exit status, output and errors of a command."""
    try:
        status = cli.main(list(arguments))
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return status, captured.out, captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(capsys, command):
    status, out, _ = deepeyes(capsys, command, "--help")
    assert status == 0
    assert f"example: deepeyes {command}" in " ".join(out.split())


def test_version(capsys):
    status, out, _ = deepeyes(capsys, "--version")
    assert status == 0
    assert out.startswith("deepeyes_tui ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("demo", "--steps", "0"),
        ("demo", "--steps", "many"),
        ("demo", "--steps", "1", "--epochs", "1"),
        ("attach", "--size", "1x1"),
        ("attach", "--color", "pink"),
        ("ctl", "demo", "dance"),
        ("run",),
        ("run", "--budget", "2", "train.py"),
        ("run", "--mean", "0.5,half", "train.py"),
        ("run", "--std", "0", "train.py"),
        ("run", "--labels", "@/nowhere/labels", "train.py"),
        ("run", "--control", "perhaps", "train.py"),
    ],
)
def test_usage_errors(capsys, arguments):
    status, _, err = deepeyes(capsys, *arguments)
    assert status == 2
    assert err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("demo",), "--headless"),
        (("run", "train.py"), "terminal"),
        (("attach",), "--once"),
        (("attach", "--once"), "no runs yet"),
        (("run", "--headless", "nowhere.py"), "no script 'nowhere.py'"),
        (("run", "--headless", "-m", "no.where"), "no module 'no.where'"),
        (("demo", "--headless", "--data", "/nowhere"), "/nowhere"),
        (("ctl", "demo", "pause"), "no runs yet"),
    ],
)
def test_one_sentence_and_nothing_started(capsys, arguments, words):
    status, out, err = deepeyes(capsys, *arguments)
    assert status == 1
    assert words in err
    assert err.count("\n") == 1
    assert not out
    assert list_runs() == []


def test_ls(capsys, run):
    status, out, _ = deepeyes(capsys, "ls")
    header, row = out.splitlines()
    assert status == 0
    assert header.split() == ["run", "state", "step", "loss", "accuracy", "size", "history", "started"]
    assert row.split()[:5] == ["demo", "training", "12", "0.5000", "75.0%"]
    (entry,) = json.loads(deepeyes(capsys, "ls", "--json")[1])
    assert (entry["name"], entry["live"], entry["command"]) == ("demo", True, ["train.py"])


def test_ls_without_runs(capsys):
    assert "no runs yet" in deepeyes(capsys, "ls")[1]
    assert json.loads(deepeyes(capsys, "ls", "--json")[1]) == []


def test_ls_sweeps_first(capsys, run):
    run.update(pid=2**22 + 5)
    assert "gone" in deepeyes(capsys, "ls")[1]
    assert not run.live.exists()


def test_ls_with_a_board_that_is_none(capsys, run):
    run.board.unlink()
    run.board.write_bytes(b"x" * 1000)
    status, out, _ = deepeyes(capsys, "ls")
    assert status == 0
    assert "unreadable" in out


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, 130), (cli.UsageError("odd"), 1)])
def test_no_traceback_whatever_comes(capfd, monkeypatch, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "_ls", fail)
    assert cli.main(["ls"]) == status
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.process
def test_output_that_nobody_reads(run):
    command = [sys.executable, "-m", "deepeyes_tui", "ls", "--json"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


def test_doctor(capsys):
    status, out, _ = deepeyes(capsys, "doctor")
    assert status == 0, out
    for subject in ("python", "torch", "run folder", "shared memory", "control socket"):
        assert subject in out


def test_doctor_where_nothing_can_be_written(capsys, monkeypatch):
    monkeypatch.setenv("DEEPEYES_HOME", "/proc/nowhere")
    status, out, _ = deepeyes(capsys, "doctor")
    assert status == 1
    assert "DEEPEYES_HOME" in out


def test_doctor_without_shared_memory(capsys, monkeypatch):
    monkeypatch.setenv("DEEPEYES_LIVE", "/proc/nowhere")
    status, out, err = deepeyes(capsys, "doctor")
    assert status == 1
    assert "DEEPEYES_LIVE" in out
    assert not err


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TERM": "dumb"}, "start a real terminal"),
        ({"TERM": "xterm-256color"}, "export COLORTERM=truecolor"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "none (NO_COLOR=1)"),
        ({"TERM": "tmux-256color", "TMUX": "/nowhere,1,0"}, "terminal-features"),
        ({"TERM": "xterm", "SSH_TTY": "/dev/pts/1"}, "ssh -C"),
    ],
)
def test_doctor_on_terminals(capsys, monkeypatch, environment, words):
    for name in ("TMUX", "SSH_TTY", "SSH_CONNECTION", "STY", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words in deepeyes(capsys, "doctor")[1]
