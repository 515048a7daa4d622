"""What is said of the state of a run: how it has ended, the state of after a wait, silence, why a key does nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deepeyes_tui.app.feed import Feed, shown
from deepeyes_tui.app.main import caught_up, farewell
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.link.board import BoardWriter
from deepeyes_tui.link.runs import claim_run
from deepeyes_tui.link.snapshot import RunState
from deepeyes_tui.link.watcher import Condition, RunView
from tests.app.driving import rows, viewer
from tests.app.synthetic import arrays, infos, scene, snapshot


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("HOME", "LIVE"):
        monkeypatch.setenv(f"DEEPEYES_{name}", str(tmp_path / name.lower()))
    return tmp_path


@pytest.mark.parametrize(
    ("state", "said"), [(RunState.STOPPED, "stopped at step 300"), (RunState.FINISHED, "finished after 300 steps")]
)
def test_who_leaves_a_run_that_has_ended_is_told_how(home, state, said):
    run, layers = claim_run("short"), infos()
    writer = BoardWriter(run.board, run="short", generation=1, layers=layers, labels=())
    writer.publish(replace(snapshot(layers).status, state=state, step=300), arrays(layers, 300, 1))
    run.update(pid=2**22 + 1, exit_status=0)
    assert farewell(run, None) == f"short has ended: {said}"
    run.log.write_text("one line\n")
    assert farewell(run, None) == f"short has ended: {said}; its log: {run.log}"


def test_a_run_without_a_model_is_left_with_a_word_on_that(home):
    run = claim_run("nothing")
    run.update(pid=2**22 + 1, exit_status=0)
    assert farewell(run, None).startswith("nothing has ended: the script ended without")


def test_a_picture_after_a_wait_is_of_the_state_after_it():
    steps = iter((533, 602))
    feed = Feed(lambda: RunView(snapshot(step=next(steps)), Condition.TRAINING, "training"), list, 4.0)
    feed.read()
    before = shown(scene(), feed.latest)
    assert before.snapshot.status.step == 533
    assert caught_up(before, feed).snapshot.status.step == 602


async def test_a_model_cannot_be_chosen_where_there_is_one():
    app = viewer()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("M")
        assert "no other model is trained here" in rows(app)[-1]


@pytest.mark.parametrize(("condition", "sign"), [(Condition.TRAINING, "●"), (Condition.SILENT, "○")])
def test_a_training_that_nothing_is_heard_of_has_another_sign(condition, sign):
    feed = Feed(lambda: RunView(snapshot(), condition, "its state in words"), list, 4.0)
    feed.read()
    assert f"{sign} its state in words" in as_text(shown(scene(), feed.latest), 120, 40)
