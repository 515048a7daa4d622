"""The attributes of modules that say sizes."""

from __future__ import annotations

from typing import Any

from torch import nn

from deepeyes_tui.surgery.plan import Attribute
from deepeyes_tui.surgery.planning.atoms import Space
from deepeyes_tui.surgery.planning.constraints import whole_groups


def sizes_after(module: nn.Module, space: Space, units: list[int]) -> list[Attribute]:
    """Return what a known layer says of a space without `units`."""
    left = space.size - len(units)
    found = [_after(module, space.path, name, left * factor) for name, factor in space.sizes]
    groups = whole_groups(space, units) if isinstance(module, nn.GroupNorm) else 0
    if groups:
        found.append(_after(module, space.path, "num_groups", space.groups - groups))
    return found


def _after(module: nn.Module, path: str, name: str, size: int) -> Attribute:
    before: Any = getattr(module, name)
    after = (size, *before[1:]) if isinstance(before, tuple | list) else size
    return Attribute(path, name, tuple(before) if isinstance(before, list) else before, after)
