"""Sums and maxima over all ranks, in a process group of our own that no collective of the training shares."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch.distributed.distributed_c10d import AllreduceOptions, PrefixStore, ProcessGroupGloo, ReduceOp

from deepeyes_tui.probe.ranks.place import Place
from deepeyes_tui.probe.ranks.wire import Wire

TIMEOUT = timedelta(seconds=60)
"""Of a collective that all ranks have said they are ready for: one of them may be stopped for a while."""
Vector = NDArray[np.float32]


class Group:
    """Tensors of the CPU over gloo, whatever the training uses. Making it takes all ranks, within `TIMEOUT`."""

    def __init__(self, wire: Wire, place: Place) -> None:
        self._gloo = ProcessGroupGloo(PrefixStore("group", wire.store), place.rank, place.size, TIMEOUT)

    def merge(self, vector: Vector, *, maxima: bool) -> Vector:
        """Return the maxima, or the sums, over the vectors `(n,)` of all ranks. Raises RuntimeError."""
        tensor = torch.tensor(vector)
        options = AllreduceOptions()
        options.reduceOp = ReduceOp(ReduceOp.MAX if maxima else ReduceOp.SUM)
        self._gloo.allreduce([tensor], options).wait()  # type: ignore[attr-defined]
        return np.asarray(tensor.numpy())
