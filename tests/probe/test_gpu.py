"""On a GPU: nothing waits, nothing changes. Skipped without one."""

import pytest
import torch
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.demo.lenet import LeNet

from .test_monitor import last_snapshot

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def train(monitor, model, steps, *, autocast=False, strict=False):
    """Train on random digits; `strict` makes every wait for the device an error once the set-up is over."""
    draw = torch.Generator("cuda").manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    for step in range(steps):
        if strict and step == 3:
            torch.cuda.set_sync_debug_mode("error")
        x = torch.rand(64, 1, 28, 28, generator=draw, device="cuda")
        y = torch.randint(10, (64,), generator=draw, device="cuda")
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
            loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        monitor.step(loss=loss, targets=y)


@pytest.mark.parametrize("autocast", [False, True])
def test_no_step_waits_for_the_device(monkeypatch, autocast):
    monkeypatch.setattr("deepeyes_tui.probe.budget.Budget.affords_observation", lambda budget: True)
    model = LeNet().cuda()
    try:
        with deepeyes.watch(model, name="gpu") as monitor:
            train(monitor, model, 200, autocast=autocast, strict=True)
            torch.cuda.set_sync_debug_mode("default")
            name = monitor.name
            assert monitor._border.errors == 0, monitor._border.last_error
    finally:
        torch.cuda.set_sync_debug_mode("default")
    snapshot = last_snapshot(name)
    assert snapshot.status.observed_steps == 200
    assert 0 <= snapshot.status.accuracy <= 1
    assert all(snapshot.layer(number).maximum.max() > 0 for number in range(4))


def test_training_is_bit_identical_with_and_without_the_monitor():
    def parameters(enabled):
        torch.manual_seed(0)
        model = LeNet().cuda()
        with deepeyes.watch(model, name="twin", enabled=enabled) as monitor:
            train(monitor, model, 200)
        return [p.detach().cpu() for p in model.parameters()], torch.rand(3, device="cuda").cpu()

    torch.backends.cudnn.deterministic = True
    one, drawn = parameters(enabled=True)
    other, drawn_without = parameters(enabled=False)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(drawn, drawn_without)
