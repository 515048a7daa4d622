"""Validation: what loss functions say while the model is not in training mode, gathered into one value a pass."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from deepeyes_tui.script.losses import Judgement

Loader = weakref.ref[DataLoader[Any]] | None


class Evaluation:
    """Averages the judgements between two training steps. Of several loaders the first one tried is the validation's;
    the training's own tells nothing new.
    """

    def __init__(self) -> None:
        self._loader: Loader = None
        self._decided = False
        self._loss: Tensor | None = None
        self._right: Tensor | None = None
        self._inputs = 0

    def add(self, judgement: Judgement, loader: DataLoader[Any] | None, training: DataLoader[Any] | None) -> None:
        """Take in one batch; weighted by its inputs, without waiting for a device."""
        if (loader is not None and loader is training) or not self._is_validation(loader):
            return
        inputs = len(judgement.targets) if judgement.targets is not None and judgement.targets.dim() else 1
        loss = judgement.loss * inputs
        self._loss = loss if self._loss is None else self._loss + loss
        if judgement.accuracy is not None:
            right = judgement.accuracy * inputs
            self._right = right if self._right is None else self._right + right
        self._inputs += inputs

    def take(self) -> dict[str, Tensor]:
        """Return the means since the last call, nothing where there was no evaluation."""
        found = {}
        if self._loss is not None:
            found["val_loss"] = self._loss / self._inputs
        if self._right is not None:
            found["val_accuracy"] = self._right / self._inputs
        self._loss = self._right = None
        self._inputs = 0
        return found

    def _is_validation(self, loader: DataLoader[Any] | None) -> bool:
        if not self._decided:
            self._decided = True
            self._loader = weakref.ref(loader) if loader is not None else None
        return loader is (self._loader() if self._loader is not None else None)
