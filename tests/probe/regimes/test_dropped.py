"""Whatever the script lets go of is freed at once, by its last reference, and the monitor goes quiet."""

import contextlib
import gc
import weakref

import pytest
import torch
from torch import nn

import deepeyes_tui as deepeyes
from deepeyes_tui.probe.holding import DROPPED

from .twins import Small, every_step, sgd


@contextlib.contextmanager
def without_collector():
    sgd(nn.Linear(1, 1))  # the first optimizer of a process has torch import more, which keeps the frames it came from
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def trained(make, rows):
    """Train a model for a few steps, let go of it and all that belongs to it; return weak references."""
    model = make()
    optimizer = sgd(model)
    loader = torch.utils.data.DataLoader(torch.zeros(8, 1))
    with every_step():
        monitor = deepeyes.watch(model, optimizer=optimizer, loader=loader, name="dropped")
        for _ in range(4):
            optimizer.zero_grad()
            loss = model(rows).square().mean()
            loss.backward()
            optimizer.step()
            monitor.step(loss)
    return monitor, [weakref.ref(one) for one in (model, next(model.parameters()), optimizer, loader)]


def attending():
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)


@pytest.mark.parametrize(("make", "shape"), [(Small, (8, 1, 8, 8)), (attending, (8, 5, 8))])
def test_what_the_script_drops_is_freed_at_once(make, shape):
    with without_collector():
        monitor, held = trained(make, torch.rand(shape))
        assert [one() for one in held] == [None] * len(held)
    assert monitor._probe._observed_steps
    monitor.step(0.5)
    assert any(DROPPED in sentence for sentence in monitor._probe._status().notices)
    assert monitor._border.errors == 0
    monitor.close()
