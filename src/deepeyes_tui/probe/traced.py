"""What one pass of a copy told of the layers, put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from deepeyes_tui.probe.layers import TUPLES, Layer, matches
from deepeyes_tui.probe.points import OutputPoint

NAMED = 3
"""Modules that are named in a sentence."""


@dataclass(slots=True)
class Traced:
    """By layer name: output points, shapes of the outputs, calls. Also layers that only a pass shows, the paths of
    modules that use weights of their own, and `(T, N)` of outputs that are known to have time first.
    """

    points: dict[str, OutputPoint] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    derived: list[Layer] = field(default_factory=list)
    foreign: dict[str, None] = field(default_factory=dict)
    time_first: set[tuple[int, int]] = field(default_factory=set)


def placed(layers: Sequence[Layer], traced: Traced, patterns: Sequence[str] | None) -> list[Layer]:
    """Return the layers, each derived one that is asked for in front of those inside it, or behind its own."""
    found = list(layers)
    for derived in traced.derived:
        if not matches(derived.name, patterns):
            continue
        inside = (n for n, layer in enumerate(found) if layer.name.startswith(f"{derived.name}."))
        behind = (n + 1 for n, layer in enumerate(found) if layer.path == derived.path)
        found.insert(next(inside, next(behind, len(found))), derived)
    return found


def with_axes(layer: Layer, traced: Traced) -> Layer:
    """Return the layer with what is known of its axes: its output has time first if it looks like one that has."""
    shape = traced.shapes.get(layer.name, ())
    if layer.is_convolution or isinstance(layer.module, TUPLES) or len(shape) != 3:
        return layer
    return replace(layer, time_first=shape[:2] in traced.time_first)


def distinct_points(layers: Sequence[Layer], traced: Traced) -> dict[str, OutputPoint]:
    """Return the output points; a layer is taken at its own output where the module behind it is another's too."""
    points = traced.points
    ordinary = {layer.path: layer.name for layer in layers if not layer.derived}
    claimed = Counter((point.module, point.at_input) for point in points.values())
    distinct = {}
    for layer in layers:
        point = points.get(layer.name)
        if point is None:
            continue
        if claimed[point.module, point.at_input] > 1 and not layer.derived:
            point = OutputPoint(layer.path, grid=point.grid, words=layer.words)
        if layer.time_first and len(traced.shapes.get(layer.name, ())) == 3:
            point = replace(point, grid=traced.shapes[layer.name][:1])
        distinct[layer.name] = replace(point, calls=traced.calls[ordinary[layer.path]])
    return distinct


def said_of(foreign: Iterable[str]) -> str:
    """Return a sentence about modules that use weights of their own, which are no layers; empty without any."""
    names = [name or "the model itself" for name in foreign]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"not shown, weights outside of any layer: {', '.join(names[:NAMED])}{more}" if names else ""
