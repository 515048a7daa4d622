"""Class numbers, whatever form a training's targets have."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

UNKNOWN = -1
MOST = 2**31 - 1
"""Of a class number: what int32 holds."""


def class_numbers(targets: Any) -> Tensor | None:
    """Return the class `(N,)` int32 of each input, on the targets' device, or None where they are no classes.

    Targets are class numbers `(N,)`, negative ones unknown, zeros and ones as floats (two classes), or one-hot rows or
    probabilities `(N, C)`; others are unknown. Nothing waits for the device.
    """
    if isinstance(targets, np.ndarray) and targets.dtype.kind in "biuf":
        targets = torch.from_numpy(np.ascontiguousarray(targets))
    if not isinstance(targets, Tensor) or targets.is_complex():
        return None
    targets = targets.detach()
    if targets.dim() == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.dim() == 1 and targets.is_floating_point():
        return torch.where((targets == 0) | (targets == 1), targets, UNKNOWN).int()
    if targets.dim() == 1 and not targets.is_floating_point():
        numbers: Tensor = targets.clamp(UNKNOWN, MOST) if targets.dtype == torch.int64 else targets
        return numbers.int().clamp_min(UNKNOWN)
    if targets.dim() != 2 or targets.shape[1] < 2:
        return None
    shares = targets.float()
    sound = ((shares.sum(1) - 1).abs() < 1e-2) & (shares.amin(1) >= 0)
    return torch.where(sound, shares.argmax(1), UNKNOWN).int()
