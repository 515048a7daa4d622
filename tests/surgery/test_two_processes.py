"""A training in two processes: surgery is refused in each, and both train on as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from deepeyes_tui.surgery import SurgeryError, apply, plan_removal

from .snapshots import assert_same, everything


def work(rank: int, meeting: str) -> None:
    """Be one of two processes; what goes wrong is raised."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batch = torch.randn(4, 5) + rank
    for _ in range(2):
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()
        before = everything(model, [optimizer], places=True)
        plan = plan_removal(model, "0", [1], batch)
        with pytest.raises(SurgeryError, match="the training runs in 2 processes: a change in one leaves the others"):
            apply(plan, model, optimizer)
        assert_same(everything(model, [optimizer], places=True), before)
    weights = [torch.zeros(6, 5) for _ in range(2)]
    distributed.all_gather(weights, model.module[0].weight.detach())
    assert torch.equal(*weights)
    distributed.destroy_process_group()
    os._exit(0)  # a thread of torch's may want the interpreter while it ends, which aborts the process now and then


@pytest.mark.skipif(not distributed.is_available(), reason="this torch has no processes")
def test_surgery_is_refused_in_each(tmp_path: Path) -> None:
    multiprocessing.spawn(work, (str(tmp_path / "meeting"),), nprocs=2)
