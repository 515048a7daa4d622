"""What watching costs a training in two processes: `torchrun --standalone --nproc-per-node 2 benchmarks/ranks.py`."""

from __future__ import annotations

import os
import statistics
import tempfile
import time

import torch
from torch import distributed, nn
from torch.nn.functional import cross_entropy

BLOCKS, STEPS = 3, 100


def network() -> nn.Module:
    """Return a small convolutional network for pictures of 32 by 32."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()),
        *(nn.MaxPool2d(4), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def main() -> None:
    """Train in turns with and without the monitor, and print what it costs rank 0."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DEEPEYES_HOME"] = os.environ["DEEPEYES_LIVE"] = folder
        import deepeyes_tui as deepeyes

        model = nn.parallel.DistributedDataParallel(network())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        inputs, targets = torch.randn(32, 3, 32, 32), torch.randint(10, (32,))
        ratios, polls, merges = [], [], []
        for _ in range(BLOCKS):
            seconds = {}
            for watched in (False, True):
                monitor = deepeyes.watch(model, optimizer=optimizer, enabled=watched)
                for _ in range(20):
                    optimizer.zero_grad()
                    loss = cross_entropy(model(inputs), targets)
                    loss.backward()
                    optimizer.step()
                    monitor.step(loss=loss.detach(), targets=targets)
                distributed.barrier()
                began, wall = time.process_time(), time.perf_counter()
                for _ in range(STEPS):
                    optimizer.zero_grad()
                    loss = cross_entropy(model(inputs), targets)
                    loss.backward()
                    optimizer.step()
                    monitor.step(loss=loss.detach(), targets=targets)
                seconds[watched] = time.process_time() - began, time.perf_counter() - wall
                if watched:
                    merges.append(monitor._probe._merge_seconds)
                    book = monitor._probe._team._herald.book
                    began = time.perf_counter()
                    for _ in range(10000):
                        book.reach(book.finished)
                    polls.append((time.perf_counter() - began) / 10000)
                monitor.close()
            ratios.append((seconds[True][0] / seconds[False][0], seconds[True][1] / seconds[False][1]))
        if distributed.get_rank() == 0:
            cpu, wall = (statistics.median(one) for one in zip(*ratios, strict=True))
            print(f"CPU time {cpu:.3f}, wall time {wall:.3f} of that without the monitor")
            print(f"step without the monitor {1e3 * seconds[False][1] / STEPS:.1f} ms")
            print(f"appointments {1e6 * statistics.median(polls):.2f} us a step")
            print(f"training thread {1e3 * statistics.median(merges):.2f} ms an observation merged")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
