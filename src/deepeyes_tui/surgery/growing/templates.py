"""Which filters new ones are modelled on: one where that is possible, else as many as have to come at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.conv import _ConvNd

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growing.insertions import insertion
from deepeyes_tui.surgery.plan import Cut, Fill, Role
from deepeyes_tui.surgery.planning.closure import Asked, ask_coupling
from deepeyes_tui.surgery.planning.coupling import Coupling
from deepeyes_tui.surgery.sample import Sample

_COUNTS = ("out_channels", "out_features", "embedding_dim", "hidden_size")
"""Attributes by which layers say how many filters they have."""


@dataclass(frozen=True, slots=True)
class Template:
    """Filters that come together: their numbers, how many the layer has, and what is coupled to them.

    `sample`: rows on which the model runs. `refusal`: why fewer filters cannot come.
    """

    filters: tuple[int, ...]
    size: int
    coupling: Coupling
    sample: Sample
    refusal: str

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
    refusals: list[str] = []
    for filters, whole in _candidates(model, layer, anchor, size):
        try:
            asked = ask_coupling(model, layer, filters, sample, whole=whole)
        except SurgeryError as error:
            refusals.append(f"{layer} gets no new filters: {error}")
            continue
        found.append(
            Template(_all_filters(asked, filters, size), size, asked.coupling, asked.sample, "".join(refusals[:1]))
        )
        if asked.coupling.exact:
            break
    if not found:
        raise SurgeryError(refusals[0])
    return next((one for one in found if one.coupling.exact), found[0])


def _size(model: nn.Module, layer: str) -> int:
    """Return how many filters the layer has; 1 where nothing says it, which is then looked into by asking."""
    try:
        module = model.get_submodule(layer)
    except AttributeError:
        return 1
    return next((int(getattr(module, name)) for name in _COUNTS if hasattr(module, name)), 1)


def _candidates(model: nn.Module, layer: str, anchor: int, size: int) -> Iterator[tuple[tuple[int, ...], bool]]:
    """One filter; for groups of channels, a whole group and one filter of each; all that a layer has, such as a single
    head. With each, whether it may be all.
    """
    yield (anchor,), False
    for groups in _groups(model, layer):
        if size % groups == 0 and groups < size and 0 <= anchor < size:
            width = size // groups
            start = anchor - anchor % width
            yield tuple(range(start, start + width)), False
            yield tuple(range(anchor % width, size, width)), False
    yield (anchor,), True


def _groups(model: nn.Module, layer: str) -> list[int]:
    """Numbers of groups: of normalisations, of grouped convolutions, and of the layer itself where it is depthwise."""
    counts = {1}
    for path, module in model.named_modules():
        if isinstance(module, _ConvNd) and (module.groups < module.in_channels or path == layer):
            counts.add(module.groups)
        if isinstance(module, nn.GroupNorm):
            counts.add(module.num_groups)
    return sorted(counts - {1}, reverse=True)


def _all_filters(asked: Asked, chosen: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return which filters of the layer go with those that were chosen: more than these, where they are a head's.

    A recurrent layer has a row for each of its gates; its units are those of the first.
    """
    cuts = asked.coupling.cuts
    own = [cut for cut in cuts if cut.tensor.startswith(f"{asked.layer}.") and cut.size % size == 0]
    first = next((tuple(place for place in cut.indices if place < size) for cut in own), ())
    return first if set(chosen) <= set(first) else chosen
