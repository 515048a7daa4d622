"""Loss, accuracy and whatever else is logged: curves, fed without waiting for a device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from deepeyes_tui.link.snapshot import Series
from deepeyes_tui.probe.curves import ThinnedCurve
from deepeyes_tui.probe.transfer import Transfer

MOST_CURVES = 8
SEND_AFTER = 0.1
SEND_AT_MOST = 256
VALIDATION = ("validation_", "valid_", "test_")
OF_ONE_MODEL = ("loss", "accuracy", "learning_rate", "val_loss", "val_accuracy")
KEPT_OF_OTHERS = ("loss", "accuracy")
Key = tuple[str, int]


def curve_name(name: str) -> str:
    """Return the name under which a value is kept: validation and test values are `val_...`."""
    name = name.lower().replace("/", "_").replace("-", "_").replace(" ", "_")
    for prefix in VALIDATION:
        if name.startswith(prefix):
            name = "val_" + name.removeprefix(prefix)
    return {"acc": "accuracy", "val_acc": "val_accuracy"}.get(name, name)


def of_another(name: str, model: str) -> str:
    """Return the name of a curve of a model that is not the watched one."""
    return curve_name(f"{name} {model}")


class Scalars:
    """Takes numbers and tensors. Tensors on a device wait in a queue, and come over many at a time.

    `keep` is told every value, by name and step, also those of curves for which the board has no room.
    """

    def __init__(self, keep: Callable[[str, int, float], None] | None = None) -> None:
        self._keep = keep
        self.curves: dict[str, ThinnedCurve] = {}
        self.last: dict[str, float] = {}
        self.refused: set[str] = set()
        self._waiting: list[tuple[Key, Tensor]] = []
        self._coming: deque[tuple[list[Key], Transfer]] = deque()
        self._sent = 0.0

    def put(self, name: str, step: int, value: Any) -> None:
        """Add a value; None and what is no number is left out."""
        if isinstance(value, Tensor):
            value = value.detach()
            if value.device.type != "cpu":
                self._waiting.append(((name, step), value))
                return
            value = value.item() if value.numel() == 1 else value.double().mean().item()
        if isinstance(value, int | float) or hasattr(value, "__float__"):
            self._add(name, step, float(value))

    def move(self, *, wait: bool = False) -> None:
        """Send what waits, and take in what has arrived."""
        due = len(self._waiting) >= SEND_AT_MOST or monotonic() - self._sent > SEND_AFTER
        if self._waiting and (due or wait):
            keys = [key for key, _ in self._waiting]
            values = torch.stack([value.float().mean() for _, value in self._waiting])
            self._coming.append((keys, Transfer(values)))
            self._waiting, self._sent = [], monotonic()
        while self._coming and (wait or self._coming[0][1].arrived()):
            keys, transfer = self._coming.popleft()
            for (name, step), value in zip(keys, transfer.values().tolist(), strict=True):
                self._add(name, step, value)

    def series(self) -> list[Series]:
        """Return all curves."""
        return [curve.series() for curve in self.curves.values()]

    def turn(self, before: str, after: str) -> None:
        """Make way for the curves of another model; loss and accuracy of the one before go on under its name."""
        self.move(wait=True)
        for name in OF_ONE_MODEL:
            self._rename(name, of_another(name, before) if before and name in KEPT_OF_OTHERS else "")
            self._rename(of_another(name, after), name)
        others = [name for name in self.curves if name not in OF_ONE_MODEL]
        for name in others[: max(0, len(others) + len(OF_ONE_MODEL) - MOST_CURVES)]:
            self._rename(name, "")
        self.refused.clear()

    def _rename(self, name: str, to: str) -> None:
        """Move a curve, if it is there, to another name; to none at all where that is empty."""
        curve, last = self.curves.pop(name, None), self.last.pop(name, None)
        if to and curve is not None and last is not None:
            curve.name = to
            self.curves[to], self.last[to] = curve, last

    def _add(self, name: str, step: int, value: float) -> None:
        if self._keep is not None:
            self._keep(name, step, value)
        if name not in self.curves:
            if len(self.curves) >= MOST_CURVES:
                self.refused.add(name)
                return
            self.curves[name] = ThinnedCurve(name)
        self.curves[name].add(step, value)
        self.last[name] = value


def batch_accuracy(output: Tensor | None, targets: Any) -> Tensor | None:
    """Return the share of rows of `output (N, C)` whose largest entry is at `targets (N,)`; None if they don't fit."""
    if output is None or not isinstance(targets, Tensor) or targets.is_floating_point():
        return None
    if output.shape[:1] != targets.shape or output.device != targets.device or not len(targets) or output.shape[1] < 2:
        return None
    return (output.argmax(1) == targets).float().mean()
