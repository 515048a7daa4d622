"""Forward hooks that may change what a module is given or gives, which cannot be followed."""

from __future__ import annotations

import dis
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, unwrap
from types import CodeType, FunctionType, MethodType
from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module

_KNOWN = ("torch", "deepeyes_tui")
_SILENT_METHODS = {"append", "extend", "update", "__setitem__"}
"""What containers are filled with, which returns None: hooks are often a lambda that does just that."""


def changing_hook(module: nn.Module) -> bool:
    """Tell whether a module has a forward hook, or one before forward, that may return something.

    Hooks of torch and of this package are known. Others are read, never run.
    """
    return any(map(_may_change, (*module._forward_hooks.values(), *module._forward_pre_hooks.values())))


def changing_global_hook() -> bool:
    """As `changing_hook`, for the hooks of all modules."""
    found: list[Any] = [torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks]
    return any(_may_change(hook) for hooks in found for hook in hooks.values())


def _may_change(hook: Any) -> bool:
    while isinstance(hook, partial | MethodType):
        hook = hook.func if isinstance(hook, partial) else hook.__func__
    if not isinstance(hook, FunctionType):
        if isinstance(hook, nn.Module) or _is_known(type(hook).__module__):
            return isinstance(hook, nn.Module)
        called = next((vars(kind)["__call__"] for kind in type(hook).__mro__ if "__call__" in vars(kind)), None)
        return not isinstance(called, FunctionType) or _may_change(called)
    if _is_known(hook.__globals__.get("__name__")):
        inner = unwrap(hook)  # a decorator of torch, such as `no_grad`, returns what is inside
        return inner is not hook and _may_change(inner)
    return not _returns_nothing(hook.__code__)


def _is_known(module: Any) -> bool:
    return str(module).split(".")[0] in _KNOWN


def _returns_nothing(code: CodeType) -> bool:
    if code.co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR):
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("NOP", "CACHE")]
    return all(_is_nothing(steps[: n + 1]) for n, step in enumerate(steps) if step.opname.startswith("RETURN_"))


def _is_nothing(steps: list[dis.Instruction]) -> bool:
    """Tell whether the last step returns None, come what may."""
    last = steps[-1]
    if last.opname == "RETURN_CONST":
        return last.argval is None
    if last.opname == "RETURN_GENERATOR" or last.is_jump_target or len(steps) < 2:
        return False
    before = steps[-2]
    return (before.opname == "LOAD_CONST" and before.argval is None) or _fills_a_container(steps[:-1])


def _fills_a_container(steps: list[dis.Instruction]) -> bool:
    """Tell whether the last step is a call, in straight code, of a method that returns None."""
    if steps[-1].opname != "CALL" or any(step.is_jump_target for step in steps):
        return False
    height = 0
    for step in reversed(steps):
        if height == 1 and step.opname in ("LOAD_METHOD", "LOAD_ATTR"):
            return step.argval in _SILENT_METHODS
        height -= dis.stack_effect(step.opcode, step.arg if step.opcode >= dis.HAVE_ARGUMENT else None)
    return False
