"""The monitor inside a training loop: it sees what is there, and changes nothing."""

import copy
import math
import os
import pickle
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.demo.lenet import LeNet
from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.control import ControlClient
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.runs import find_run
from deepeyes_tui.link.snapshot import LEAST_WINDOW, RunState
from deepeyes_tui.probe.notices import Notices

from . import models


def batches(steps, batch=8, shape=(1, 28, 28), classes=10, seed=0):
    draw = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield torch.rand(batch, *shape, generator=draw), torch.randint(classes, (batch,), generator=draw)


def train(model, monitor, data, **options):
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    for x, y in data:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        monitor.step(loss=loss, targets=y, **options)


def last_snapshot(name):
    reader = BoardReader(find_run(name).board)
    try:
        return reader.read()
    finally:
        reader.close()


@pytest.fixture
def every_step(monkeypatch):
    """Observe every step, whatever it costs."""
    monkeypatch.setattr("deepeyes_tui.probe.budget.Budget.affords_observation", lambda budget: True)


def watched(model, data, **options):
    """Train under the monitor; return the last snapshot."""
    with deepeyes.watch(model, name="test", **options) as monitor:
        name = monitor.name
        train(model, monitor, data)
    return last_snapshot(name)


def test_a_run_is_seen_from_its_first_step():
    snapshot = watched(LeNet(), batches(1), labels=[f"digit {n}" for n in range(10)])
    assert snapshot.status.state == RunState.FINISHED
    assert snapshot.status.step == 1
    assert snapshot.status.observed_steps == 1
    assert [layer.name for layer in snapshot.layers] == ["conv1", "conv2", "fc1", "fc2"]
    assert snapshot.layers[1].receptive_field == (14, 14)
    assert snapshot.labels[3] == "digit 3"
    assert snapshot.series["loss"].value[0] == pytest.approx(snapshot.status.loss)
    assert 0 <= snapshot.status.accuracy <= 1
    for number in range(4):
        layer = snapshot.layer(number)
        assert layer.observed == 1
        assert layer.histogram.sum() + layer.undetected == pytest.approx(1, abs=1e-5)
        assert layer.maximum.max() > 0


@pytest.mark.parametrize("budget", [0.02, 1.0])
def test_training_is_bit_identical_with_and_without_the_monitor(budget):
    def parameters(enabled):
        torch.manual_seed(5)
        model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 12 * 12, 10))
        with deepeyes.watch(model, budget=budget, enabled=enabled, name="twin") as monitor:
            train(model, monitor, batches(200, batch=4, shape=(1, 14, 14)))
        return [p.detach().clone() for p in model.parameters()], torch.rand(4), np.random.random()

    np.random.seed(0)
    one, one_torch, one_numpy = parameters(enabled=True)
    np.random.seed(0)
    other, other_torch, other_numpy = parameters(enabled=False)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(one_torch, other_torch)
    assert one_numpy == other_numpy


@pytest.mark.usefixtures("every_step")
def test_what_is_published_is_what_the_hooks_saw():
    model, seen = LeNet(), []
    model.fc1.register_forward_hook(lambda m, a, output: seen.append(functional.relu(output.detach())))
    snapshot = watched(model, batches(3), layers=["fc1"])
    assert np.allclose(snapshot.layer(0).maximum, torch.cat(seen).amax(0), atol=1e-6)
    assert snapshot.layers[0].output_point == "relu"


def test_the_observed_share_follows_the_budget():
    snapshot = watched(LeNet(), batches(150, batch=16), budget=0.05)
    assert 1 < snapshot.status.observed_steps < 100
    assert snapshot.status.observed_every > 1


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize(("batch", "steps"), [(1, 3), (0, 2)])
def test_batches_of_one_and_none(batch, steps):
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 36, 10))
    snapshot = watched(model, batches(steps, batch=batch, shape=(1, 8, 8)))
    assert snapshot.status.step == steps
    assert not snapshot.status.notices
    assert snapshot.layer(0).observed == (3 if batch else 0)


def test_model_without_layers_shows_curves_and_says_so():
    snapshot = watched(models.NoLayers(), batches(3, shape=(3,), classes=3))
    assert snapshot.layers == ()
    assert len(snapshot.series["loss"].step) == 3
    assert "no layer to watch" in snapshot.status.notices[0]


