"""Class numbers, whatever form a training's targets have, of inputs or of places in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

UNKNOWN = -1
MOST = 2**31 - 1
"""Of a class number: what int32 holds."""


def class_numbers(targets: Any, length: int = 0) -> Tensor | None:
    """Return the class `(N,)` int32 of each input, on the targets' device, or None where they are no classes.

    Targets are class numbers `(N,)`, negative ones unknown, zeros and ones as floats (two classes), or one-hot rows or
    probabilities `(N, C)`; others are unknown. For inputs with `length` places, class numbers `(N, T)` of all of them,
    or of all but the last, are taken as they are. Nothing waits for the device.
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
    by_place = targets.dim() == 2 and length > 1 and targets.shape[1] in (length - 1, length)
    if (targets.dim() == 1 or by_place) and not targets.is_floating_point():
        numbers: Tensor = targets.clamp(UNKNOWN, MOST) if targets.dtype == torch.int64 else targets
        return numbers.int().clamp_min(UNKNOWN)
    if targets.dim() != 2 or targets.shape[1] < 2:
        return None
    shares = targets.float()
    sound = ((shares.sum(1) - 1).abs() < 1e-2) & (shares.amin(1) >= 0)
    return torch.where(sound, shares.argmax(1), UNKNOWN).int()


def labels_at(
    labels: NDArray[np.int32], inputs: NDArray[np.int32], spans: NDArray[np.int32], batch: int
) -> NDArray[np.int32]:
    """Return the label of each instance `(S,)`, from those of `batch` inputs `(N,)` or of their places, `(N, T)` or in
    one row; unknown where they do not fit.

    `spans (S, 5)` (see `link.excerpts.Excerpts`) say at which places instances lie: one that sees all of its input has
    no label of a place. Where the last place of each input has none (the next token), it is unknown.
    """
    if labels.shape == (batch,):
        return labels[inputs]
    if not batch or labels.size % batch or spans.shape[1:] != (5,):
        return np.full(len(inputs), UNKNOWN, np.int32)
    table = labels.reshape(batch, -1)
    _, _, first, last, length = spans.T
    place = (first + last - 1) // 2
    own = (last > first) & (last - first < length) & np.isin(length - table.shape[1], (0, 1)) & (place < table.shape[1])
    return np.where(own, table[inputs, np.minimum(place, table.shape[1] - 1)], UNKNOWN).astype(np.int32)
