"""Finding what trains a model: every optimizer alive that holds one of its parameters."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from torch import nn
from torch.optim import Optimizer


def find_optimizers(model: nn.Module, known: Sequence[Optimizer] = ()) -> list[Optimizer]:
    """Return the known optimizers, and the others in this process that hold a parameter of the model."""
    own = {id(parameter) for parameter in model.parameters()}
    found = {id(one): one for one in known}
    for thing in gc.get_objects():
        if issubclass(type(thing), Optimizer) and _holds(thing, own):
            found.setdefault(id(thing), thing)
    return list(found.values())


def _holds(optimizer: Optimizer, parameters: set[int]) -> bool:
    groups = getattr(optimizer, "param_groups", ())
    return any(id(parameter) in parameters for group in groups for parameter in group["params"])
