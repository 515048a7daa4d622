"""BatchNorms that keep their running statistics while the model is in training mode."""

from __future__ import annotations

import contextlib
from typing import Any

from torch import nn


class StaysInEval:
    """A forward pre-hook that puts a BatchNorm in eval mode, for as long as it is not released.

    Scripts call `model.train()` every epoch, which one call of `eval` would not outlast. Copies and pickles of the
    model carry a function of the standard library in its place, which does nothing.
    """

    def __init__(self, norm: nn.Module) -> None:
        self.norm = norm
        self._training = norm.training
        self._handle = norm.register_forward_pre_hook(self)
        norm.eval()

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Undo what `model.train()` did."""
        module.training = False

    def release(self) -> None:
        """Let the BatchNorm be in the mode that it was in."""
        self._handle.remove()
        self.norm.train(self._training)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")
