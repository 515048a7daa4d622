"""The filters that the user chose, checked."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from torch import nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.asking import Asker
from deepeyes_tui.surgery.planning.atoms import Atom, Space
from deepeyes_tui.surgery.running.wrappers import unwrapped


def chosen_space(model: nn.Module, layer: str, asker: Asker) -> Space:
    """Return the space of the filters of the layer at path `layer`. Raises SurgeryError where there is none."""
    module = _module(model, layer)
    atom = next((one for one in asker.atoms if one.module is module), None)
    if atom is None or atom.written is None:
        raise SurgeryError(_no_filters(layer, module, asker.atoms))
    if atom.path not in asker.called:
        raise SurgeryError(f"{layer} does not run on the sample, so that nobody knows what it belongs to")
    if atom.written.fixed:
        raise SurgeryError(f"filters of {layer} cannot go: {atom.written.fixed}")
    return atom.written


def _module(model: nn.Module, layer: str) -> nn.Module:
    if not isinstance(layer, str):
        raise SurgeryError(f"a layer is named by its path, not by {layer!r}")
    for root in (unwrapped(model), model):
        try:
            return root.get_submodule(layer)
        except AttributeError:
            continue
    raise SurgeryError(f"the network has no layer {layer!r}")


def _no_filters(layer: str, module: nn.Module, atoms: list[Atom]) -> str:
    inside = next((one for one in atoms if any(part is module for part in one.module.modules())), None)
    if inside is not None and inside.module is not module:
        return f"filters of {layer} cannot go: it is a part of {inside.path}, which is cut as a whole or not at all"
    return f"{layer or 'the network itself'} is a {type(module).__name__}, which has no filters of its own"


def chosen_units(space: Space, layer: str, filters: Any, *, whole: bool) -> tuple[tuple[int, ...], list[int]]:
    """Return the filters, and which units they are, rising.

    Raises SurgeryError for filters that there are not, and for all, unless the `whole` layer may go.
    """
    chosen = _integers(layer, filters)
    many = space.size * space.filters_a_unit
    wrong = next((one for one in chosen if not 0 <= one < many), None)
    if wrong is not None:
        raise SurgeryError(f"{layer} has no filter {wrong}: its filters are 0 to {many - 1}")
    twice = next((one for n, one in enumerate(chosen) if one in chosen[:n]), None)
    if twice is not None:
        raise SurgeryError(f"filter {twice} of {layer} is named twice")
    if len(chosen) == many and not whole:
        raise SurgeryError(f"all filters of {layer} would go")
    return tuple(sorted(chosen)), _whole_units(space, layer, chosen)


def _integers(layer: str, filters: Any) -> list[int]:
    if not isinstance(filters, Iterable) or isinstance(filters, str | bytes):
        raise SurgeryError(f"filters of {layer} are named by a list of numbers, not by {filters!r}")
    chosen = list(filters.tolist() if hasattr(filters, "tolist") else filters)
    if not chosen:
        raise SurgeryError(f"no filters of {layer} are named")
    wrong = next((one for one in chosen if not isinstance(one, Integral) or isinstance(one, bool)), None)
    if wrong is not None:
        raise SurgeryError(f"filters of {layer} are named by whole numbers, not by {wrong!r}")
    return [int(one) for one in chosen]


def _whole_units(space: Space, layer: str, chosen: list[int]) -> list[int]:
    many = space.filters_a_unit
    units = sorted({one // many for one in chosen})
    if len(units) * many != len(chosen):
        group = ", ".join(str(units[0] * many + place) for place in range(many))
        raise SurgeryError(f"{layer} makes {many} filters of each channel, which go as one group, such as {group}")
    return units
