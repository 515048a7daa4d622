"""Which modules of a model are layers, and how their output is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import cast

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

CONVOLUTIONS: tuple[type[nn.Module], ...] = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
WRAPPERS = ("module", "_orig_mod")
"""Attributes under which DataParallel, DistributedDataParallel and torch.compile keep the user's model."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A module whose output channels (convolution) or units (linear) are the filters. `spatial` counts its axes."""

    name: str
    module: nn.Module
    kind: str
    filters: int
    spatial: int
    kernel: tuple[int, ...]

    @property
    def is_convolution(self) -> bool:
        """Whether channels lie on axis 1; otherwise they lie on the last."""
        return self.spatial > 0

    @property
    def parameters(self) -> int:
        """Weights and biases of the layer itself."""
        return sum(p.numel() for p in self.module.parameters(recurse=False))

    def by_position(self, output: Tensor) -> Tensor:
        """Return the output as `(N, *grid, F)`, a view."""
        if not self.is_convolution:
            return output if output.dim() > 1 else output.unsqueeze(0)
        batched = output if output.dim() == self.spatial + 2 else output.unsqueeze(0)
        return batched.movedim(1, -1)


def unwrap(model: nn.Module) -> nn.Module:
    """Return the user's own model behind the wrappers of torch."""
    for name in WRAPPERS:
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module) and type(model).__module__.startswith("torch."):
            return unwrap(inner)
    return model


def find_layers(model: nn.Module, patterns: Sequence[str] | None = None) -> list[Layer]:
    """Return the layers of a model in the order of its modules; `patterns` are globs over module paths."""
    attention = [name + "." for name, module in model.named_modules() if isinstance(module, nn.MultiheadAttention)]
    found = []
    for name, module in model.named_modules():
        layer = _as_layer(name or type(module).__name__, module)
        if layer is None or any(name.startswith(prefix) for prefix in attention):
            continue
        if patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns):
            found.append(layer)
    return found


def _as_layer(name: str, module: nn.Module) -> Layer | None:
    if isinstance(module, CONVOLUTIONS):
        convolution = cast(_ConvNd, module)
        kernel = tuple(convolution.kernel_size)
        return Layer(name, module, type(module).__name__, convolution.out_channels, len(kernel), kernel)
    if isinstance(module, nn.Linear):
        return Layer(name, module, type(module).__name__, int(module.out_features), 0, ())
    return None
