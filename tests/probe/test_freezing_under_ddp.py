"""A layer that is frozen on command under DistributedDataParallel does not keep its reducer waiting."""

import pytest
import torch
from torch import distributed, nn

import deepeyes_tui as deepeyes
from deepeyes_tui.link.messages import Action, Command


@pytest.fixture
def alone(tmp_path):
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_training_goes_on_with_a_frozen_layer(alone):
    model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with deepeyes.watch(model, optimizer=optimizer, name="ddp") as monitor:
        for step in range(6):
            optimizer.zero_grad()
            loss = model(torch.rand(5, 3)).square().mean()
            loss.backward()
            optimizer.step()
            monitor.step(loss=loss.detach())
            if step in (1, 3):
                action = Action.FREEZE if step == 1 else Action.UNFREEZE
                handler = monitor._probe.steering.handlers[action]
                assert "at step" in handler(Command(action, {"layer": "0"}), step).message
                frozen = model.module[0].weight.clone()
            if step in (2, 3):
                assert torch.equal(model.module[0].weight, frozen)
        assert not torch.equal(model.module[0].weight, frozen)
