"""Ranks that are not there, not alike, or gone: the training goes on, and a sentence says what is shown."""

from __future__ import annotations

import pytest

from deepeyes_tui.link.messages import Action

from .launching import forked


@pytest.mark.parametrize(
    ("case", "notice"),
    [
        ("absent", "rank 1 does not watch (call watch on every rank): statistics of rank 0 alone"),
        ("other model", "rank 1 watches another model: statistics of rank 0 alone"),
        ("ends early", "another rank has ended: statistics of rank 0 alone"),
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
