"""One training with the monitor and one without: what must be the same."""

import random
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.runs import find_run


class Small(nn.Module):
    """Convolution, normalisation, rectification, two linear layers: pictures (N, 1, 8, 8) to 3 classes."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.hidden, self.out = nn.Linear(4 * 36, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = functional.relu(self.norm(self.conv(x)))
        return self.out(functional.relu(self.hidden(x.flatten(1))))


@dataclass
class Outcome:
    """What a training left behind; `snapshot` None without a monitor."""

    model: nn.Module
    told: object
    drawn: tuple
    snapshot: object
    errors: int


def batches(steps, batch=8, shape=(1, 8, 8), classes=3):
    draw = torch.Generator().manual_seed(0)
    return [
        (torch.rand(batch, *shape, generator=draw), torch.randint(classes, (batch,), generator=draw))
        for _ in range(steps)
    ]


def sgd(model):
    return torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)


def last_snapshot(name):
    reader = BoardReader(find_run(name).board)
    try:
        return reader.read()
    finally:
        reader.close()


@contextmanager
def every_step():
    """Observe every step, whatever it costs."""
    from deepeyes_tui.probe.budget import Budget

    before, Budget.affords_observation = Budget.affords_observation, lambda budget: True
    try:
        yield
    finally:
        Budget.affords_observation = before


def run(train, make=Small, *, watched=True, **options):
    """Return what `train(model, monitor)` leaves behind, from set random states on."""
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    model = make()
    with every_step(), deepeyes.watch(model, name="regime", enabled=watched, **options) as monitor:
        told = train(model, monitor)
        name, errors = monitor.name, monitor._border.errors
    drawn = (torch.rand(3).tolist(), random.random(), np.random.random())
    return Outcome(model, told, drawn, last_snapshot(name) if watched else None, errors)


def same(train, make=Small, *, unseen=(), notices=False, **options):
    """Train with and without the monitor; assert that nothing differs and all layers were seen; return both."""
    alone, seen = run(train, make, watched=False), run(train, make, **options)
    assert seen.errors == 0
    assert_same_bits(alone.model, seen.model)
    assert repr(alone.told) == repr(seen.told)
    assert alone.drawn == seen.drawn
    layers = seen.snapshot.layers
    ran = {layer.name for number, layer in enumerate(layers) if seen.snapshot.layer(number).observed >= 1}
    assert ran == {layer.name for layer in layers} - set(unseen)
    if not notices:
        assert not seen.snapshot.status.notices
    return alone, seen


def assert_same_bits(one, other):
    """Parameters, buffers, gradients and modes of both models are equal, bit by bit."""
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(_comparable(a), _comparable(b))
        assert (a.grad is None) == (b.grad is None)
        assert a.grad is None or torch.equal(_comparable(a.grad), _comparable(b.grad))
    for a, b in zip(one.buffers(), other.buffers(), strict=True):
        assert torch.equal(_comparable(a), _comparable(b))
    assert [m.training for m in one.modules()] == [m.training for m in other.modules()]


def _comparable(tensor):
    return torch.tensor(tensor.shape) if tensor.is_meta else torch.nan_to_num(tensor.detach(), nan=-1.0)


def one_step(model, optimizer, x, y, monitor, call=None):
    """The plainest of all steps; returns the loss as a number."""
    optimizer.zero_grad()
    loss = functional.cross_entropy((model if call is None else call)(x), y)
    loss.backward()
    optimizer.step()
    monitor.step(loss=loss, targets=y)
    return loss.item()


def plain(model, monitor, data=None, call=None):
    optimizer = sgd(model)
    return [one_step(model, optimizer, x, y, monitor, call) for x, y in data or batches(4)]
