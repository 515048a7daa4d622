"""A training that goes on until it is stopped, under a process group that waits for five seconds at most."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn

import deepeyes_tui as deepeyes

from . import training
from .training import batch, train_step, trainer

TIMEOUT = timedelta(seconds=5)
LONGEST = 300.0


def state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return copies of all parameters and buffers, the parameters' momenta, and the learning rate."""
    momenta = {}
    for name, one in model.named_parameters():
        momentum = optimizer.state[one].get("momentum_buffer")
        momenta[name] = None if momentum is None else momentum.clone()
    weights = {name: one.detach().clone() for name, one in model.named_parameters()}
    buffers = {name: one.clone() for name, one in model.named_buffers()}
    return {"weights": weights, "buffers": buffers, "momenta": momenta, "lr": optimizer.param_groups[0]["lr"]}


def main(path: str, wrapper: str = "", network: str = "network") -> None:
    """Train a network of `training`; write down, for each rank, the state after each step."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", timeout=TIMEOUT)
    rank, size = distributed.get_rank(), distributed.get_world_size()
    options = {name: True for name in wrapper.split(",") if name}
    model = nn.parallel.DistributedDataParallel(getattr(training, network)(), **options)
    optimizer = trainer(model)
    monitor = deepeyes.watch(model, optimizer=optimizer, name="ranks")
    states, step, began = {}, 0, time.monotonic()
    while not monitor.stopping and time.monotonic() - began < LONGEST:
        step += 1
        inputs, targets = (one.chunk(size)[rank] for one in batch(step))
        loss = train_step(model, optimizer, inputs, targets)
        states[step] = {**state(model.module, optimizer), "loss": loss.item()}
        monitor.step(loss=loss, targets=targets)
        time.sleep(0.01)
    torch.save(states, f"{path}/{rank}")
    print(f"rank {rank} ended at step {step}")
    monitor.close()
