"""What monitoring costs by kind of model: CPU time of training steps with and without it, in turn, in one process.

    python benchmarks/overhead.py [--models resnet transformer lstm] [--seconds 60] [--rounds 5] [--compiled]

A ResNet-18 on pictures of 32x32, a transformer of 4 layers on text, an LSTM; each with no layer in focus and with one.
The CPU time of the monitor's own threads is added to its side. On a GPU see overhead_gpu.py.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch
from overhead_models import MODELS, Task

import deepeyes_tui as deepeyes

SETTLE = 8
"""Pairs of steps before the clock starts: set-up, first allocations, the first observations on credit."""


@dataclass
class Times:
    """Seconds of CPU, of each step."""

    bare: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    observed: list[float] = field(default_factory=list)
    others: float = 0.0

    @property
    def ratio(self) -> float:
        steps = self.quiet + self.observed
        return (sum(steps) + self.others) / sum(self.bare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seconds", type=float, default=60, help="of each model, with and without focus")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| model | in focus | CPU time ratio, median (least, most) | ms a step "
        "| an unobserved step | an observed one | observed |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in options.models:
        for focused in (False, True):
            rounds = measure(MODELS[name], focused, options)
            print(row(name, MODELS[name].focus if focused else "none", rounds), flush=True)


def measure(task: Task, focused: bool, options: argparse.Namespace) -> list[Times]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DEEPEYES_HOME": folder, "DEEPEYES_LIVE": folder}
        bare, watched = trainer(task, options.compiled), trainer(task, options.compiled)
        with deepeyes.watch(watched.model, optimizer=watched.optimizer, name="overhead") as monitor:
            for _ in range(SETTLE):
                pair(bare, watched, monitor, Times())
            monitor._probe._budget._purse = 0.0  # what the set-up spent in advance is not paid back within the clock
            if focused:
                monitor._probe.focus(task.focus)
            return [a_round(bare, watched, monitor, options.seconds / options.rounds) for _ in range(options.rounds)]


@dataclass
class Trainer:
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    step: Callable[[], torch.Tensor]


def trainer(task: Task, compiled: bool) -> Trainer:
    torch.manual_seed(0)
    model = task.make()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    call = torch.compile(model) if compiled else model

    def step() -> torch.Tensor:
        inputs, targets = task.batch()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(call(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Trainer(model, optimizer, step)


def a_round(bare: Trainer, watched: Trainer, monitor: deepeyes.Monitor, seconds: float) -> Times:
    times, ends = Times(), time.perf_counter() + seconds
    own = time.thread_time() - time.process_time()
    while time.perf_counter() < ends:
        pair(bare, watched, monitor, times)
    times.others = own - (time.thread_time() - time.process_time())
    return times


def pair(bare: Trainer, watched: Trainer, monitor: deepeyes.Monitor, times: Times) -> None:
    started = time.thread_time()
    bare.step()
    times.bare.append(time.thread_time() - started)
    probe = monitor._probe
    probe._last = time.perf_counter()  # the other training's time is not ours to spend
    observed = probe._observer.observing
    started = time.thread_time()
    monitor.step(loss=watched.step())
    (times.observed if observed else times.quiet).append(time.thread_time() - started)


def row(name: str, focus: str, rounds: list[Times]) -> str:
    ratios = [times.ratio for times in rounds]
    bare, quiet, observed = (
        sorted(value for times in rounds for value in getattr(times, kind)) for kind in ("bare", "quiet", "observed")
    )
    alone = median(bare)
    extra = [f"{median(own) / alone - 1:+.2%}" if own else "none" for own in (quiet, observed)]
    share = len(observed) / (len(quiet) + len(observed))
    ratio = f"{median(ratios):.3f} ({min(ratios):.3f}, {max(ratios):.3f})"
    return f"| {name} | {focus} | {ratio} | {alone * 1e3:.1f} | {extra[0]} | {extra[1]} | {share:.1%} |"


if __name__ == "__main__":
    main()
