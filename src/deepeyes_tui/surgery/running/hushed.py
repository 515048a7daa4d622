"""A network is asked without anybody noticing: modes, hooks, buffers, notes in modules and random state stay."""

from __future__ import annotations

import random
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from deepeyes_tui.surgery.running.interrupts import uninterrupted
from deepeyes_tui.surgery.running.muted import muted
from deepeyes_tui.surgery.running.random_state import untouched

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_SEED = 20
_thread = threading.local()


@contextmanager
def hushed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no hooks but those that make weights, no prints, no compiler, no fused attention: then all as
    before.
    """
    with uninterrupted(), ExitStack() as stack:
        stack.enter_context(_noted())
        for context in (_attributes, _buffers):
            stack.enter_context(context(model))
        for restoring in (no_global_hooks, untouched, muted, _fastpath_off):
            stack.enter_context(restoring())
        stack.enter_context(uncompiled())
        for module in model.modules():
            _hush(module)
        yield


def is_hushed() -> bool:
    """Return whether this thread asks a network just now: what it computes is no part of the training."""
    return getattr(_thread, "depth", 0) > 0


@contextmanager
def _noted() -> Iterator[None]:
    _thread.depth = getattr(_thread, "depth", 0) + 1
    try:
        yield
    finally:
        _thread.depth -= 1


@contextmanager
def _attributes(model: nn.Module) -> Iterator[None]:
    """Modes, hooks, and what a forward pass notes in its module."""
    before = [(module.__dict__, dict(module.__dict__)) for module in model.modules()]
    try:
        yield
    finally:
        for now, then in before:
            for name in now.keys() - then.keys():
                del now[name]
            now.update((name, value) for name, value in then.items() if now.get(name, now) is not value)


def _hush(module: nn.Module) -> None:
    state = module.__dict__
    state["training"] = False
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        state["max_norm"] = None  # a pass would write to the weights
    for name in _HOOKS:
        state[name] = OrderedDict((key, hook) for key, hook in state[name].items() if _makes_weights(hook))


def _makes_weights(hook: Any) -> bool:
    """Weight norm, spectral norm and masks of torch itself compute a layer's weight in a hook before its pass."""
    return type(hook).__module__.startswith("torch.nn.utils.")


@contextmanager
def no_global_hooks() -> Iterator[None]:
    """Let hooks that the user has put on all modules not see ours."""
    names = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    found = [getattr(torch_module, f"_global_{name}") for name in names]
    before = [(hooks, OrderedDict(hooks)) for hooks in found]
    try:
        for hooks, _ in before:
            hooks.clear()
        yield
    finally:
        for hooks, kept in before:
            hooks.update(kept)


@contextmanager
def _buffers(model: nn.Module) -> Iterator[None]:
    """Passes write to copies."""
    before = [(module._buffers, name, buffer) for module in model.modules() for name, buffer in module._buffers.items()]
    copies: dict[int, torch.Tensor] = {}
    try:
        for buffers, name, buffer in before:
            if buffer is not None:
                copies.setdefault(id(buffer), buffer.detach().clone())
                buffers[name] = copies[id(buffer)]
        yield
    finally:
        for buffers, name, buffer in before:
            buffers[name] = buffer


def uncompiled() -> AbstractContextManager[Any]:
    """What is compiled runs as it was written.

    Where the compiler was never loaded nothing has to be done, and loading takes seconds.
    """
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def same_chances() -> None:
    """Make every pass draw the same random numbers. Within `hushed`, which puts the states back."""
    torch.default_generator.manual_seed(_SEED)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(_SEED)
    random.seed(_SEED)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(_SEED)


@contextmanager
def _fastpath_off() -> Iterator[None]:
    """The fused path of torch's transformer layers calls no module."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
