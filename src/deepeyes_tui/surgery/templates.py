"""Which filters new ones are modelled on: one where that is possible, else as many as have to come at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.conv import _ConvNd

from deepeyes_tui.surgery.closure import Coupling, couple
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.insertions import insertion
from deepeyes_tui.surgery.plan import Cut, Fill, Role
from deepeyes_tui.surgery.sample import Sample

_COUNTS = ("out_channels", "out_features", "embedding_dim", "hidden_size")
"""Attributes by which layers say how many filters they have."""


@dataclass(frozen=True, slots=True)
class Template:
    """Filters that come together: their numbers, how many the layer has, and what is coupled to them."""

    filters: tuple[int, ...]
    size: int
    coupling: Coupling

    @property
    def width(self) -> int:
        """How many filters of the layer come at once."""
        return len(self.filters)

    def new_filters(self, ways: int) -> tuple[int, ...]:
        """Return the numbers in the grown layer of the filters that are new, where the template came `ways` times."""
        return insertion(Cut("", 0, self.size, self.filters, Role.WRITES), ways, Fill.ZERO).indices


def template_of(model: nn.Module, layer: str, source: int | None, sample: Sample) -> Template:
    """Return the smallest template that holds filter `source` of the layer, or the last one, and keeps the output.

    `model` is not wrapped. Raises SurgeryError where there is none; what speaks against the single filter is told.
    """
    size = _size(model, layer)
    anchor = size - 1 if source is None else source
    found: list[Template] = []
    refusals: list[SurgeryError] = []
    for filters in _candidates(model, anchor, size):
        try:
            coupling = couple(model, layer, filters, sample)
        except SurgeryError as error:
            refusals.append(error)
            continue
        found.append(Template(_all_filters(model, layer, filters, size, coupling.cuts), size, coupling))
        if coupling.exact:
            break
    if not found:
        raise _refusal(layer, size, refusals)
    return next((one for one in found if one.coupling.exact), found[0])


def _refusal(layer: str, size: int, refusals: list[SurgeryError]) -> SurgeryError:
    """Return why the single filter has no template, in words of growing."""
    if size == 1:
        return SurgeryError(f"{layer} has a single filter, by which nothing tells what would have to grow with it")
    return SurgeryError(str(refusals[0]).replace("cannot go", "cannot grow"))


def _size(model: nn.Module, layer: str) -> int:
    """Return how many filters the layer has; 1 where nothing says it, which is then looked into by asking."""
    try:
        module = model.get_submodule(layer)
    except AttributeError:
        return 1
    return next((int(getattr(module, name)) for name in _COUNTS if hasattr(module, name)), 1)


def _candidates(model: nn.Module, anchor: int, size: int) -> Iterator[tuple[int, ...]]:
    """One filter; then, for groups of channels anywhere in the model, the whole group and one filter of each group."""
    yield (anchor,)
    for groups in _groups(model):
        if size % groups == 0 and groups < size and 0 <= anchor < size:
            width = size // groups
            start = anchor - anchor % width
            yield tuple(range(start, start + width))
            yield tuple(range(anchor % width, size, width))


def _groups(model: nn.Module) -> list[int]:
    counts = set()
    for module in model.modules():
        if isinstance(module, _ConvNd) and module.groups < module.in_channels:
            counts.add(module.groups)
        if isinstance(module, nn.GroupNorm):
            counts.add(module.num_groups)
    return sorted(counts - {1}, reverse=True)


def _all_filters(
    model: nn.Module, layer: str, asked: tuple[int, ...], size: int, cuts: tuple[Cut, ...]
) -> tuple[int, ...]:
    """Return which filters of the layer go with those asked for: more than these, where they are a head's.

    A recurrent layer has a row for each of its gates; its units are those of the first.
    """
    module = model.get_submodule(layer)
    path = next(name for name, one in model.named_modules() if one is module)
    own = [cut for cut in cuts if cut.tensor.startswith(f"{path}.") and cut.size % size == 0]
    first = next((tuple(place for place in cut.indices if place < size) for cut in own), ())
    return first if set(asked) <= set(first) else asked
