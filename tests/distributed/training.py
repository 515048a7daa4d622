"""A training as people write it, in one process or in several: the batch of a step is shared out among the ranks."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

import deepeyes_tui as deepeyes

ROWS, LOOKS, MOST_STEPS = 32, 16, 5000


def network() -> nn.Sequential:
    """Return the same small network again and again, in double precision: shares of a batch add up to all of it."""
    torch.manual_seed(0)
    layers = nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4)
    return nn.Sequential(*layers).double()


def normalised() -> nn.Sequential:
    """Return the same small network again and again, its batches normalised: each rank its own share."""
    torch.manual_seed(0)
    inner = nn.Linear(6, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 9, bias=False)
    return nn.Sequential(*inner, nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 4)).double()


def trainer(model: nn.Module) -> Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def batch(step: int) -> tuple[Tensor, Tensor]:
    """Return the whole batch of a step; now and then there are rows by which few filters are activated."""
    chances = torch.Generator().manual_seed(step)
    inputs = torch.randn(ROWS, 6, generator=chances, dtype=torch.float64)
    inputs[::7] *= step % 3
    return inputs, torch.randint(4, (ROWS,), generator=chances)


def train_step(model: nn.Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
    optimizer.zero_grad()
    loss = cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss


def main(path: str) -> None:
    """Train until all ranks have observed `LOOKS` steps; write down which, and what was learnt."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank, size = distributed.get_rank(), distributed.get_world_size()
    model = nn.parallel.DistributedDataParallel(network())
    optimizer = trainer(model)
    monitor = deepeyes.watch(model, optimizer=optimizer, name="ranks", budget=1.0)
    observed: list[int] = []
    fewest, step = torch.zeros(()), 0
    while fewest < LOOKS and step < MOST_STEPS:
        step += 1
        if monitor._probe._observer.observing:
            observed.append(step)
        inputs, targets = (one.chunk(size)[rank] for one in batch(step))
        monitor.step(loss=train_step(model, optimizer, inputs, targets), targets=targets)
        distributed.all_reduce(fewest.fill_(len(observed)), distributed.ReduceOp.MIN)
    torch.save((step, observed, model.module.state_dict()), f"{path}/{rank}")
    monitor.close()
