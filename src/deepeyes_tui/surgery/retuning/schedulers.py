"""The schedulers of an optimizer, and a learning rate that stays where it was set under each of them.

Some schedulers of torch compute the next rate from the last one, others from bounds that they or the optimizer's groups
keep. Scaling all of these by one factor scales the whole rest of the schedule by it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Scale = Callable[[float], float]

GROUP_RATES = ("lr", "initial_lr", "max_lr", "min_lr", "base_lr", "swa_lr")
"""Learning rates that schedulers keep in the parameter groups."""
SCHEDULER_RATES = ("base_lrs", "max_lrs", "min_lrs", "default_min_lr", "_last_lr", "eta_min", "eps")
"""Learning rates that schedulers keep in themselves; `eps` is the least change that ReduceLROnPlateau makes."""


def find_schedulers(optimizer: Optimizer) -> list[LRScheduler]:
    """Return the schedulers in this process that set the rates of the optimizer, nested ones too.

    Wrapped optimizers are told by the groups that they share. A heap of a million objects takes about 0.1 s.
    """
    found = [one for one in gc.get_objects() if issubclass(type(one), LRScheduler) and _is_of(one, optimizer)]
    return sorted(found, key=lambda scheduler: type(scheduler).__name__)


def find_momentum_cycle(optimizer: Optimizer) -> LRScheduler | None:
    """Return the scheduler that sets momentum or the first beta at each of its steps, if there is one."""
    if not any("max_momentum" in group for group in optimizer.param_groups):
        return None
    cycling = (one for one in find_schedulers(optimizer) if getattr(one, "cycle_momentum", False))
    return next(cycling, None)


def scale_rates(optimizer: Optimizer, schedulers: list[LRScheduler], scale: Scale) -> None:
    """Replace every learning rate that the groups and the schedulers keep by `scale` of it.

    Tensors in groups are filled where they are, each once, as compiled and captured steps hold on to them.
    """
    seen: set[int] = set()
    for group in optimizer.param_groups:
        for name in GROUP_RATES:
            value = group.get(name)
            if isinstance(value, Tensor):
                if id(value) not in seen:
                    value.fill_(scale(value.item()))
                seen.add(id(value))
            elif value is not None:
                group[name] = scale(value)
    for scheduler in schedulers:
        kept = vars(scheduler)
        kept.update({name: _scaled(kept[name], scale) for name in SCHEDULER_RATES if name in kept})


def is_of_torch(scheduler: LRScheduler) -> bool:
    """Return whether all that the scheduler computes rates from is known."""
    return type(scheduler).__module__.startswith("torch.")


def _is_of(scheduler: LRScheduler, optimizer: Optimizer) -> bool:
    theirs: Any = getattr(scheduler, "optimizer", None)
    return theirs is optimizer or getattr(theirs, "param_groups", None) is optimizer.param_groups


def _scaled(value: Any, scale: Scale) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_scaled(one, scale) for one in value)
    if isinstance(value, Tensor):
        return value.new_tensor(scale(value.item()))
    return None if value is None else scale(value)
