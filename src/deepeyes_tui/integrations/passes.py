"""What the passes of a model that computes its own loss tell: the loss, and the labels it was given."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

LABELS = ("labels", "label", "targets")
"""Under which a model of the Hugging Face kind takes its targets."""


class LossTap:
    """A forward hook on a model that returns its loss: keeps that and the labels of the last training pass.

    A copy of the model carries a function of the standard library in its place, which does nothing.
    """

    def __init__(self, model: nn.Module) -> None:
        self.loss: Tensor | None = None
        self.targets: Tensor | None = None
        self._handle: RemovableHandle = model.register_forward_hook(self, with_kwargs=True)

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Keep what the pass tells; nothing waits for the device."""
        if module.training and not torch.compiler.is_compiling():
            self.loss = _detached(_loss_of(output))
            self.targets = _detached(next((kwargs[name] for name in LABELS if name in kwargs), None))

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")

    def take(self) -> tuple[Tensor | None, Tensor | None]:
        """Return loss and targets of the last pass, and forget them."""
        taken = self.loss, self.targets
        self.loss = self.targets = None
        return taken

    def remove(self) -> None:
        """Take the hook off the model."""
        self._handle.remove()


def _loss_of(output: Any) -> Any:
    """Return the loss in a model's output: an attribute or entry of that name, or a single number."""
    if isinstance(output, Mapping):
        return output.get("loss")
    if isinstance(output, Tensor):
        return output if output.numel() == 1 else None
    return getattr(output, "loss", None)


def _detached(value: Any) -> Tensor | None:
    return value.detach() if isinstance(value, Tensor) else None
