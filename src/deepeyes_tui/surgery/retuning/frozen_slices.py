"""Slices of parameters as they were when they were frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.modules.conv import _ConvTransposeNd
from torch.utils.hooks import RemovableHandle


@dataclass(slots=True)
class Slices:
    """The frozen slices of a parameter, whose shape was `shape`: `values` are `index.numel()` long along `axis`."""

    parameter: Parameter
    shape: torch.Size
    axis: int
    index: Tensor
    values: Tensor
    handle: RemovableHandle | None = None

    @classmethod
    def of(cls, parameter: Parameter, axis: int, filters: Sequence[int]) -> Slices:
        """Keep the slices as they are now; their gradients are nought from now on."""
        index = torch.tensor(filters, device=parameter.device)
        values = parameter.detach().index_select(axis, index)
        slices = cls(parameter, parameter.shape, axis, index, values)
        slices.still(parameter)
        if parameter.requires_grad:
            slices.handle = parameter.register_post_accumulate_grad_hook(slices.still)
        return slices

    def still(self, parameter: Tensor) -> None:
        """Take the gradient away, so that it neither counts in clipping nor builds up momentum."""
        if parameter.grad is not None and self.fits():
            parameter.grad.index_fill_(self.axis, self.index, 0)

    def fits(self) -> bool:
        """Return whether the parameter is still what the slices were taken from."""
        same = self.values.dtype == self.parameter.dtype and self.values.device == self.parameter.device
        return same and self.shape == self.parameter.shape

    def put_back(self) -> None:
        """Write the slices as they were, on the parameter's device without waiting for it."""
        self.parameter.detach().index_copy_(self.axis, self.index, self.values)


@dataclass(slots=True)
class Held:
    """The frozen filters of a layer, rising."""

    module: nn.Module
    filters: tuple[int, ...] = ()
    slices: list[Slices] = field(default_factory=list)

    def take(self) -> None:
        """Keep the filters as they are now."""
        self.let_go()
        self.slices = [Slices.of(one, axis, self.filters) for one, axis in own_parameters(self.module) if self.filters]

    def let_go(self) -> None:
        """Leave the gradients alone from now on."""
        for one in self.slices:
            if one.handle is not None:
                one.handle.remove()
        self.slices = []


def own_parameters(module: nn.Module) -> list[tuple[Parameter, int]]:
    """Return a layer's parameters, each with the axis along which its filters lie."""
    turned = isinstance(module, _ConvTransposeNd)
    return [(one, 1 if turned and name == "weight" else 0) for name, one in module.named_parameters(recurse=False)]
