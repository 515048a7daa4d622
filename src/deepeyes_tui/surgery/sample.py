"""A batch of the training's own inputs, to ask the network with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

FEW = 4
"""Rows that are enough to ask a network which channels belong together."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a model is called with: `model(*args, **kwargs)`."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: Any) -> Sample:
        """Return a batch as a sample: a tensor `(N, ...)`, a tuple or list of arguments, a dict of named ones."""
        if isinstance(batch, Sample):
            return batch
        if isinstance(batch, Mapping):
            return cls((), dict(batch))
        return cls(tuple(batch)) if isinstance(batch, tuple | list) else cls((batch,))

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        tensors = (leaf for leaf in tree_leaves((self.args, dict(self.kwargs))) if isinstance(leaf, Tensor))
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def few(self, rows: int = FEW) -> Sample:
        """Return the first rows of every tensor, detached copies on their devices."""

        def first(tensor: Tensor) -> Tensor:
            return (tensor[:rows] if tensor.dim() else tensor).detach().clone()

        return Sample(tree_map_only(Tensor, first, self.args), tree_map_only(Tensor, first, dict(self.kwargs)))
