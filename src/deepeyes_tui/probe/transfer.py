"""Results on their way from the device to the host, without making the user's stream wait."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_streams: dict[torch.device, torch.cuda.Stream] = {}


class Transfer:
    """A copy of a tensor `(n,)`, made on a side stream where it lies on a CUDA device."""

    def __init__(self, source: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        if not source.is_cuda:
            self._host = source.cpu()
            return
        side = _streams.setdefault(source.device, torch.cuda.Stream(source.device))
        side.wait_stream(torch.cuda.current_stream(source.device))
        self._host = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
        with torch.cuda.stream(side):
            self._host.copy_(source, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record(side)
        source.record_stream(side)

    def arrived(self) -> bool:
        """Return whether the values are there; never waits."""
        return self._event is None or self._event.query()

    def values(self) -> NDArray[Any]:
        """Return the values; waits for them if they have not arrived."""
        if self._event is not None:
            self._event.synchronize()
        return np.asarray(self._host.numpy())
