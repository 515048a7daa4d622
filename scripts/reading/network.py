"""The demo's LeNet, trained under the monitor and held still at some steps while the rings fill."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui import Monitor
from deepeyes_tui.demo.data import Digits
from deepeyes_tui.demo.lenet import LeNet, accuracy_and_loss, inverse_decay, parameter_groups
from deepeyes_tui.demo.train import BATCH, DECAY, MOMENTUM, RATE, _batches, _numbers, _pixels
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.ring import RingError, RingReader, ring_path
from deepeyes_tui.link.runs import find_run

LAYERS = ("conv1", "conv2", "fc1", "fc2")
OTHER_ORDER = 1000
"""Added to a seed: held still, the network is shown the digits in another order than that of its training."""
PATIENCE = 20.0
"""Seconds to wait for instances of one batch; they come ten times a second."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A network after `step` optimizer steps: its accuracy on the test set, a share of 1, and instances by layer."""

    step: int
    accuracy: float
    layers: tuple[Instances, ...]


def train_in_stages(digits: Digits, stops: Sequence[int], *, seed: int, instances: int) -> Iterator[Stage]:
    """Train as `deepeyes demo` does, and yield a stage at each of `stops` with so many instances of every layer.

    Raises ValueError where there are too few digits for that many instances, RingError where none arrive.
    """
    device = torch.device("cpu")
    torch.manual_seed(seed)
    model = LeNet().to(device)
    optimizer = torch.optim.SGD(parameter_groups(model, RATE, DECAY), momentum=MOMENTUM)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, inverse_decay())
    x_test, y_test = _pixels(digits.x_test, device), _numbers(digits.y_test, device)
    with deepeyes.watch(model, optimizer=optimizer, name="reading", budget=1.0, seed=seed) as monitor:
        for step, (x, y, epoch) in enumerate(_batches(digits, max(stops), seed, device), start=1):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
            monitor.step(loss=loss, targets=y, epoch=epoch)
            if step in stops:
                shown = _batches(digits, len(digits.x_train) // BATCH, seed + OTHER_ORDER, device)
                held = hold_still(model, monitor, ((x, y) for x, y, _ in shown), instances)
                yield Stage(step, accuracy_and_loss(model, x_test, y_test)[0], held)


def hold_still(
    model: nn.Module, monitor: Monitor, batches: Iterator[tuple[Tensor, Tensor]], instances: int
) -> tuple[Instances, ...]:
    """Show a network `batches`, without training it, until the rings have so many new instances of every layer.

    Layers have their turns one after the other: each sees a batch once, so that no digit is shown to it twice. Raises
    ValueError when there are too few batches, RingError when nothing arrives.
    """
    folder = find_run(monitor.name).instances
    rings = [RingReader(ring_path(folder, number)) for number in range(len(LAYERS))]
    try:
        enough = [ring.written + instances for ring in rings]
        while any(ring.written < wanted for ring, wanted in zip(rings, enough, strict=True)):
            batch = next(batches, None)
            if batch is None:
                raise ValueError(f"there are too few digits for {instances} instances of every layer")
            _until_observed(model, monitor, batch, rings[0])
        seen = tuple(ring.read(instances) for ring in rings)
    finally:
        for ring in rings:
            ring.close()
    return tuple(found for found in seen if found is not None)


def _until_observed(model: nn.Module, monitor: Monitor, batch: tuple[Tensor, Tensor], ring: RingReader) -> None:
    before, started = ring.written, time.monotonic()
    while ring.written == before:
        if time.monotonic() - started > PATIENCE:
            raise RingError("the monitor keeps no instances: is there room in shared memory?")
        with torch.no_grad():
            model(batch[0])
        monitor.step(targets=batch[1])
        time.sleep(0.02)  # leaves the processor to others until the next observation is due
