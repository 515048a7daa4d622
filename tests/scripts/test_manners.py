"""Scripts that end badly, or behave oddly: each does what it would without us, and its state is on the board."""

import os

import pytest

from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.runs import list_runs
from deepeyes_tui.link.snapshot import RunState
from tests.scripts.running import VARIANTS, run_apart, seen
from tests.scripts.test_unmodified import run_both

pytestmark = pytest.mark.process


def ours_apart(text):
    """Return what a script itself has written to stderr."""
    return [line for line in text.splitlines() if not line.startswith("deepeyes: ")]


@pytest.mark.parametrize(
    ("manner", "state", "words", "steps"),
    [
        ("stdin", RunState.FINISHED, "", 3),
        ("chdir", RunState.FINISHED, "", 3),
        ("redirects", RunState.FINISHED, "", 5),
        ("closes_stderr", RunState.FINISHED, "", 3),
        ("fork", RunState.FINISHED, "", 4),
        ("exit", RunState.FAILED, "exit status 3", 3),
        ("exit_words", RunState.FAILED, "that is all", 3),
        ("os_exit", RunState.FAILED, "os._exit(5)", 3),
        ("raises", RunState.FAILED, "ValueError: the data is odd", 3),
        ("memory", RunState.FAILED, "MemoryError", 3),
        ("torch_memory", RunState.FAILED, "out of memory", 3),
        ("bad_label", RunState.FAILED, "IndexError", 2),
        ("handlers", RunState.FAILED, "exit status 4", 3),
        ("interrupt", RunState.STOPPED, "KeyboardInterrupt", 3),
        ("killed", RunState.TRAINING, "", 1),
    ],
)
def test_its_end_is_its_own(nurseries, tmp_path, manner, state, words, steps):
    plain, watched = run_both(nurseries, tmp_path, "manners", (manner,), standard_input="some words")
    assert (watched.status, watched.out) == (plain.status, plain.out), watched.err
    status = seen().status
    assert status.state == state
    assert status.step >= steps if manner == "killed" else status.step == steps
    assert words in " ".join(status.notices)


@pytest.mark.parametrize("manner", ["bad_label", "excepthook"])
def test_tracebacks_and_order_are_those_of_python(manner):
    plain = run_apart(VARIANTS / "manners.py", [manner], watched=False)
    watched = run_apart(VARIANTS / "manners.py", [manner], watched=True)
    assert (watched.status, watched.out) == (plain.status, plain.out) == (1, plain.out)
    own = [line for line in ours_apart(watched.err) if line.startswith("  File") and "/torch/" not in line]
    assert own == [line for line in plain.err.splitlines() if line.startswith("  File") and "/torch/" not in line]
    assert ours_apart(watched.err)[-1:] == plain.err.splitlines()[-1:]


def test_without_torch_nothing_is_different():
    plain = run_apart(VARIANTS / "no_torch.py", ["--lr", "0.1"], watched=False)
    watched = run_apart(VARIANTS / "no_torch.py", ["--lr", "0.1"], watched=True)
    assert watched == plain
    assert plain.status == 3
    assert list_runs() == []


def test_where_no_run_can_be_made_the_script_runs_all_the_same(nurseries, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("DEEPEYES_HOME", str(blocked))
    plain, watched = run_both(nurseries, tmp_path, "several_optimizers")
    assert (watched.status, watched.out) == (0, plain.out)
    assert "Training goes on" in watched.err
    assert not os.environ["DEEPEYES_HOME"].endswith("runs")


def test_validation_is_told_apart(nurseries, tmp_path):
    _, watched = run_both(nurseries, tmp_path, "evaluates")
    (run,) = list_runs()
    series = BoardReader(run.board).read().series
    words = [line.split() for line in watched.out.splitlines()]
    assert series["val_loss"].value == pytest.approx(
        [float(line[2]) for line in words[: len(series["val_loss"].value)]]
    )
    assert series["val_accuracy"].value[-1] == pytest.approx(float(words[-1][4]))
