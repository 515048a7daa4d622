"""Trainings in which one rank does not do as it should: `absent`, `other model`, `ends at N`, `sharded`, `differs`."""

from __future__ import annotations

import time

import torch
from torch import distributed, nn

import deepeyes_tui as deepeyes

from .training import batch, network, train_step, trainer

LONGEST = 300.0


kept: list[torch.optim.Optimizer] = []


def watched(case: str, rank: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> deepeyes.Monitor:
    """Return this rank's monitor: one that does nothing where the case says so."""
    if case == "other model" and rank:
        return deepeyes.watch(nn.Sequential(nn.Linear(2, 2)), name="ranks")
    if case == "differs" and rank:
        with torch.no_grad():
            next(model.parameters()).add_(0.001)
        optimizer = torch.optim.Adagrad(model.parameters())
        kept.append(optimizer)  # as nobody else does
        return deepeyes.watch(model, optimizer=optimizer, name="ranks")
    return deepeyes.watch(model, optimizer=optimizer, name="ranks", budget=0.5, enabled=not (rank and case == "absent"))


def main(case: str) -> None:
    """Train until rank 0 is told to stop; the other rank does what rank 0 does."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank, began, step = distributed.get_rank(), time.monotonic(), 0
    model: nn.Module = network()
    if case == "sharded":
        from torch.distributed.fsdp import fully_shard

        fully_shard(model)
    else:
        model = nn.parallel.DistributedDataParallel(model)
    optimizer = trainer(model)
    stop = torch.zeros(())
    with watched(case, rank, model, optimizer) as monitor:
        while not stop and time.monotonic() - began < LONGEST:
            step += 1
            inputs, targets = (one.chunk(2)[rank] for one in batch(step))
            monitor.step(loss=train_step(model, optimizer, inputs, targets), targets=targets)
            if case.startswith("ends at") and rank and step == int(case.split()[-1]):
                monitor.close()
            stop.fill_(float(monitor.stopping))
            distributed.all_reduce(stop, distributed.ReduceOp.MAX)
            time.sleep(0.01)
    print(f"rank {rank} ended")