def test_a_layer_that_never_runs_stays_unseen():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    model.unused = nn.Linear(3, 7)
    model.forward = lambda x: model[1](model[0](x))
    snapshot = watched(model, batches(2, shape=(3,), classes=3))
    assert [snapshot.layer(n).has_run for n in range(3)] == [True, True, False]


@pytest.mark.usefixtures("every_step")
def test_nan_loss_and_activations_are_counted_from_their_first_step():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.calls = nn.Linear(3, 3), 0

        def forward(self, x):
            self.calls += 1
            return self.fc(x * math.nan if self.calls >= 3 else x)

    snapshot = watched(Broken(), batches(4, shape=(3,), classes=3))
    layer = snapshot.layer(0)
    assert layer.nan > 0
    assert layer.nonfinite_since is not None
    assert math.isfinite(layer.maximum.max())
    assert snapshot.series["loss"].nonfinite.sum() >= 1
    assert np.isfinite(layer.histogram).all()


@pytest.mark.usefixtures("every_step")
def test_all_zero_layer_is_dead_and_undetected():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    nn.init.zeros_(model[0].weight), nn.init.constant_(model[0].bias, -1)
    model[0].requires_grad_(False)
    layer = watched(model, batches(LEAST_WINDOW, shape=(3,), classes=3), budget=1.0).layer(0)
    assert layer.dead.all()
    assert layer.undetected == 1


@pytest.mark.parametrize("targets", [None, "odd", torch.zeros(3, 3)])
def test_missing_or_odd_targets_only_cost_the_accuracy(targets):
    model = nn.Linear(3, 3)
    with deepeyes.watch(model, name="odd") as monitor:
        model(torch.rand(2, 3)).sum().backward()
        monitor.step(loss=torch.tensor(1.0), targets=targets)
        name = monitor.name
    snapshot = last_snapshot(name)
    assert math.isnan(snapshot.status.accuracy)
    assert not snapshot.status.notices


def test_one_class():
    snapshot = watched(nn.Linear(3, 1), batches(2, shape=(3,), classes=1), labels=["only"])
    assert snapshot.labels == ("only",)


@pytest.mark.usefixtures("every_step")
def test_evaluation_is_not_observed():
    model = nn.Linear(3, 3)
    with deepeyes.watch(model, name="evaluated") as monitor:
        train(model, monitor, batches(1, shape=(3,), classes=3))
        model.eval()
        model(torch.full((2, 3), 1e6))
        model.train()
        train(model, monitor, batches(2, shape=(3,), classes=3))
        name = monitor.name
    assert last_snapshot(name).layer(0).maximum.max() < 1e4


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_layers_are_observed_once(reentrant):
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))

        def forward(self, x):
            return checkpoint(self.block, x.requires_grad_(), use_reentrant=reentrant)

    layer = watched(Checkpointed(), batches(2, batch=8, shape=(3,), classes=3)).layer(0)
    assert layer.window_instances == 8 * layer.observed


@pytest.mark.usefixtures("every_step")
def test_shared_layer_counts_each_call():
    layer = watched(models.SharedLayer(), batches(2, batch=8, shape=(4,), classes=4)).layer(0)
    assert layer.window_instances == 2 * 8 * layer.observed


@pytest.mark.usefixtures("every_step")
def test_criterion_gives_loss_and_targets():
    model, criterion = nn.Linear(3, 3), nn.CrossEntropyLoss()
    with deepeyes.watch(model, criterion, name="criterion") as monitor:
        for x, y in batches(2, shape=(3,), classes=3):
            loss = criterion(model(x), y)
            loss.backward()
            monitor.step()
        name = monitor.name
    snapshot = last_snapshot(name)
    assert snapshot.status.loss == pytest.approx(loss.item())
    assert 0 <= snapshot.status.accuracy <= 1
    assert not criterion._forward_hooks


def test_logged_values_become_curves():
    with deepeyes.watch(nn.Linear(2, 2), name="logged") as monitor:
        monitor.step(1.0, grad_norm=3.0)
        monitor.log({"test_loss": 0.5}, val_acc=0.9, epoch=2)
        name = monitor.name
    snapshot = last_snapshot(name)
    assert {"loss", "grad_norm", "val_loss", "val_accuracy"} <= set(snapshot.series)
    assert snapshot.status.epoch == 2


