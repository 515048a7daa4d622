"""What counts as one step where several optimizers step on a model."""

from __future__ import annotations

import weakref

from torch.optim import Optimizer


class Rounds:
    """A round begins with the first optimizer that steps again, and each round is one step."""

    def __init__(self) -> None:
        self._stepped: weakref.WeakSet[Optimizer] = weakref.WeakSet()

    def begins(self, optimizer: Optimizer) -> bool:
        """Return whether this step of an optimizer is the first of a round."""
        first = not self._stepped or optimizer in self._stepped
        if first:
            self._stepped.clear()
        self._stepped.add(optimizer)
        return first
