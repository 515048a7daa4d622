"""What one observed step says of one layer, reduced on the device to one small vector.

Vectors of the same layer merge by sums and maxima, over calls within a step as over the ranks of a distributed run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepeyes_tui.link.snapshot import PERPLEXITY_BINS

UNDETECTED_BELOW = 1e-6
ACTIVE_ABOVE = 0.5
NONE = torch.zeros((), dtype=torch.long)
COUNTS = 3 + PERPLEXITY_BINS + 1
"""Instances, NaN, infinite, a bin each, undetected: the leading entries of a vector."""


def reduce_activations(activations: Tensor, peak: Tensor) -> Tensor:
    """Reduce `activations (S, F)`, rectified, to a vector `(COUNTS + 2 F,)`; nothing waits for the device.

    `peak ()` is the largest activation of the layer so far; it is raised in place. Perplexity of an instance is
    `exp(-sum p ln p)` with `p = a / sum(a)` (DeepEyes, section 4.2), binned over `[1, F]`; a filter is active where
    `a > 0.5 peak` (section 4.3). NaN and infinity are counted and taken as zero.
    """
    filters = activations.shape[1]
    a, nan, infinite, broken = _without_nonfinite(activations)
    top = a.amax(0)  # (F,)
    torch.maximum(peak, top.amax(), out=peak)
    a = a / peak.clamp_min(torch.finfo(a.dtype).tiny)
    total = a.sum(1)  # (S,)
    detected = total > UNDETECTED_BELOW
    safe = torch.where(detected, total, 1.0)
    perplexity = torch.exp(torch.log(safe) - _x_log_x(a).sum(1) / safe)
    place = ((perplexity - 1) * (PERPLEXITY_BINS / max(filters - 1, 1))).long().clamp_(0, PERPLEXITY_BINS - 1)
    place = torch.where(detected, place, PERPLEXITY_BINS)
    if broken is not None:  # what is not finite is no sign that nothing was detected
        place = torch.where(broken & ~detected, -1, place)
    bins = torch.arange(PERPLEXITY_BINS + 1, device=a.device)
    counts = torch.tensor([len(a), 0, 0]) if broken is None else torch.stack([(place >= 0).sum(), nan, infinite])
    active = (a > ACTIVE_ABOVE).sum(0)
    return torch.cat([counts.float(), (place.unsqueeze(1) == bins).sum(0), top, active]).float()


def _x_log_x(a: Tensor) -> Tensor:
    """Return `a ln a`, 0 where `a` is 0; on a CPU three times as fast as `torch.special.entr`, which is slow at 0."""
    return a.clamp_min(torch.finfo(a.dtype).tiny).log_().mul_(a)


def _without_nonfinite(a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return the activations with zeros for what is not finite, how many were NaN and infinite, and the instances
    `(S,)` that had any; None where it is known that none had.
    """
    if a.device.type == "cpu" and math.isfinite(a.sum()):  # elsewhere, looking would be waiting
        return a, NONE, NONE, None
    finite = torch.isfinite(a)
    nan = torch.isnan(a).sum()
    return torch.where(finite, a, 0.0), nan, (~finite).sum() - nan, ~finite.all(1)


def merge_vectors(one: Tensor, other: Tensor) -> Tensor:
    """Return the vector of both observations together: counts add, maxima win."""
    filters = (len(one) - COUNTS) // 2
    merged = one + other
    top = slice(COUNTS, COUNTS + filters)
    merged[top] = torch.maximum(one[top], other[top])
    return merged


@dataclass(frozen=True, slots=True)
class Observation:
    """One observed step over all `L` layers with `F` filters in all; layers that did not run have no instances."""

    step: int
    instances: NDArray[np.float32]  # (L,)
    nan: NDArray[np.float32]  # (L,)
    infinite: NDArray[np.float32]  # (L,)
    bins: NDArray[np.float32]  # (L, PERPLEXITY_BINS + 1), undetected last
    maximum: NDArray[np.float32]  # (F,)
    active: NDArray[np.float32]  # (F,)


def unpack(step: int, vectors: dict[int, NDArray[np.float32]], sizes: list[int]) -> Observation:
    """Lay the vectors of the layers that ran, by layer number, one behind the other."""
    layers, ends = len(sizes), np.cumsum([0, *sizes])
    counts = np.zeros((layers, COUNTS), np.float32)
    maximum, active = np.zeros(ends[-1], np.float32), np.zeros(ends[-1], np.float32)
    for number, vector in vectors.items():
        own = slice(ends[number], ends[number + 1])
        counts[number] = vector[:COUNTS]
        maximum[own], active[own] = vector[COUNTS : COUNTS + sizes[number]], vector[COUNTS + sizes[number] :]
    return Observation(step, counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3:], maximum, active)
