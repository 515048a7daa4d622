"""Names, precisions and wrappers that users have."""

import copy
import signal

import pytest
import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes

from .test_monitor import batches, last_snapshot, train, watched


def test_hostile_layer_and_label_names_come_through():
    names = ["\x1b[31mred", "[bold]markup[/bold]", "emoji 🐍 日本", "x" * 500]
    model = nn.Sequential()
    for name in names:
        model.add_module(name, nn.Linear(3, 3))
    snapshot = watched(model, batches(2, shape=(3,), classes=3), labels=names)
    assert [layer.name for layer in snapshot.layers] == names
    assert snapshot.labels == tuple(names)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_other_precisions(dtype):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10)).to(dtype)
    with deepeyes.watch(model, name="precise") as monitor:
        train(model, monitor, ((x.to(dtype), y) for x, y in batches(3, shape=(1, 8, 8))))
        name = monitor.name
    snapshot = last_snapshot(name)
    assert snapshot.layer(0).observed >= 1
    assert snapshot.layers[0].receptive_field == (3, 3)
    assert not snapshot.status.notices


def test_autocast():
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))
    with deepeyes.watch(model, name="autocast") as monitor:
        for x, y in batches(3, shape=(3,), classes=3):
            with torch.autocast("cpu", torch.bfloat16):
                loss = functional.cross_entropy(model(x), y)
            loss.backward()
            monitor.step(loss=loss, targets=y)
        name = monitor.name
    assert last_snapshot(name).layer(0).observed >= 1


@pytest.mark.parametrize("order", ["watch first", "compile first"])
def test_compiled_models_train_as_without_us(order):
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))
    alone = copy.deepcopy(model)
    if order == "watch first":
        monitor = deepeyes.watch(model, name="compiled")
        trained = torch.compile(model, backend="eager")
    else:
        trained = torch.compile(model, backend="eager")
        monitor = deepeyes.watch(trained, name="compiled")
    with monitor:
        train(trained, monitor, batches(30, shape=(3,), classes=3))
        name = monitor.name
        assert monitor._border.errors == 0
    with deepeyes.watch(alone, enabled=False) as nothing:
        train(alone, nothing, batches(30, shape=(3,), classes=3))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), alone.parameters(), strict=True))
    snapshot = last_snapshot(name)
    assert snapshot.status.step == 30
    assert all(snapshot.layer(number).observed >= 1 for number in range(2))
    assert not snapshot.status.notices


def test_a_reader_of_texts_is_seen_in_all_its_layers():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.out = nn.Embedding(20, 8), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 4)

        def forward(self, tokens):
            return self.out(self.rnn(self.embed(tokens))[0][:, -1])

    model = Reader()
    data = ((torch.randint(20, (8, 12)), y) for _, y in batches(3, classes=4))
    with deepeyes.watch(model, name="reader") as monitor:
        train(model, monitor, data)
        name = monitor.name
    snapshot = last_snapshot(name)
    assert [layer.name for layer in snapshot.layers] == ["embed", "rnn", "out"]
    assert all(snapshot.layer(number).observed >= 1 for number in range(3))
    assert not snapshot.status.notices


def test_tokens_at_every_position_are_instances():
    model = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 6))
    data = torch.randint(20, (4, 12))
    with deepeyes.watch(model, name="tokens") as monitor:
        for _ in range(2):
            model(data).sum().backward()
            monitor.step(1.0)
        name = monitor.name
    assert last_snapshot(name).layers[0].grid == (12,)


def test_two_models_are_two_runs():
    generator, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    one, other = deepeyes.watch(generator, name="gan"), deepeyes.watch(critic, name="gan")
    with one, other:
        critic(generator(torch.rand(4, 2))).sum().backward()
        one.step(1.0)
        other.step(2.0)
        names = one.name, other.name
    assert [last_snapshot(name).layers[0].filters for name in names] == [2, 1]


class Interrupts(nn.Module):
    """Gets a Ctrl-C while it is copied."""

    def __deepcopy__(self, memo):
        signal.raise_signal(signal.SIGINT)
        return Interrupts()

    def forward(self, x):
        return x * 1.0


def test_an_interrupt_while_the_model_is_asked_comes_behind_it():
    model = nn.Sequential(nn.Linear(3, 8), Interrupts(), nn.Linear(8, 3))
    before, modules = copy.deepcopy(model[0].state_dict()), list(model)
    with deepeyes.watch(model, name="interrupted") as monitor:
        with pytest.raises(KeyboardInterrupt):
            model(torch.ones(2, 3))
        assert list(model) == modules
        assert all(torch.equal(before[key], value) for key, value in model[0].state_dict().items())
        assert all(module.training for module in model.modules())
        train(model, monitor, batches(3, shape=(3,), classes=3))
    assert [last_snapshot("interrupted").layer(number).has_run for number in range(2)] == [True, True]
