"""What is seen of a model in the graphs that it was compiled to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, MutableSet, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map

from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.compiled.graph_taps import GraphTaps, arguments
from deepeyes_tui.probe.compiled.tracing import notices
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.observer import Observer
from deepeyes_tui.surgery.sample import Sample

CALLS_ONLY = (nn.MultiheadAttention,)
"""Modules that are read by the whole of their call, which no graph hands over."""


class GraphWatch:
    """Passes on what the operators in a model's graphs hand over, and keeps the arguments of the first pass.

    What a pass tells of the layers is found out between two steps: within a graph nothing can be asked.
    """

    def __init__(
        self, root: nn.Module, layers: Sequence[Layer], border: Border, observer: Callable[[], Observer]
    ) -> None:
        self.sample: Sample | None = None
        self.sample_is_whole = False
        self._root, self._border, self._observer = weakref.ref(root), border, observer
        modules = [layer.module for layer in layers if not isinstance(layer.module, CALLS_ONLY)]
        self._calls = [layer.name for layer in layers if isinstance(layer.module, CALLS_ONLY)]
        notices.clear()
        self._taps = GraphTaps(root, modules, self._enter, self._pass)

    @property
    def seen(self) -> MutableSet[nn.Module]:
        """The modules that ran within a graph."""
        return self._taps.seen

    @property
    def traced(self) -> bool:
        """Whether there may be graphs that its hooks were traced in."""
        return bool(self.seen or notices)

    @property
    def notices(self) -> list[str]:
        """What cannot be seen for being compiled, in sentences."""
        heads = f"heads of {', '.join(self._calls[:3])} cannot be seen while it is compiled"
        return [*notices.values(), *([heads] if self._calls and self.seen else [])]

    def close(self) -> None:
        """Let go of the model."""
        self._taps.close()

    def _enter(self, values: list[Tensor], names: str) -> None:
        root = self._root()
        if root is not None:
            self.seen.add(root)
        args, kwargs, whole = arguments(values, names)
        if self.sample is None:
            self._border.call(self._keep, args, kwargs, whole)
        self._observer().enter_graph(args, kwargs)

    def _keep(self, args: tuple[Any, ...], kwargs: dict[str, Any], whole: bool) -> None:
        self.sample = Sample(*tree_map(Tensor.clone, (args, kwargs)))
        self.sample_is_whole = whole

    def _pass(self, module: nn.Module, output: Tensor, entering: Tensor | None) -> None:
        if module is self._root() and entering is None:
            self._observer().leave_graph(output)
        else:
            self._observer().pass_in_graph(module, output, entering)
