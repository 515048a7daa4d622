"""How much of the input the layers see: pictures, signals, sequences of vectors, and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from deepeyes_tui.probe.asking import repeated
from deepeyes_tui.probe.inputs import has_places, is_channels_last
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.points import OutputPoint
from deepeyes_tui.probe.receptive_fields import ReceptiveField, find_receptive_fields


@dataclass(frozen=True, slots=True)
class Fields:
    """Receptive fields by the paths of modules, in inputs of `size`."""

    by_path: Mapping[str, ReceptiveField] = field(default_factory=dict)
    size: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Looker:
    """Runs a copy of the model on inputs whose tensor number `place` is exchanged for another.

    Sequences of vectors `(N, T, C)` and tokens `(N, T)` are exchanged as `(N, C, T)`: NaN at a token is put into what
    its embedding gives. Samples lie along `axis`, 1 where time comes first.
    """

    model: nn.Module
    modules: Mapping[str, nn.Module]
    layers: Sequence[Layer]
    inputs: Any
    place: int
    kind: str
    axis: int = 0

    @property
    def sample(self) -> Tensor:
        """The first sample, `(C, *size)`."""
        first: Tensor = tree_flatten(self.inputs)[0][self.place].select(self.axis, 0)
        if self.kind == "tokens":
            return torch.zeros(1, len(first))
        return first.float().T if self.kind == "vectors" else first.float()

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return by path where NaN arrived in the output of each layer, `(N, *grid)`."""
        leaves, spec = tree_flatten(repeated(self.inputs, self.axis, len(inputs)))
        tokens = leaves[self.place]
        if self.kind != "tokens":
            leaves[self.place] = self._laid_out(inputs) if self.kind == "vectors" else inputs
        reached: dict[str, Tensor] = {}
        handles = [h for layer in self.layers for h in self._hooks(layer, tokens, inputs, reached)]
        try:
            args, kwargs = tree_unflatten(leaves, spec)
            self.model(*args, **kwargs)
        finally:
            for handle in handles:
                handle.remove()
        return reached

    def _laid_out(self, inputs: Tensor) -> Tensor:
        """Return `(N, C, T)` as `(N, T, C)` or `(T, N, C)`."""
        return inputs.permute(0, 2, 1) if self.axis == 0 else inputs.permute(2, 0, 1)

    def _hooks(self, layer: Layer, tokens: Tensor, inputs: Tensor, reached: dict[str, Tensor]) -> list[Any]:
        def mark(module: nn.Module, args: Any, output: Any) -> Any:
            same = args and isinstance(args[0], Tensor) and args[0].shape == tokens.shape
            return output + self._laid_out(inputs) if same and torch.equal(args[0], tokens) else None

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            values = layer.leaving(output)
            if isinstance(values, Tensor):
                reached.setdefault(layer.path, layer.by_position(values).isnan().any(-1))

        module = self.modules[layer.path]
        hooks = [mark] if self.kind == "tokens" and isinstance(module, nn.Embedding) else []
        return [module.register_forward_hook(hook) for hook in (*hooks, keep)]


def find_fields(
    model: nn.Module,
    modules: Mapping[str, nn.Module],
    layers: Sequence[Layer],
    inputs: Any,
    points: Mapping[str, OutputPoint],
    axis: int = 0,
) -> tuple[Fields, str]:
    """Return the receptive fields of the layers in the first of the `inputs` that has places, and a sentence if they
    cannot be found. Raises what the model raises.
    """
    own = [layer for layer in layers if not layer.derived and layer.path in modules]
    for place, leaf in enumerate(tree_flatten(inputs)[0]):
        kind = _kind(leaf, own, points, axis)
        if kind == "channels last":
            return Fields(), "receptive fields unknown: the inputs look like (batch, height, width, channels)"
        if kind:
            looker = Looker(model, modules, own, inputs, place, kind, axis)
            sample = looker.sample
            return Fields(find_receptive_fields(looker.forward, sample), tuple(sample.shape[1:])), ""
    return Fields(), ""


def _kind(leaf: Any, layers: Sequence[Layer], points: Mapping[str, OutputPoint], axis: int) -> str:
    if not isinstance(leaf, Tensor):
        return ""
    if has_places(leaf):
        vectors = leaf.dim() == 3 and (axis == 1 or _is_of_vectors(leaf, layers, points))
        return "channels last" if is_channels_last(leaf) else "vectors" if vectors else "places"
    whole = leaf.dtype in (torch.int64, torch.int32) and leaf.dim() == 2 and leaf.shape[1] > 1
    return "tokens" if whole and any(isinstance(layer.module, nn.Embedding) for layer in layers) else ""


def _is_of_vectors(leaf: Tensor, layers: Sequence[Layer], points: Mapping[str, OutputPoint]) -> bool:
    """Return whether axis 1 of `(N, A, B)` are positions: a layer keeps it, and no convolution reads it as channels."""
    kept = any(not layer.is_convolution and _grid(points, layer) == (leaf.shape[1],) for layer in layers)
    read = any(layer.spatial == 1 and getattr(layer.module, "in_channels", 0) == leaf.shape[1] for layer in layers)
    return kept and not read


def _grid(points: Mapping[str, OutputPoint], layer: Layer) -> tuple[int, ...]:
    return points[layer.name].grid if layer.name in points else ()
