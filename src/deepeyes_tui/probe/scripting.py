"""TorchScript compiles a model's hooks with it: ours step aside while it looks at one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.jit import _recursive

from deepeyes_tui.probe.taps import Silent


def step_aside_for_scripting() -> None:
    """Have our hooks taken off for as long as `torch.jit.script` works on a model. Once for the whole process."""
    create = _recursive.create_script_module
    if not hasattr(create, "_deepeyes"):
        _recursive.create_script_module = _without_ours(create)


def _without_ours(create: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create)
    def create_script_module(nn_module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with _off(nn_module):
            return create(nn_module, *args, **kwargs)

    create_script_module._deepeyes = True  # type: ignore[attr-defined]
    return create_script_module


@contextlib.contextmanager
def _off(model: nn.Module) -> Iterator[None]:
    """Take our hooks off all parts of a model, and put them back in their places among the user's."""
    owners = (hooks for module in model.modules() for hooks in (module._forward_hooks, module._forward_pre_hooks))
    before = [(hooks, dict(hooks)) for hooks in owners if any(_is_ours(hook) for hook in hooks.values())]
    for hooks, there in before:
        for slot, hook in there.items():
            if _is_ours(hook):
                del hooks[slot]
    try:
        yield
    finally:
        for hooks, there in before:
            now = dict(hooks)
            hooks.clear()
            hooks.update({slot: hook for slot, hook in there.items() if slot in now or _is_ours(hook)} | now)


def _is_ours(hook: Any) -> bool:
    """Return whether this is a hook of ours, or what stands for one in a copy of the model."""
    return isinstance(hook, Silent) or getattr(hook, "__func__", None) is contextlib.nullcontext.__exit__
