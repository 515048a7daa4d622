"""A batch of the training's own inputs, to ask the network with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

FEW, FEWER = 4, 2
"""Rows that are enough to ask a network which channels belong together; fewer where they are large."""
LARGE = 1 << 16
"""Bytes of a row."""


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
        first = next((leaf for leaf in tree_leaves((self.args, dict(self.kwargs))) if isinstance(leaf, Tensor)), None)
        rows = len(first) if first is not None and first.dim() else 1
        return FEWER if self.size > LARGE * max(rows, 1) else FEW
