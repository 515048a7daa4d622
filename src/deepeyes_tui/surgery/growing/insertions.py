"""Growing is pruning turned round: where new slices stand, and what they hold, by the cuts of a filter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from deepeyes_tui.surgery.plan import Attribute, Cut, Fill, Insertion, Role


class How(StrEnum):
    """What new filters are made of. The value is what the user says."""

    RANDOM = "random"
    """Random incoming weights; nothing reads them yet, and the network answers as before."""
    SPLIT = "split"
    """Copies of a filter that share its outgoing weights (Net2Net: wider): the network answers as before."""
    RANDOM_OUTGOING = "random outgoing"
    """Random on both sides, as in ReVACNN: the network answers otherwise until it has learned."""


_NORMALISATIONS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
_NORMAL = {"weight": Fill.ONE, "bias": Fill.ZERO, "running_mean": Fill.ZERO, "running_var": Fill.ONE}


def insertion(cut: Cut, ways: int, fill: Fill) -> Insertion:
    """Return the insertion of `ways` copies of every run of slices of `cut` behind the run."""
    indices: list[int] = []
    sources: list[int] = []
    for start, stop in _runs(cut.indices):
        first = stop + len(indices)
        new = list(range(start, stop)) * ways
        indices += range(first, first + len(new))
        sources += new
    return Insertion(cut.tensor, cut.axis, cut.size, tuple(indices), tuple(sources), fill, cut.role)


def _runs(indices: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Start and end of the stretches without a gap."""
    start = indices[0]
    for here, following in zip(indices, (*indices[1:], None), strict=True):
        if following != here + 1:
            yield start, here + 1
            start = following if following is not None else here


def grown(attribute: Attribute, ways: int) -> Attribute:
    """Return what an attribute says once `ways` units have come, by what it would say without one."""

    def turned(before: int, after: int) -> int:
        return before + (before - after) * ways

    before, after = attribute.before, attribute.after
    if isinstance(before, tuple | list):
        sizes = tuple(turned(*pair) for pair in zip(before, after, strict=True))
        return Attribute(attribute.module, attribute.name, before, sizes)
    return Attribute(attribute.module, attribute.name, before, turned(before, after))


def doubtful(model: nn.Module, cuts: tuple[Cut, ...]) -> list[str]:
    """Return the tensors that are said to write the filters, but may read them as well: shared ones, and those of
    modules of no known kind.
    """
    owners = Counter(id(tensor) for _, tensor in model.named_parameters(remove_duplicate=False))
    found = []
    for name in dict.fromkeys(cut.tensor for cut in cuts if cut.role is Role.WRITES):
        parent, _, leaf = name.rpartition(".")
        module = model.get_submodule(parent)
        if owners[id(getattr(module, leaf))] > 1 or not type(module).__module__.startswith("torch.nn."):
            found.append(name)
    return found


class Filling:
    """What new slices of a model's tensors hold; those of the tensors called `zero` start at zero."""

    def __init__(self, model: nn.Module, how: How, cuts: tuple[Cut, ...], zero: frozenset[str] = frozenset()) -> None:
        self._model = model
        self._how = how
        self._zero = zero
        self._buffers = {name for name, _ in model.named_buffers()}
        self._cut = {(cut.tensor, cut.axis) for cut in cuts}

    def of(self, cut: Cut) -> Fill:
        """Return what the new slices for `cut` hold."""
        if cut.tensor.endswith("_mask"):
            return Fill.COPY if self._how is How.SPLIT else Fill.ONE
        if cut.role is Role.READS:
            return self._reads(cut)
        if self._how is How.SPLIT:
            return Fill.COPY
        if cut.tensor in self._zero:
            return Fill.ZERO
        return self._passes(cut) if cut.role is Role.PASSES else self._writes(cut)

    def _reads(self, cut: Cut) -> Fill:
        """Directions of weights that are normed slice by slice cannot be zero: their magnitudes are."""
        if _magnitude(cut.tensor) in {tensor for tensor, axis in self._cut if axis == cut.axis}:
            return Fill.COPY if self._how is How.SPLIT else Fill.RANDOM
        return Fill.SHARED if self._how is How.SPLIT else Fill.ZERO

    def _passes(self, cut: Cut) -> Fill:
        parent, _, name = cut.tensor.rpartition(".")
        module = self._model.get_submodule(parent)
        if isinstance(module, _NORMALISATIONS):
            return _NORMAL.get(name, Fill.COPY)
        return Fill.COPY if isinstance(module, nn.PReLU) else self._writes(cut)

    def _writes(self, cut: Cut) -> Fill:
        return Fill.COPY if cut.tensor in self._buffers else Fill.RANDOM


def _magnitude(tensor: str) -> str:
    """Return the path of the magnitudes that go with the directions `tensor`, if they are directions."""
    if tensor.endswith("_v"):
        return f"{tensor[:-2]}_g"
    return tensor.removesuffix("original1") + "original0" if tensor.endswith(".original1") else ""
