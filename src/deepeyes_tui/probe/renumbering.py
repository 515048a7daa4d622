"""Which filter is which after surgery: by layer, the number that each filter had before, or `NEW`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.statistics.origins import NEW, Origins
from deepeyes_tui.surgery.plan import Cut, Insertion, Plan, Role

Renumbering = Mapping[str, NDArray[np.int64]]
"""Layers that are not named keep their filters as they are."""


def renumbering(plan: Plan, layers: Sequence[Layer]) -> Renumbering:
    """Return what a plan does to the filters of the layers, as they are before it."""
    found = {}
    for layer in layers:
        edit = next((e for e in plan.edits if _of_filters(e, layer)), None)
        if edit is not None:
            found[layer.name] = _numbers(edit)
    return found


def _of_filters(edit: Cut | Insertion, layer: Layer) -> bool:
    return (
        edit.tensor.startswith(f"{layer.name}.")
        and "." not in edit.tensor.removeprefix(f"{layer.name}.").removeprefix("parametrizations.weight.")
        and edit.role is not Role.READS
        and edit.size == layer.filters
    )


def _numbers(edit: Cut | Insertion) -> NDArray[np.int64]:
    if isinstance(edit, Cut):
        return np.delete(np.arange(edit.size), np.asarray(edit.indices, np.int64))
    numbers = np.full(edit.size_after, NEW, np.int64)
    numbers[np.setdiff1d(np.arange(edit.size_after), np.asarray(edit.indices, np.int64))] = np.arange(edit.size)
    return numbers


def inverse(change: Renumbering, sizes: Mapping[str, int]) -> Renumbering:
    """Return what takes a change back: filters that had gone are new. `sizes` are those before the change."""
    back = {}
    for name, numbers in change.items():
        back[name] = np.full(sizes[name], NEW, np.int64)
        there = np.flatnonzero(numbers >= 0)
        back[name][numbers[there]] = there
    return back


def then(first: Renumbering, second: Renumbering) -> Renumbering:
    """Return two changes, one after the other, as one."""
    both = dict(first)
    for name, numbers in second.items():
        before = first.get(name)
        both[name] = numbers if before is None else np.where(numbers >= 0, before[np.maximum(numbers, 0)], NEW)
    return both


def now_numbered(change: Renumbering, layer: str, filters: Sequence[int]) -> list[int]:
    """Return what filters of before are called after a change; those that have gone are left out."""
    if layer not in change:
        return list(filters)
    return np.flatnonzero(np.isin(change[layer], np.asarray(filters, np.int64))).tolist()


def origins(before: Sequence[Layer], after: Sequence[Layer], change: Renumbering) -> Origins:
    """Return where the layers and filters of after come from; layers are known by their names."""
    numbers = {layer.name: number for number, layer in enumerate(before)}
    offsets = np.cumsum([0, *(layer.filters for layer in before)])
    layers = [numbers.get(layer.name, NEW) for layer in after]
    filters = [
        _filters_of(layer, before[old] if old >= 0 else None, change) for layer, old in zip(after, layers, strict=True)
    ]
    return Origins.of(layers, filters, offsets)


def _filters_of(layer: Layer, before: Layer | None, change: Renumbering) -> NDArray[np.int64]:
    same = before.filters if before is not None else 0
    numbers = change.get(layer.name, np.arange(same))
    return numbers if before is not None and len(numbers) == layer.filters else np.full(layer.filters, NEW, np.int64)
