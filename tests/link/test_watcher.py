"""The state of a run in words, with a clock of the test's own."""

import os
from dataclasses import replace

import pytest

from deepeyes_tui.link.runs import claim_run
from deepeyes_tui.link.snapshot import RunState, Status
from deepeyes_tui.link.watcher import SILENT_AFTER, Condition, Watcher
from tests.link.boards import make_arrays, make_writer

NOBODY = 2**22 + 5
"""A pid that no process can have."""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run():
    return claim_run("demo")


@pytest.fixture
def watcher(run, clock):
    watcher = Watcher(run, clock=clock)
    yield watcher
    watcher.close()


def publish(writer, clock, state=RunState.TRAINING, step=812, **fields):
    writer.publish(Status(state=state, step=step, published_at=clock.now, **fields), make_arrays())


def seen(watcher, clock, after=2.0):
    """What the watcher says some seconds later."""
    clock.now += after
    watcher.poll()
    return watcher._last.condition, watcher._last.sentence


def test_from_the_first_look_to_the_end(run, watcher, clock):
    assert seen(watcher, clock) == (Condition.WAITING, "waiting for the script to train a model")
    writer = make_writer(run.board)
    publish(writer, clock, RunState.STARTING, 0)
    assert seen(watcher, clock)[0] == Condition.STARTING
    assert seen(watcher, clock, 20)[1].endswith("no step yet for 20 s")
    publish(writer, clock)
    view = watcher.poll()
    assert (view.condition, view.sentence, view.snapshot.status.step) == (Condition.TRAINING, "training", 812)
    assert watcher.poll() is None
    publish(writer, clock, RunState.PAUSED)
    assert seen(watcher, clock, 600) == (Condition.PAUSED, "paused at step 812")
    publish(writer, clock, RunState.FINISHED, 2000)
    assert seen(watcher, clock) == (Condition.FINISHED, "finished after 2000 steps")


def test_silence(run, watcher, clock):
    writer = make_writer(run.board)
    publish(writer, clock)
    assert seen(watcher, clock, SILENT_AFTER - 0.1)[0] == Condition.TRAINING
    condition, sentence = seen(watcher, clock, 10)
    assert condition == Condition.SILENT
    assert "last step 812" in sentence
    publish(writer, clock, step=813)
    assert seen(watcher, clock)[0] == Condition.TRAINING


def test_long_steps_are_no_silence(run, watcher, clock):
    publish(make_writer(run.board), clock, steps_per_second=0.1)
    assert seen(watcher, clock, 20)[0] == Condition.TRAINING
    assert seen(watcher, clock, 20)[0] == Condition.SILENT


def test_a_clock_that_was_set_back(run, watcher, clock):
    publish(make_writer(run.board), clock)
    assert seen(watcher, clock, -500)[0] == Condition.TRAINING


@pytest.mark.parametrize(
    ("state", "status", "condition", "words"),
    [
        (RunState.TRAINING, None, Condition.GONE, "gone: the training process ended without a word"),
        (RunState.PAUSED, None, Condition.GONE, "gone: the training process ended without a word"),
        (RunState.TRAINING, -9, Condition.GONE, "gone: killed by SIGKILL"),
        (RunState.TRAINING, -9, Condition.GONE, "when memory runs out"),
        (RunState.TRAINING, 137, Condition.FAILED, "exit status 137, as of a process killed by SIGKILL"),
        (RunState.TRAINING, -99, Condition.GONE, "gone: killed by signal 99"),
        (RunState.TRAINING, 1, Condition.FAILED, "failed: exit status 1"),
        (RunState.FINISHED, 3, Condition.FAILED, "failed: exit status 3"),
        (RunState.TRAINING, 0, Condition.FINISHED, "finished after 812 steps"),
        (RunState.FINISHED, None, Condition.FINISHED, "finished after 812 steps"),
        (RunState.STOPPED, -2, Condition.STOPPED, "stopped at step 812"),
        (RunState.FAILED, None, Condition.FAILED, "failed at step 812"),
        (None, 0, Condition.FINISHED, "the script ended without calling deepeyes_tui.watch"),
        (None, 2, Condition.FAILED, "failed: exit status 2"),
        (None, None, Condition.GONE, "gone"),
    ],
)
def test_how_it_ended(run, watcher, clock, state, status, condition, words):
    watcher.poll()
    if state is not None:
        publish(make_writer(run.board), clock, state)
    run.update(pid=NOBODY, exit_status=status)
    found, sentence = seen(watcher, clock)
    assert found == condition
    assert words in sentence
    assert found.is_over


def test_a_run_that_was_recorded_is_not_said_to_have_trained_no_model(run, watcher, clock):
    watcher.poll()
    run.history.write_bytes(b"")
    run.update(pid=NOBODY, exit_status=0)
    run.remove_live()
    condition, sentence = seen(watcher, clock)
    assert condition == Condition.FINISHED
    assert "no model" not in sentence
    assert "deepeyes replay demo shows what was recorded" in sentence


def test_the_last_picture_outlives_the_live_folder(run, watcher, clock):
    writer = make_writer(run.board)
    publish(writer, clock)
    watcher.poll()
    publish(writer, clock, RunState.FINISHED, 900)
    run.update(pid=NOBODY, exit_status=0)
    run.remove_live()
    assert seen(watcher, clock) == (Condition.FINISHED, "finished after 900 steps")
    assert Watcher(run, clock=clock).poll().snapshot.status.step == 900


def test_another_board_takes_over(run, watcher, clock):
    old = make_writer(run.board)
    publish(old, clock, step=1)
    assert watcher.poll().snapshot.generation == 1
    new = make_writer(run.board, generation=2)
    old.supersede()
    publish(new, clock, step=2)
    assert watcher.poll().snapshot.generation == 2


def test_a_board_that_cannot_be_read(run, watcher, clock):
    run.board.write_bytes(b"nonsense" * 100)
    condition, sentence = seen(watcher, clock)
    assert condition == Condition.UNREADABLE
    assert sentence.startswith("unreadable: ")
    run.board.unlink()
    assert seen(watcher, clock)[0] == Condition.WAITING
    publish(make_writer(run.board), clock)
    assert seen(watcher, clock)[0] == Condition.TRAINING


def test_a_board_that_is_cut_off_under_way(run, watcher, clock):
    writer = make_writer(run.board)
    publish(writer, clock)
    watcher.poll()
    os.truncate(run.board, 10)
    assert seen(watcher, clock)[0] == Condition.UNREADABLE
    assert watcher._last.snapshot.status.step == 812
    publish(writer, clock)
    watcher.poll()


def test_a_run_whose_folder_was_removed(run, watcher, clock):
    publish(make_writer(run.board), clock)
    watcher.poll()
    run.remove_live(keep_board=False)
    run.record_path.unlink()
    run.folder.rmdir()
    assert seen(watcher, clock)[0] == Condition.TRAINING
    watcher._record = replace(watcher._record, pid=NOBODY)
    assert seen(watcher, clock) == (Condition.GONE, "gone: its folder was removed")


def test_a_run_of_another_machine_is_not_called_gone(run, watcher, clock):
    run.update(host="elsewhere", pid=NOBODY)
    publish(make_writer(run.board), clock)
    assert seen(watcher, clock)[0] == Condition.TRAINING
