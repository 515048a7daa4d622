"""Forward hooks that leave the user's model copyable, picklable and compilable."""

from __future__ import annotations

import contextlib
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor
from torch.utils._python_dispatch import _disable_current_modes

from deepeyes_tui.probe.compiled.frames import not_captured

Receiver = Callable[[int, Any], None]
FIRST_SLOT = -1000


class Handle:
    """Takes a hook off its module again, and keeps neither that nor the user's hooks alive."""

    def __init__(self, hooks: OrderedDict[int, Any], with_kwargs: OrderedDict[int, bool], slot: int) -> None:
        self._hooks, self._with_kwargs = weakref.ref(hooks), weakref.ref(with_kwargs)
        self._slot, self._hook = slot, hooks[slot]

    def remove(self) -> None:
        """Take the hook off, if it is still the one that was put there."""
        hooks, with_kwargs = self._hooks(), self._with_kwargs()
        if hooks is not None and hooks.get(self._slot) is self._hook:
            del hooks[self._slot]
            if with_kwargs is not None:
                with_kwargs.pop(self._slot, None)

    def silence(self) -> None:
        """Leave the hook where it is and let it do nothing: the graphs that it was traced in stay valid."""
        self._hook._receive = _nobody


def _nobody(*_: Any) -> None:
    """Receives what nobody wants any longer."""


def retire(handles: Iterable[Handle], *, traced: bool) -> None:
    """Remove hooks, or silence them where they may have been `traced`."""
    for handle in handles:
        handle.silence() if traced else handle.remove()


def attach(module: nn.Module, hook: Callable[..., None], *, before: bool = False) -> Handle:
    """Put a hook on a module, called with `(module, args, kwargs, output)`, or without the output `before` a pass.

    Where another thread has just taken it off, torch may call it once more, and then without `kwargs`.
    It stands under a number that is the same on every module: the compiler guards on the numbers of hooks, and torch's
    own are never twice the same, so that blocks that share their code could not share a graph.
    """
    hooks: Any = module._forward_pre_hooks if before else module._forward_hooks
    with_kwargs: Any = module._forward_pre_hooks_with_kwargs if before else module._forward_hooks_with_kwargs
    slot = FIRST_SLOT
    while slot in hooks:
        slot -= 1
    with_kwargs[slot], hooks[slot] = True, hook
    return Handle(hooks, with_kwargs, slot)


class Silent:
    """A hook of which copies and pickles of the model carry a function of the standard library that does nothing.

    A checkpoint loads where this package is not installed, and an averaged copy is not observed.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")


class Tap(Silent):
    """A forward hook that hands a module's output on, with the number of the layer that it belongs to."""

    __slots__ = ("_index", "_receive")

    def __init__(self, index: int, receive: Receiver) -> None:
        self._index = index
        self._receive = receive

    @not_captured
    def __call__(self, module: nn.Module, args: Any, *rest: Any) -> None:
        """Pass the output on, the last of all, unless it is being traced by the compiler."""
        if not torch.compiler.is_compiling():
            self._receive(self._index, rest[-1])


class InputTap(Silent):
    """A forward hook that hands on the first argument that a module was called with."""

    __slots__ = ("_index", "_receive")

    def __init__(self, index: int, receive: Receiver) -> None:
        self._index = index
        self._receive = receive

    @not_captured
    def __call__(self, module: nn.Module, args: tuple[Any, ...], *rest: Any) -> None:
        """Pass the argument on, unless it is being traced by the compiler."""
        if not torch.compiler.is_compiling():
            named = rest[0].values() if len(rest) > 1 else ()
            self._receive(self._index, args[0] if args else next(iter(named), None))


class EntryTap(Silent):
    """A forward pre-hook on the whole model that hands its arguments on before a pass."""

    __slots__ = ("_receive",)

    def __init__(self, receive: Callable[[tuple[Any, ...], dict[str, Any]], None]) -> None:
        self._receive = receive

    @not_captured
    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        """Pass the arguments on, unless the pass is being traced by the compiler."""
        if not torch.compiler.is_compiling():
            self._receive(args, kwargs or {})


def is_ordinary_forward() -> bool:
    """Return whether this is a pass of the training itself: no recomputation for a checkpoint, no tracing, no transform
    of torch.func.
    """
    return (
        torch._C._current_graph_task_id() == -1
        and torch._C._get_tracing_state() is None
        and torch._C._functorch.maybe_current_level() is None
    )


def is_real(value: Tensor) -> bool:
    """Return whether there are numbers in a tensor."""
    return not (value.is_meta or isinstance(value, FakeTensor))


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Let torch's modes that are the user's (a default device, a count of operations) not see what we do."""
    with torch._C.DisableTorchFunction(), uncounted():
        yield


def uncounted() -> contextlib.AbstractContextManager[Any]:
    """Let modes that look at every operation not see ours."""
    return _disable_current_modes() if torch._C._len_torch_dispatch_stack() else contextlib.nullcontext()
