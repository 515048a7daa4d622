"""What only a forward pass can tell of the layers: their output points, grids and receptive fields.

A copy of the model is asked, on the CPU, in evaluation mode, on a few of the training's own inputs: the user's model,
gradients and random state are not touched.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from deepeyes_tui.probe.asking import cpu_copy, few, first_tensor, modules_by_path
from deepeyes_tui.probe.inputs import first_with_places
from deepeyes_tui.probe.instances import positions_per_input
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.looking import Fields, find_fields
from deepeyes_tui.probe.points import OutputPoint as OutputPoint
from deepeyes_tui.probe.receptive_fields import TooSlowError
from deepeyes_tui.probe.traced import Traced, distinct_points, placed, said_of, with_axes
from deepeyes_tui.probe.tracing import trace
from deepeyes_tui.surgery.running.hushed import no_global_hooks
from deepeyes_tui.surgery.running.muted import muted
from deepeyes_tui.surgery.running.random_state import untouched

LARGEST_COPY = 1 << 30
"""Bytes of parameters and buffers above which no copy is made."""
LARGEST_BATCH = 1 << 22
"""Numbers in a batch up to which it is tried whole where its first samples alone do not fit."""
MOST_TOKENS = 64
"""Positions of one input that are drawn from a sequence at most: long texts leave room for others."""


@dataclass(slots=True)
class Discovery:
    """Output points by layer name, and in a sentence what could not be found out.

    `layers` are those that were asked for, with what a pass tells of them, and those that it shows in addition: heads
    of hand-written attention, and the products of gated layers whose halves are one layer.
    """

    points: dict[str, OutputPoint] = field(default_factory=dict)
    notice: str = ""
    layers: list[Layer] = field(default_factory=list)


def discover(
    model: nn.Module,
    layers: Sequence[Layer],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    patterns: Sequence[str] | None = None,
) -> Discovery:
    """Ask a copy of the model on the first inputs `args`, `kwargs` of the training. Never raises.

    Layers that a pass shows in addition are kept where they fit `patterns`.
    """
    plain = {layer.name: _unasked(layer, args) for layer in layers}
    size = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()) if not is_lazy(t))
    if size > LARGEST_COPY:
        return Discovery(plain, "receptive fields unknown: the model is too large to ask a copy of it", list(layers))
    try:
        with untouched(), muted(), no_global_hooks(), torch.no_grad(), _on_the_cpu():
            found = _ask(cpu_copy(model), layers, args, dict(kwargs), patterns)
            return replace(found, points={**plain, **found.points})
    except Exception as error:  # the user's model may refuse a copy, the CPU or other inputs in any way it likes
        return Discovery(plain, _unknown(error), list(layers))


@contextmanager
def _on_the_cpu() -> Iterator[None]:
    with torch.device("cpu"), torch.autocast("cpu", enabled=False):
        yield


def _unknown(error: Exception) -> str:
    if isinstance(error, TooSlowError):
        return f"receptive fields unknown: {error}"
    reason = f"{type(error).__name__}: {error}".partition("\n")[0][:120]
    return f"receptive fields unknown: a copy of the model did not run ({reason})"


def _ask(
    model: nn.Module, layers: Sequence[Layer], args: Any, kwargs: Any, patterns: Sequence[str] | None
) -> Discovery:
    own = {layer.path: layer for layer in layers}
    modules = modules_by_path(model, own)
    own = {path: layer for path, layer in own.items() if path in modules}
    axis = 0
    inputs, traced = _run(model, own, modules, (args, kwargs), axis)
    if _has_time_first(inputs, traced):
        axis = 1
        inputs, traced = _run(model, own, modules, (args, kwargs), axis)
    found = [with_axes(layer, traced) for layer in placed(layers, traced, patterns)]
    points = distinct_points(found, traced)
    notices = [said_of(traced.foreign)]
    try:
        seen, notice = find_fields(model, modules, found, inputs, points, axis)
        points = {layer.name: _with_field(layer, points[layer.name], seen) for layer in found if layer.name in points}
        notices.append(notice)
    except Exception as error:  # the user's model may refuse NaN, floats or other batches in any way it likes
        notices.append(_unknown(error))
        points = {layer.name: _by_kernel(layer, points[layer.name], args) for layer in found if layer.name in points}
    points = {layer.name: _with_tokens(layer, points[layer.name]) for layer in found if layer.name in points}
    return Discovery(points, "; ".join(notice for notice in notices if notice), found)


def _run(
    model: nn.Module, own: Mapping[str, Layer], modules: Mapping[str, nn.Module], given: Any, axis: int
) -> tuple[Any, Traced]:
    """Trace a pass over the first samples along an axis; over all of them where the model refuses so few."""
    for alone in (False, True):
        inputs = few(given, axis, alone=alone)
        with suppress(Exception):  # masks may be as long as the batch, and states belong to the whole of it
            return inputs, trace(own, modules, partial(model, *inputs[0], **inputs[1]))
    if sum(t.numel() for t in _tensors(given)) <= LARGEST_BATCH:
        inputs = few(given, axis, sys.maxsize)
    return inputs, trace(own, modules, partial(model, *inputs[0], **inputs[1]))


def _has_time_first(inputs: Any, traced: Traced) -> bool:
    """Return whether the inputs are `(T, N, ...)`: as wide as what a layer puts out of which that is known."""
    first = first_tensor(inputs)
    return first is not None and tuple(first.shape[:2]) in traced.time_first


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _with_field(layer: Layer, point: OutputPoint, fields: Fields) -> OutputPoint:
    seen = fields.by_path.get(layer.path)
    if seen is None or 0 in seen.size:
        return point
    share = math.prod(s / n for s, n in zip(seen.size, fields.size, strict=True))
    each = positions_per_input(share) if point.grid else 1
    return replace(point, receptive_field=seen.size, positions_per_input=each, start=seen.start, step=seen.step)


def _with_tokens(layer: Layer, point: OutputPoint) -> OutputPoint:
    """An instance of a layer that works on tokens is the position of one: half of them are covered by the same rule, as
    if each saw itself alone. Attention sees the whole input from every position, and would have but one.
    """
    if layer.is_convolution or len(point.grid) != 1 or not point.grid[0]:
        return point
    return replace(point, positions_per_input=min(positions_per_input(1 / point.grid[0]), MOST_TOKENS))


def _unasked(layer: Layer, args: tuple[Any, ...]) -> OutputPoint:
    return _by_kernel(layer, OutputPoint(layer.path, words=layer.words), args)


def _by_kernel(layer: Layer, point: OutputPoint, args: tuple[Any, ...]) -> OutputPoint:
    """Sample by the layer's kernel alone: too many positions rather than too few."""
    first = first_with_places(args, {})
    if not layer.kernel or first is None or first.dim() != len(layer.kernel) + 2:
        return point
    share = math.prod(k / max(n, k) for k, n in zip(layer.kernel, first.shape[2:], strict=True))
    return replace(point, positions_per_input=positions_per_input(share))
