"""A batch of the training's own inputs, to ask the network with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

ENOUGH = ((1 << 13, 32), (1 << 16, 8))
"""Up to how many bytes of a row how many rows are enough to ask a network with: what holds on few may not on more."""
FEWEST = 2
ID = 256
"""Bytes that a whole number counts for: it is a vector soon."""


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

    def few(self, rows: int | None = None) -> Sample:
        """Return the first rows of every tensor, as many as are enough, detached copies on their devices."""
        rows = self._enough() if rows is None else rows

        def first(tensor: Tensor) -> Tensor:
            return (tensor[:rows] if tensor.dim() else tensor).detach().clone()

        return Sample(tree_map_only(Tensor, first, self.args), tree_map_only(Tensor, first, dict(self.kwargs)))

    def _enough(self) -> int:
        tensors = [leaf for leaf in tree_leaves((self.args, dict(self.kwargs))) if isinstance(leaf, Tensor)]
        rows = max([1, *(len(tensor) for tensor in tensors[:1] if tensor.dim())])
        size = sum(one.numel() * (one.element_size() if one.is_floating_point() else ID) for one in tensors)
        return next((many for most, many in ENOUGH if size <= most * rows), FEWEST)
