"""What new slices of a tensor hold."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from deepeyes_tui.surgery.plan import Fill, Insertion


def new_slices(tensor: Tensor, insertion: Insertion, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
    """Return the slices that `insertion` puts into `tensor`, and what becomes of those that they are modelled on.

    The first has `len(insertion.indices)` slices along the axis. The second is None but for `Fill.SHARED`: then it has
    one for each of `sorted(set(insertion.sources))`. Both are of the tensor's dtype and device; `tensor` stays as it
    is. `generator` is one of the CPU's, so that every rank draws the same. Whole numbers are copied where random ones
    are asked for.
    """
    tensor = tensor.detach()
    if insertion.fill is Fill.SHARED:
        return _shared(tensor, insertion)
    if insertion.fill is Fill.COPY or (insertion.fill is Fill.RANDOM and not tensor.is_floating_point()):
        return _slices(tensor, insertion.axis, insertion.sources), None
    shape = list(tensor.shape)
    shape[insertion.axis] = len(insertion.indices)
    if insertion.fill is Fill.RANDOM:
        return _alike(tensor, shape, generator), None
    return tensor.new_full(shape, 1 if insertion.fill is Fill.ONE else 0), None


def _slices(tensor: Tensor, axis: int, indices: tuple[int, ...] | list[int]) -> Tensor:
    return tensor.index_select(axis, torch.tensor(indices, dtype=torch.long, device=tensor.device))


def _alike(tensor: Tensor, shape: list[int], generator: torch.Generator) -> Tensor:
    """Return normal draws with the mean and the spread of `tensor`, drawn in single precision at least."""
    wide = torch.promote_types(tensor.dtype, torch.float32)
    mean, spread = tensor.to(wide).mean(), tensor.to(wide).std(correction=0)
    drawn = torch.randn(shape, generator=generator, dtype=wide).to(tensor.device)
    return (drawn * spread + mean).to(tensor.dtype)


def _shared(tensor: Tensor, insertion: Insertion) -> tuple[Tensor, Tensor]:
    """Return copies and sources, divided by how many there are of each: their sum is what each source was.

    Chen, Goodfellow & Shlens 2016, "Net2Net", section 2.2: the wider layer is read with weights divided by the
    replication factor.
    """
    copies = Counter(insertion.sources)
    sources = sorted(copies)
    along = [1] * tensor.dim()
    along[insertion.axis] = len(sources)
    shares = torch.tensor([copies[one] + 1 for one in sources], dtype=tensor.dtype, device=tensor.device)
    changed = _slices(tensor, insertion.axis, sources) / shares.view(along)
    return _slices(changed, insertion.axis, [sources.index(one) for one in insertion.sources]), changed
