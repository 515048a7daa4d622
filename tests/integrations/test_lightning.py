"""The Trainer of Lightning, with modules whose training_step calls their parts in the usual ways."""

import importlib

import pytest
import torch

from deepeyes_tui.link.snapshot import RunState

from .runs import last_snapshot


@pytest.fixture(scope="module")
def modules():
    """What needs Lightning, whose import takes seconds."""
    return importlib.import_module("tests.integrations.modules")


@pytest.mark.parametrize("module", ["Classifier", "Autoencoder", "Gan"])
def test_the_result_is_the_same(modules, module, tmp_path):
    _, untouched = modules.fit(getattr(modules, module), [], tmp_path)
    _, watched = modules.fit(getattr(modules, module), [modules.WatchCallback(name="same")], tmp_path)
    for (name, one), other in zip(untouched.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert last_snapshot("same").status.state is RunState.FINISHED


def test_the_network_is_seen_from_its_first_step(modules, tmp_path):
    modules.fit(
        modules.Classifier, [modules.WatchCallback(name="net", labels="abc")], tmp_path, accumulate_grad_batches=2
    )
    snapshot = last_snapshot("net")
    assert snapshot.status.step == 8  # of the optimizer, in 16 batches
    assert [info.name for info in snapshot.layers] == ["0", "2"]
    assert snapshot.layer(0).has_run
    assert snapshot.series["loss"].step[0] == 1
    assert snapshot.series["loss"].value[0] == pytest.approx(1.1, abs=0.4)
    assert snapshot.series["val_loss"].step.tolist() == [4, 8]
    assert snapshot.status.epoch == 2
    assert snapshot.status.observed_steps > 0


def test_the_larger_of_two_parts_is_watched(modules, tmp_path):
    modules.fit(modules.Autoencoder, [modules.WatchCallback(name="parts")], tmp_path)
    snapshot = last_snapshot("parts")
    assert snapshot.status.root == "encoder"
    assert set(snapshot.status.roots) == {"encoder", "decoder"}
    assert [info.filters for info in snapshot.layers] == [16]


def test_of_a_gan_both_models_are_offered(modules, tmp_path):
    modules.fit(modules.Gan, [modules.WatchCallback(name="gan")], tmp_path)
    snapshot = last_snapshot("gan")
    assert set(snapshot.status.roots) == {"generator", "discriminator"}
    assert snapshot.status.step == 16


def test_a_failed_training_says_so(modules, tmp_path):
    with pytest.raises(RuntimeError, match="the disk of the data is gone"):
        modules.fit(modules.Classifier, [modules.WatchCallback(name="failed"), modules.Raises()], tmp_path)
    assert last_snapshot("failed").status.state is RunState.FAILED
