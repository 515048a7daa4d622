"""Forward hooks that leave the user's model copyable, picklable and compilable."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Receiver = Callable[[int, Any], None]


class Tap:
    """A forward hook that hands a module's output on, with the number of the layer that it belongs to.

    A copy or a pickle of the model carries a function of the standard library in its place, which does nothing: a
    checkpoint loads where this package is not installed, and an averaged copy is not observed.
    """

    __slots__ = ("_index", "_receive")

    def __init__(self, index: int, receive: Receiver) -> None:
        self._index = index
        self._receive = receive

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        """Pass the output on, unless it is being traced by the compiler."""
        if torch.compiler.is_compiling():
            return
        self._receive(self._index, output)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")


class InputTap:
    """A forward hook that hands on the first argument that a module was called with; copies as `Tap` does."""

    __slots__ = ("_index", "_receive")

    def __init__(self, index: int, receive: Receiver) -> None:
        self._index = index
        self._receive = receive

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Pass the argument on, unless it is being traced by the compiler."""
        if torch.compiler.is_compiling():
            return
        self._receive(self._index, args[0] if args else next(iter(kwargs.values()), None))

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")


class EntryTap:
    """A forward pre-hook on the whole model that hands its arguments on before a pass; copies as `Tap` does."""

    __slots__ = ("_receive",)

    def __init__(self, receive: Callable[[tuple[Any, ...], dict[str, Any]], None]) -> None:
        self._receive = receive

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Pass the arguments on, unless the pass is being traced by the compiler."""
        if torch.compiler.is_compiling():
            return
        self._receive(args, kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")


def is_ordinary_forward() -> bool:
    """Return whether this is a pass of the training itself: no recomputation for a checkpoint, no tracing."""
    return torch._C._current_graph_task_id() == -1 and torch._C._get_tracing_state() is None
