"""Which module of a graph tells what of which layer."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.points import OutputPoint


@dataclass(frozen=True, slots=True)
class Source:
    """What a module tells of layer `number`: with `enters` the layer's input, with `leaves` what goes on to its output
    point, which is the module's own input where `at_input`, else its output through the normalisations `norms`.
    """

    number: int
    enters: bool
    leaves: bool
    at_input: bool = False
    norms: tuple[weakref.ref[nn.Module], ...] = ()


def sources(
    layers: Sequence[Layer], points: Sequence[OutputPoint], modules: Mapping[str, nn.Module]
) -> weakref.WeakKeyDictionary[nn.Module, list[Source]]:
    """Return what every module tells; `modules` by their paths."""
    found: weakref.WeakKeyDictionary[nn.Module, list[Source]] = weakref.WeakKeyDictionary()
    for number, (layer, point) in enumerate(zip(layers, points, strict=True)):
        origin = modules.get(point.module, layer.module) if point.at_input else layer.module
        norms = tuple(weakref.ref(modules[name]) for name in point.chain if name in modules)
        own = Source(number, origin is layer.module, True, point.at_input, norms)
        if not own.enters:
            found.setdefault(layer.module, []).append(Source(number, True, False))
        found.setdefault(origin, []).append(own)
    return found
