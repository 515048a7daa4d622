"""Ranks that are not there, not alike, or gone: the training goes on, and a sentence says what is shown."""

from __future__ import annotations

import os
import signal
import time

import pytest

from deepeyes_tui.link.messages import Action
from deepeyes_tui.link.snapshot import RunState

from .launching import PATIENCE, forked


@pytest.mark.parametrize(
    ("case", "notice"),
    [
        ("absent", "rank 1 does not watch (call watch on every rank): statistics of rank 0 alone"),
        ("other model", "rank 1 watches another model: statistics of rank 0 alone"),
        ("ends at 5", "another rank has ended: statistics of rank 0 alone"),
        ("ends at 40", "another rank has ended: statistics of rank 0 alone"),
    ],
)
def test_the_training_goes_on_with_what_rank_0_sees(case, notice):
    with forked("unlucky", case) as training:
        found = training.until(lambda snapshot: notice in snapshot.status.notices)
        seen = found.layer(0).observed
        training.until(lambda snapshot: snapshot.layer(0).observed > seen)
        refused = training.ask(Action.PAUSE)
        assert not refused.ok
        assert "the training runs in 2 processes" in refused.message
        training.done(Action.STOP)
        assert training.wait().count("ended") == 2
    ended = training.snapshot()
    assert notice in ended.status.notices
    assert ended.series["loss"].step.tolist() == list(range(1, ended.status.step + 1))


def test_sharded_models_are_watched_and_not_cut():
    with forked("unlucky", "sharded") as training:
        found = training.until(lambda snapshot: snapshot.layer(2).observed > 2)
        assert found.status.ranks == 2
        assert any("split over processes" in notice for notice in found.status.notices)
        refused = training.ask(Action.PRUNE, filters={"0": [1]})
        assert not refused.ok
        assert "its tensors are split over processes" in refused.message
        training.done(Action.PAUSE)
        training.done(Action.RESUME)
        training.done(Action.STOP)
        assert training.wait().count("ended") == 2


def test_what_one_rank_cannot_do_none_has_done():
    with forked("unlucky", "differs") as training:
        training.until(lambda snapshot: snapshot.layer(2).observed > 2)
        refused = training.ask(Action.SET, name="momentum", value=0.5)
        assert not refused.ok
        assert "taken back: rank 1: " in refused.message
        settings = training.done(Action.SETTINGS).details["settings"]
        assert {one["name"]: one["values"] for one in settings}["momentum"] == [0.9]
        refused = training.ask(Action.PRUNE, filters={"0": [1]})
        assert not refused.ok
        assert "rank 1 came to other values than rank 0" in refused.message
        training.done(Action.FREEZE, layer="2")
        training.go_on()
        assert [layer.filters for layer in training.snapshot().layers] == [12, 9, 4]
        training.done(Action.STOP)
        training.wait()


def test_a_rank_that_stands_still_for_a_while_is_waited_for():
    with forked("unlucky", "alike") as training:
        training.until(lambda snapshot: snapshot.layer(2).observed > 2)
        os.kill(training.pids[1], signal.SIGSTOP)
        time.sleep(12)
        os.kill(training.pids[1], signal.SIGCONT)
        seen = training.snapshot().layer(2).observed
        found = training.until(lambda snapshot: snapshot.layer(2).observed > seen)
        assert found.status.notices == ()
        training.done(Action.PAUSE)
        training.done(Action.STOP)
        training.wait()


def test_a_rank_that_is_killed_ends_the_training_as_without_us():
    with forked("unlucky", "alike") as training:
        training.until(lambda snapshot: snapshot.layer(2).observed > 2)
        os.kill(training.pids[1], signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while training.ended() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert training.ended() is False
        assert "gloo" in training.output
        assert "deepeyes: monitoring is off" not in training.output
        assert training.snapshot().status.state == RunState.FAILED
