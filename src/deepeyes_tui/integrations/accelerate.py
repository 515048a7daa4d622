"""Loops of Hugging Face accelerate: `monitor = watch(accelerator, model, optimizer)` behind `accelerator.prepare`."""

from __future__ import annotations

from typing import Any

from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import nn
from torch.optim import Optimizer

from deepeyes_tui.probe import monitor as plain

__all__ = ["Monitor", "plain_optimizer", "watch"]


class Monitor:
    """As `deepeyes_tui.Monitor`; `step` after a batch that only adds to the gradients counts no step."""

    def __init__(self, accelerator: Accelerator, monitor: plain.Monitor) -> None:
        self._accelerator, self._monitor = accelerator, monitor

    @property
    def name(self) -> str:
        """The run's name, as `deepeyes ls` shows it; empty when nothing is watched."""
        return self._monitor.name

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._monitor.stopping

    def step(self, loss: Any = None, **known: Any) -> None:
        """Call after each `optimizer.step()`, as `deepeyes_tui.Monitor.step`."""
        if self._accelerator.sync_gradients:
            self._monitor.step(loss, **known)

    def log(self, values: Any = None, /, **scalars: Any) -> None:
        """Log numbers at the current step."""
        self._monitor.log(values, **scalars)

    def close(self) -> None:
        """Take the monitor off the model."""
        self._monitor.close()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *error: Any) -> None:
        self._monitor.__exit__(*error)


def watch(accelerator: Accelerator, model: nn.Module, optimizer: Optimizer | None = None, **options: Any) -> Monitor:
    """Watch a prepared model; `options` are those of `deepeyes_tui.watch`."""
    inner = None if optimizer is None else plain_optimizer(optimizer)
    return Monitor(accelerator, plain.watch(model, optimizer=inner, **options))


def plain_optimizer(optimizer: Optimizer) -> Optimizer:
    """Return the user's own optimizer behind accelerate's wrapper: the one that keeps the state."""
    while isinstance(optimizer, AcceleratedOptimizer):
        optimizer = optimizer.optimizer
    return optimizer
