"""Hooks that do nothing but where they are traced: there they leave an operator in the graph."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from deepeyes_tui.probe.compiled.frames import not_captured
from deepeyes_tui.probe.compiled.operators import address, forget
from deepeyes_tui.probe.compiled.tracing import in_graph
from deepeyes_tui.probe.taps import Silent, attach, retire

OTHER = "?"
"""Stands for an argument that is no tensor."""


class GraphTap(Silent):
    """A forward hook whose operator gets a module's output and its first argument, detached.

    Outputs that are no tensors are left alone.
    """

    __slots__ = ("_token",)

    def __init__(self, token: Tensor) -> None:
        self._token = token

    @not_captured
    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any = None) -> None:
        """Put the operator into the graph that is being traced."""
        if torch.compiler.is_compiling() and isinstance(output, Tensor) and in_graph():
            first = args[0] if args else next(iter(kwargs.values()), None)
            entering = first.detach() if isinstance(first, Tensor) else None
            torch.ops.deepeyes_tui.passed(output.detach(), entering, self._token)


class GraphExit(Silent):
    """As `GraphTap`, on the whole model: its output `(N, C)`, and no argument."""

    __slots__ = ("_token",)

    def __init__(self, token: Tensor) -> None:
        self._token = token

    @not_captured
    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any = None) -> None:
        """Put the operator into the graph that is being traced."""
        if torch.compiler.is_compiling() and isinstance(output, Tensor) and output.dim() == 2 and in_graph():
            torch.ops.deepeyes_tui.passed(output.detach(), None, self._token)


class GraphEntry(Silent):
    """A forward pre-hook on the whole model, whose operator gets the tensors among its arguments."""

    __slots__ = ("_token",)

    def __init__(self, token: Tensor) -> None:
        self._token = token

    @not_captured
    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        """Put the operator into the graph that is being traced."""
        if not (torch.compiler.is_compiling() and in_graph()):
            return
        named = [("", value) for value in args] + list((kwargs or {}).items())
        values = [value.detach() for _, value in named if isinstance(value, Tensor)]
        names = [name for name, value in named if isinstance(value, Tensor)]
        if len(values) < len([value for _, value in named if value is not None]):
            names.append(OTHER)
        if values:
            torch.ops.deepeyes_tui.entered(values, ",".join(names), self._token)


def arguments(values: list[Tensor], names: str) -> tuple[tuple[Tensor, ...], dict[str, Tensor], bool]:
    """Return positional and named arguments of a pass, and whether these are all there were."""
    listed = names.split(",")
    pairs = list(zip(listed, values, strict=False))
    args = tuple(value for name, value in pairs if not name)
    return args, {name: value for name, value in pairs if name}, OTHER not in listed


Passed = Callable[[nn.Module, Tensor, Tensor | None], None]
Entered = Callable[[list[Tensor], str], None]


class GraphTaps:
    """The taps of one model in the graphs that it is or will be compiled to.

    They stand from the start and are never moved: a hook that comes or goes would have the model compiled anew.
    """

    def __init__(self, root: nn.Module, modules: Iterable[nn.Module], enter: Entered, passed: Passed) -> None:
        self.seen: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._passed = passed
        self._tokens: list[Tensor] = []
        self._handles = [attach(module, GraphTap(self._token(module))) for module in dict.fromkeys(modules)]
        self._handles += [
            attach(root, GraphEntry(self._address(enter)), before=True),
            attach(root, GraphExit(self._token(root))),
        ]

    def close(self) -> None:
        """Let all operators do nothing. Where there are graphs, the hooks stay, for these to stay valid."""
        for token in self._tokens:
            forget(token)
        if not self.seen:
            retire(self._handles, traced=False)

    def _address(self, receive: Callable[..., None]) -> Tensor:
        self._tokens.append(address(receive))
        return self._tokens[-1]

    def _token(self, module: nn.Module) -> Tensor:
        own = weakref.ref(module)

        def receive(output: Tensor, entering: Tensor | None) -> None:
            if (module := own()) is not None:
                self.seen.add(module)
                self._passed(module, output, entering)

        return self._address(receive)