def test_watched_models_are_copied_pickled_and_traced():
    model = LeNet()
    with deepeyes.watch(model, name="copied") as monitor:
        train(model, monitor, batches(2))
        twin, x = copy.deepcopy(model), torch.rand(2, 1, 28, 28)
        assert b"deepeyes_tui.probe" not in pickle.dumps(model.fc1)
        assert torch.equal(twin(x), model(x))
        torch.jit.trace(model.eval(), x)
    assert not model.fc1._forward_hooks
    assert not model._forward_pre_hooks


def test_second_run_of_the_same_name_gets_another():
    with deepeyes.watch(nn.Linear(2, 2), name="same") as one, deepeyes.watch(nn.Linear(2, 2), name="same") as other:
        assert one.name == "same"
        assert other.name == "same-2"


def test_no_room_for_the_run_folder_turns_monitoring_off_with_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPEYES_HOME", str(tmp_path / "file" / "below"))
    model = nn.Linear(3, 3)
    with deepeyes.watch(model, name="homeless") as monitor:
        train(model, monitor, batches(2, shape=(3,), classes=3))
        assert monitor.name == ""
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "monitoring is off" in said


@pytest.mark.usefixtures("every_step")
def test_errors_inside_end_the_monitoring_and_not_the_training(monkeypatch, capsys):
    import deepeyes_tui.probe.observer as observer

    def broken(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(observer, "reduce_activations", broken)
    model = LeNet()
    with deepeyes.watch(model, name="faulty") as monitor:
        train(model, monitor, batches(6))
    assert "3 errors of its own" in capsys.readouterr().err
    assert "planted" in monitor._border.last_error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"model": 3}, TypeError),
        ({"model": nn.Linear(1, 1), "budget": 0}, ValueError),
        ({"model": nn.Linear(1, 1), "control": "maybe"}, ValueError),
        ({"model": nn.Linear(1, 1), "log_freq": 0}, ValueError),
    ],
)
def test_bad_arguments_are_refused_at_the_start(arguments, error):
    with pytest.raises(error):
        deepeyes.watch(**arguments)


def test_pause_holds_the_training_and_resume_lets_it_go():
    model, steps = nn.Linear(3, 3), []

    def loop():
        with deepeyes.watch(model, name="steered") as monitor:
            started.set()
            for x, y in batches(100_000, shape=(3,), classes=3):
                functional.cross_entropy(model(x), y).backward()
                monitor.step(loss=0.0)
                steps.append(1)
                if monitor.stopping:
                    break

    started = threading.Event()
    thread = threading.Thread(target=loop)
    thread.start()
    started.wait(10)
    client = ControlClient(find_run("steered").control)
    assert client.send(Command(Action.PAUSE)).ok
    held = len(steps)
    time.sleep(0.2)
    assert len(steps) - held <= 1
    assert last_snapshot("steered").status.state == RunState.PAUSED
    assert client.send(Command(Action.RESET, {"layer": "Linear"})).ok
    assert not client.send(Command(Action.RESET, {"layer": "nowhere"})).ok
    assert client.send(Command(Action.RESUME)).ok
    outcome = client.send(Command(Action.STOP))
    assert outcome.ok
    assert "after this step" in outcome.message
    thread.join(10)
    assert not thread.is_alive()
    assert len(steps) > held
    assert last_snapshot("steered").status.state == RunState.STOPPED


def test_a_forked_child_leaves_the_run_alone():
    with deepeyes.watch(nn.Linear(2, 2), name="forked") as monitor:
        monitor.step(1.0)
        child = os.fork()
        if child == 0:
            monitor.step(2.0)
            monitor.close()
            os._exit(0)
        os.waitpid(child, 0)
        monitor.step(3.0)
        run = find_run("forked")
        assert run.live.exists()
    assert last_snapshot("forked").status.step == 2


def test_notices_come_and_go_by_their_names():
    notices = Notices()
    notices.show("disk", "full")
    notices.show_all("graphs", ["one", "two"])
    notices.show("held", "paused")
    notices.show("disk", "nearly full")
    assert notices.sentences == ("nearly full", "one", "two", "paused")
    for name in ("held", "disk", "unknown"):
        notices.show(name, "")
    assert notices.sentences == ("one", "two")
    notices.clear()
    assert notices.sentences == ()
