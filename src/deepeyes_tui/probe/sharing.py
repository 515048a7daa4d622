"""What hangs on a model beside its tensors: which of it a copy shares, for being large or having ways of its own."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

ROOM = 1 << 26
"""Bytes, beside the tensors of modules, that are copied at most."""
MOST_ITEMS = 1 << 16
"""Of a container, and of all that is looked at: a model that holds more holds data."""
CONTAINERS = (list, tuple, set, frozenset, dict, OrderedDict, defaultdict, deque)
NEVER_COPIED = (Optimizer, DataLoader, Dataset, ModuleType, type, type(threading.Lock()), type(threading.RLock()))
OWN_WAYS = ("__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__del__")
"""Methods of a user's class that copying would call, or that would run when the copy ends."""
_KNOWN = sys.stdlib_module_names | {"torch", "numpy"}
_TORCHS_OWN = frozenset(vars(nn.Module()))


def shared_with_copies(model: nn.Module) -> Iterator[Any]:
    """Return what a copy of a model is to share with it, each once; modules and their own tensors are not among that.

    The rest is small enough to be copied, so that a pass of the copy leaves the model's counters and lists as they are.
    """
    room = ROOM
    seen = {id(tensor) for module in model.modules() for tensor in own_tensors(module)}
    waiting: deque[Any] = deque([model])
    while waiting:
        value = waiting.popleft()
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, nn.Module):
            waiting.extend(value._modules.values())
            waiting.extend(_beside_tensors(value))
            continue
        size = _bytes_of(value)
        if size > room or len(seen) > MOST_ITEMS or _has_own_ways(value):
            yield value
        else:
            room -= size
            waiting.extend(_inside(value))


def own_tensors(module: nn.Module) -> Iterator[Tensor]:
    """Return a module's parameters, buffers and other attributes that are tensors."""
    for held in (vars(module), module._parameters, module._buffers):
        yield from (value for value in held.values() if isinstance(value, Tensor))


def _beside_tensors(module: nn.Module) -> Iterator[Any]:
    return (value for name, value in vars(module).items() if name not in _TORCHS_OWN and not isinstance(value, Tensor))


def _bytes_of(value: Any) -> int:
    origin = _origin(type(value))
    if origin in ("numpy", "torch"):
        size = getattr(value, "nbytes", 0)
        return size if isinstance(size, int) else 0
    return sys.getsizeof(value) if origin == "builtins" else 0


def _has_own_ways(value: Any) -> bool:
    kind = type(value)
    if isinstance(value, NEVER_COPIED) or (kind in CONTAINERS and len(value) > MOST_ITEMS):
        return True
    users = [base for base in kind.__mro__ if _origin(base) not in _KNOWN]
    return any(name in vars(base) for base in users for name in OWN_WAYS)


def _origin(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if type(value) in CONTAINERS:
        return list(value)
    inner = getattr(value, "__dict__", None)
    return list(inner.values()) if isinstance(inner, dict) else []
