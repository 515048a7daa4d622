"""Keeps the compiler from taking our own Python code for the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch._C._dynamo import eval_frame

Function = TypeVar("Function", bound=Callable[..., Any])


def not_captured(function: Function) -> Function:
    """Let a function, and all that it calls, run as plain Python where it is called between two compiled graphs.

    Where it is called within one, it is traced as any other. Unlike `torch.compiler.disable` this loads no compiler.
    """
    code: Any = function.__code__
    if hasattr(eval_frame, "set_code_exec_strategy"):
        skip = eval_frame._FrameAction.SKIP
        eval_frame.set_code_exec_strategy(code, eval_frame._FrameExecStrategy(skip, skip))
    else:
        eval_frame.skip_code(code)  # type: ignore[attr-defined]  # older torch
    return function


def outside_graphs(function: Function) -> Function:
    """As `not_captured`, and where the function is called within what is traced, the graph ends before it."""
    marked: Any = not_captured(function)
    marked._torchdynamo_disable = True
    marked._torchdynamo_disable_msg = None
    marked._torchdynamo_disable_recursive = True
    return function
