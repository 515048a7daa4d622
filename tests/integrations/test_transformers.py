"""The Trainer of transformers, with a small BERT that learns a rule."""

import importlib

import pytest
import torch

from deepeyes_tui.link.snapshot import RunState

from .runs import last_snapshot


@pytest.fixture(scope="module")
def bert():
    """What needs transformers, whose import takes seconds."""
    return importlib.import_module("tests.integrations.bert")


def test_the_run_is_seen_and_ends_the_same(bert, tmp_path):
    untouched = bert.train(tmp_path / "one", [])
    trainer = bert.train(tmp_path / "two", [bert.WatchCallback(name="bert", labels=["even", "odd"])])
    for name, value in untouched.model.state_dict().items():
        assert torch.equal(value, trainer.model.state_dict()[name]), name
    snapshot = last_snapshot("bert")
    assert snapshot.status.step == 6  # of the optimizer, not of the 12 batches
    assert snapshot.status.state is RunState.FINISHED
    assert snapshot.labels == ("even", "odd")
    assert len(snapshot.series["loss"].step) == 6
    assert snapshot.series["val_loss"].step.tolist() == [3, 6]
    assert snapshot.status.epoch == pytest.approx(6 * 8 / 64)
    seen = [info.name for number, info in enumerate(snapshot.layers) if snapshot.layer(number).has_run]
    assert "bert.encoder.layer.1.intermediate.dense" in seen
    assert "classifier" in seen


def test_a_model_can_be_saved_and_loaded_while_it_is_watched(bert, tmp_path):
    trainer = bert.train(tmp_path, [bert.WatchCallback(name="saved")], save_steps=3)
    again = bert.transformers.BertForSequenceClassification.from_pretrained(tmp_path / "checkpoint-6")
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_a_stop_ends_the_training_in_order(bert, tmp_path):
    watching = bert.WatchCallback(name="stopped")
    trainer = bert.train(tmp_path, [bert.StopsAt(watching), watching])
    assert trainer.state.global_step == 3
    assert last_snapshot("stopped").status.state is RunState.STOPPED
