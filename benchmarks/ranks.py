"""What watching costs a training in two processes: CPU time of steps with and without it, in turn.

    torchrun --standalone --nproc-per-node 2 benchmarks/ranks.py [--seconds 60]

The CPU time is that of the training thread, and where it watches of the monitor's two threads; figures of rank 0.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import distributed, nn
from torch.nn.functional import cross_entropy

import deepeyes_tui as deepeyes

ROUNDS, SETTLE, STEPS = 5, 40, 20
"""Rounds that share the time, pairs of steps before the clock starts, and between two looks at it."""
POLLS = 10000


@dataclass
class Figures:
    """CPU seconds of each step without the monitor, and with it by round; of the monitor's threads by round; of an
    appointment kept, of a merge, and of its way.
    """

    bare: list[list[float]] = field(default_factory=list)
    watched: list[list[float]] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    merges: list[float] = field(default_factory=list)
    ways: list[float] = field(default_factory=list)
    poll: float = 0.0

    @property
    def ratios(self) -> list[float]:
        rounds = zip(self.bare, self.watched, self.threads, strict=True)
        return [(sum(watched) + threads) / sum(bare) for bare, watched, threads in rounds]


class Training:
    """A small convolutional network on pictures of 32 by 32."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        network = nn.Sequential(
            *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()),
            *(nn.MaxPool2d(4), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)),
        )
        self.model = nn.parallel.DistributedDataParallel(network)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.inputs, self.targets = torch.randn(16, 3, 32, 32), torch.randint(10, (16,))

    def step(self) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(self.inputs), self.targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def main() -> None:
    """Train two networks by turns until the time is up, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    figures, bare, watched = Figures(), Training(), Training()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DEEPEYES_HOME": folder, "DEEPEYES_LIVE": folder}
        with deepeyes.watch(watched.model, optimizer=watched.optimizer, name="ranks") as monitor:
            for _ in range(SETTLE):
                pair(bare, watched, monitor)
            monitor._probe._budget._purse = 0.0  # what the set-up spent in advance is not paid back within the clock
            for _ in range(ROUNDS):
                a_round(bare, watched, monitor, figures, options.seconds / ROUNDS)
            figures.poll = poll(monitor)
    if distributed.get_rank() == 0:
        report(figures)
    distributed.destroy_process_group()


def a_round(bare: Training, watched: Training, monitor: deepeyes.Monitor, figures: Figures, seconds: float) -> None:
    times, before, until = [], of_threads(monitor), time.monotonic() + seconds
    while all_go_on(time.monotonic() < until):
        times += [pair(bare, watched, monitor) for _ in range(STEPS)]
        if monitor._probe._merge_seconds:
            figures.merges.append(monitor._probe._merge_seconds)
            figures.ways.append(monitor._probe._way_seconds)
    figures.threads.append(of_threads(monitor) - before)
    figures.bare.append([one for one, _ in times])
    figures.watched.append([other for _, other in times])


def all_go_on(wanted: bool) -> bool:
    """Return whether all ranks want that."""
    vote = torch.tensor(float(wanted))
    distributed.all_reduce(vote, distributed.ReduceOp.MIN)
    return bool(vote)


def pair(bare: Training, watched: Training, monitor: deepeyes.Monitor) -> tuple[float, float]:
    """Return the CPU seconds of the training thread for a step without the monitor, and for one with it."""
    started = time.thread_time()
    bare.step()
    between = time.thread_time()
    monitor._probe._last = time.perf_counter()  # the other training's time is not ours to spend
    monitor.step(loss=watched.step(), targets=watched.targets)
    return between - started, time.thread_time() - between


def of_threads(monitor: deepeyes.Monitor) -> float:
    """Return the CPU seconds of the threads that keep this rank in touch with the others."""
    threads = monitor._probe._team._threads()
    return sum(time.clock_gettime(time.pthread_getcpuclockid(thread.ident)) for thread in threads)


def poll(monitor: deepeyes.Monitor) -> float:
    book, began = monitor._probe._team._herald.book, time.thread_time()
    for _ in range(POLLS):
        book.reach(book.finished)
    return (time.thread_time() - began) / POLLS


def report(figures: Figures) -> None:
    steps = [step for one in figures.bare for step in one]
    print("| what | median (least, most) |\n| --- | --- |")
    for what, unit, factor, values in (
        ("CPU time with the monitor, of that without, by round", "", 1.0, figures.ratios),
        ("a step without the monitor", " ms", 1e3, steps),
        ("the monitor's threads, a step", " ms", 1e3 * ROUNDS / len(steps), figures.threads),
        ("keeping appointments, a step", " us", 1e6, [figures.poll]),
        ("training thread, an observation of all ranks taken in", " ms", 1e3, figures.merges),
        ("from an observed step to what all ranks have seen of it", " ms", 1e3, figures.ways),
    ):
        scaled = [factor * value for value in values]
        print(f"| {what} | {median(scaled):.3g}{unit} ({min(scaled):.3g}, {max(scaled):.3g}) |")
    print(f"\n{len(steps)} steps of each")


if __name__ == "__main__":
    main()
