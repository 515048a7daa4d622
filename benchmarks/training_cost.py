"""What monitoring costs the training: CPU time of the demo's training process, one thread, interleaved runs.

    python benchmarks/training_cost.py [--pairs 5] [--steps 600] [--modes none deepeyes focus:conv1 ...]

With `focus:LAYER`, that layer of the demo streams its instances. Beside it, at the same number of observations,
TensorBoard's add_histogram of all parameters and gradients, and wandb.watch(log="all") offline. Needs the
extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

FOCUS = "focus:"
MODES = ("none", "deepeyes", *(FOCUS + layer for layer in ("conv1", "conv2", "fc1", "fc2")), "tensorboard", "wandb")
SETTLE = 20
"""Steps before the clock starts: imports, first allocations, set-up of each tool."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--worker", choices=MODES)
    parser.add_argument("--every", type=int, default=10)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(train(options.worker, options.steps, options.every)))
        return
    report(measure(options.pairs, options.steps, options.modes), options)


def measure(pairs: int, steps: int, modes: Sequence[str]) -> dict[str, list[dict[str, float]]]:
    runs: dict[str, list[dict[str, float]]] = {mode: [] for mode in ("none", *modes)}
    every = 10
    for _ in range(pairs):
        for mode in runs:
            run = start(mode, steps, every)
            runs[mode].append(run)
            if mode == "deepeyes":
                every = max(1, round(steps / max(run["observations"], 1)))
    return runs


def start(mode: str, steps: int, every: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "DEEPEYES_HOME": folder,
            "WANDB_MODE": "offline",
            "WANDB_DIR": folder,
            "WANDB_SILENT": "true",
        }
        command = [sys.executable, __file__, "--worker", mode, "--steps", str(steps), "--every", str(every)]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{mode}: {done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])


def train(mode: str, steps: int, every: int) -> dict[str, float]:
    import torch
    from torch.nn import functional

    from deepeyes_tui.demo.data import load_digits
    from deepeyes_tui.demo.lenet import LeNet, parameter_groups
    from deepeyes_tui.demo.train import BATCH, DECAY, MOMENTUM, RATE, _batches

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = LeNet()
    optimizer = torch.optim.SGD(parameter_groups(model, RATE, DECAY), momentum=MOMENTUM)
    observe, finish = watcher(mode, model, optimizer, every)
    for step, (x, y, _) in enumerate(_batches(load_digits(), steps + SETTLE, 0, torch.device("cpu")), start=1):
        if step == SETTLE:
            cpu, wall = time.process_time(), time.perf_counter()
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        observe(step, loss, y)
    assert len(x) == BATCH
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu, "wall": wall, "observations": finish()}


def watcher(mode, model, optimizer, every) -> tuple[Callable, Callable]:
    if mode == "deepeyes" or mode.startswith(FOCUS):
        import deepeyes_tui as deepeyes

        monitor = deepeyes.watch(model, optimizer=optimizer, name="benchmark")
        if mode != "deepeyes":
            monitor._probe.focus(mode.removeprefix(FOCUS))

        def finish() -> int:
            return monitor._probe._observed_steps

        return lambda step, loss, y: monitor.step(loss=loss, targets=y), finish
    if mode == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        writer, seen = SummaryWriter(Path.cwd() / "tensorboard"), []

        def histograms(step, loss, y) -> None:
            if step % every == 0:
                seen.append(step)
                writer.add_scalar("loss", loss.item(), step)
                for name, parameter in model.named_parameters():
                    writer.add_histogram(name, parameter, step)
                    writer.add_histogram(f"{name}.grad", parameter.grad, step)

        return histograms, lambda: len(seen)
    if mode == "wandb":
        import wandb

        run = wandb.init(project="benchmark", settings=wandb.Settings(silent=True, x_disable_stats=True))
        run.watch(model, log="all", log_freq=every)
        seen = []

        def log(step, loss, y) -> None:
            if step % every == 0:
                seen.append(step)
                run.log({"loss": loss.item()}, step=step)

        return log, lambda: len(seen)
    return lambda step, loss, y: None, lambda: 0


def report(runs: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    print(f"LeNet, batch 64, one thread, {options.steps} steps, {options.pairs} interleaved runs, medians\n")
    print("| tool | CPU time ratio | wall time ratio | observations a second | CPU s |")
    print("| --- | --- | --- | --- | --- |")
    for mode, own in runs.items():
        ratio = {
            clock: median(run[clock] / base[clock] for run, base in zip(own, runs["none"], strict=True))
            for clock in ("cpu", "wall")
        }
        rate = median(run["observations"] / run["wall"] for run in own)
        cpu = median(run["cpu"] for run in own)
        name = mode.replace(FOCUS, "focus on a layer, instances streaming: ")
        print(f"| {name} | {ratio['cpu']:.3f} | {ratio['wall']:.3f} | {rate:.1f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
