"""A loop of accelerate with gradients gathered over batches."""

import importlib

import pytest
import torch

from .runs import last_snapshot


@pytest.fixture
def loop():
    """What needs accelerate, which keeps one state a process: that of another test is not ours, nor ours another's."""
    _forget()
    yield importlib.import_module("tests.integrations.accelerated")
    _forget()


def _forget():
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def test_steps_are_those_of_the_optimizer(loop):
    *prepared_once, _ = loop.prepared(8)
    untouched = loop.train(*prepared_once)
    accelerator, model, optimizer, loader, own = loop.prepared(8)
    assert loop.plain_optimizer(optimizer) is own
    with loop.watch(accelerator, model, optimizer, name="accelerated") as monitor:
        watched = loop.train(accelerator, model, optimizer, loader, monitor.step)
        monitor.log(val_loss=0.5)
    assert all(torch.equal(one, other) for one, other in zip(untouched, watched, strict=True))
    snapshot = last_snapshot("accelerated")
    assert snapshot.status.step == 4
    assert snapshot.layer(0).has_run
    assert not [notice for notice in snapshot.status.notices if "did not run" in notice]
    assert snapshot.series["val_loss"].value.tolist() == [0.5]
