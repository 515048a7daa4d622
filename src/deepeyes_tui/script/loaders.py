"""Epochs, and labels where no loss function tells them, read off `torch.utils.data.DataLoader`."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import dataloader as loading

from deepeyes_tui.probe.border import Border
from deepeyes_tui.script.patching import Patches


@dataclass(slots=True)
class Passes:
    """How often a loader was gone through, how far it is this time, and its length, 0 where it is not known."""

    begun: int = 0
    drawn: int = 0
    length: int = 0

    @property
    def epoch(self) -> float:
        """Passes that are done, and the share of the one under way."""
        return self.begun - 1 + (self.drawn / self.length if self.length else 0.0)


class Loaders:
    """Counts passes and batches. `loader` is the one that gave the latest batch, `labels` are that batch's, if any;
    `fresh` says whether a batch was drawn since it was last set to False.
    """

    def __init__(self, border: Border) -> None:
        self._border = border
        self._passes: weakref.WeakKeyDictionary[DataLoader[Any], Passes] = weakref.WeakKeyDictionary()
        self._owner: weakref.WeakKeyDictionary[Any, weakref.ref[DataLoader[Any]]] = weakref.WeakKeyDictionary()
        self._latest: weakref.ref[DataLoader[Any]] | None = None
        self.labels: Tensor | None = None
        self.fresh = False

    @property
    def loader(self) -> DataLoader[Any] | None:
        """The loader of the latest batch."""
        return self._latest() if self._latest is not None else None

    @property
    def epoch(self) -> float | None:
        """Where that loader's passes have come to; None without one."""
        loader = self.loader
        return self._passes[loader].epoch if loader is not None else None

    def install(self, patches: Patches) -> None:
        """Look on where loaders begin a pass, and at each batch."""
        patches.replace(DataLoader, "__iter__", self._around_iter)
        patches.replace(loading._BaseDataLoaderIter, "__next__", self._around_next)

    def _around_iter(self, iterate: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(iterate)
        def __iter__(loader: DataLoader[Any]) -> Iterator[Any]:  # noqa: N807
            iterator = iterate(loader)
            self._border.call(self._begin, loader, iterator)
            return iterator

        return __iter__

    def _around_next(self, draw: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(draw)
        def __next__(iterator: Any) -> Any:  # noqa: N807
            batch = draw(iterator)
            self._border.call(self._drew, iterator, batch)
            return batch

        return __next__

    def _begin(self, loader: DataLoader[Any], iterator: Any) -> None:
        passes = self._passes.setdefault(loader, Passes())
        passes.begun, passes.drawn = passes.begun + 1, 0
        if not passes.length and not isinstance(loader.dataset, IterableDataset):
            passes.length = len(loader)
        self._owner[iterator] = weakref.ref(loader)

    def _drew(self, iterator: Any, batch: Any) -> None:
        self._latest = self._owner.get(iterator)
        loader = self.loader
        if loader is not None:
            self._passes[loader].drawn += 1
        self.labels, self.fresh = labels_in(batch), True


def labels_in(batch: Any) -> Tensor | None:
    """Return the only vector of whole numbers `(N,)` in a batch whose other tensors have `N` rows, else None."""
    parts = list(batch.values()) if isinstance(batch, Mapping) else batch
    if not isinstance(parts, Sequence) or isinstance(parts, str | bytes):
        return None
    tensors = [part for part in parts if isinstance(part, Tensor)]
    vectors = [tensor for tensor in tensors if tensor.dim() == 1 and tensor.dtype == torch.int64]
    if len(vectors) != 1 or not any(len(tensor) == len(vectors[0]) for tensor in tensors if tensor.dim() > 1):
        return None
    return vectors[0]
