"""What a training script does not come across, whatever it looks at: our threads and our descriptors."""

import threading

import torch
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.demo.lenet import LeNet


def train(model, monitor, steps):
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(steps):
        x, y = torch.rand(4, 1, 28, 28), torch.randint(10, (4,))
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        monitor.step(loss=loss, targets=y)


def test_a_script_may_join_all_threads_it_finds():
    before = threading.enumerate()
    model = LeNet()
    with deepeyes.watch(model) as monitor:
        train(model, monitor, 3)
        assert threading.enumerate() == before
    assert threading.enumerate() == before
