"""The script's model and what belongs to it, held so that they are freed when the script lets go of them."""

from __future__ import annotations

import weakref
from typing import TypeVar

from torch import nn

from deepeyes_tui.probe.layers import unwrap

Thing = TypeVar("Thing")
DROPPED = "the script has dropped the model"


class ModelReference:
    """A model as it is called; where its wrapper alone is gone, the one inside."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, model: nn.Module) -> None:
        self._outer, self._inner = weakref.ref(model), weakref.ref(unwrap(model))

    def __call__(self) -> nn.Module | None:
        """Return the model; None where the script has dropped it."""
        outer = self._outer()
        return self._inner() if outer is None else outer

    def needed(self) -> nn.Module:
        """Return the model. Raises ValueError where the script has dropped it."""
        model = self()
        if model is None:
            raise ValueError(DROPPED)
        return model


def lightly(thing: Thing | None) -> weakref.ref[Thing] | None:
    """Return a weak reference, None to nothing."""
    return None if thing is None else weakref.ref(thing)


def still(reference: weakref.ref[Thing] | None) -> Thing | None:
    """Return what `lightly` was given, if it is there."""
    return None if reference is None else reference()
