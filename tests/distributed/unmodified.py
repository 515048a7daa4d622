"""A training in several processes, by a script that knows of no monitor.

It leaves the process group as it is: to destroy it beside a live DistributedDataParallel can hang in torch itself.
"""

from __future__ import annotations

import time

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

EPOCHS, STEPS, SHARE = 6, 40, 16


def main(evaluates: str = "2.5") -> None:
    """Print the mean loss of each epoch over both ranks; in the end rank 0 is busy for some seconds by itself."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    distributed.init_process_group("gloo")
    inputs = torch.randn(2 * SHARE * STEPS, 8)
    data = TensorDataset(inputs, (inputs[:, 0] > 0).long() + 2 * (inputs[:, 1] > 0).long())
    sampler = DistributedSampler(data)
    loader = DataLoader(data, batch_size=SHARE, sampler=sampler)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 4)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        total = torch.zeros((), dtype=torch.float64)
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.detach()
            time.sleep(0.01)
        distributed.all_reduce(total)
        if distributed.get_rank() == 0:
            print(f"epoch {epoch}: loss {total.item() / (2 * STEPS)!r}", flush=True)
    if distributed.get_rank() == 0:
        time.sleep(float(evaluates))


if __name__ == "__main__":
    main()
