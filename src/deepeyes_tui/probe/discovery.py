"""What only a forward pass can tell of the layers: their output points, grids and receptive fields.

A copy of the model is asked, on the CPU, in evaluation mode, on a few of the training's own inputs: the user's model,
gradients and random state are not touched.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from deepeyes_tui.probe.inputs import first_with_places, has_places, is_channels_last
from deepeyes_tui.probe.instances import positions_per_input
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.nonlinearities import Nonlinearity, recognise
from deepeyes_tui.probe.receptive_fields import ReceptiveField, find_receptive_fields
from deepeyes_tui.surgery.running.random_state import untouched

LARGEST_COPY = 1 << 30
"""Bytes of parameters and buffers above which no copy is made."""
SAMPLES = 2
PASSED_ON = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.PReLU,
)
"""Modules that may stand between a layer and its output point: they keep its shape and its channels."""


@dataclass(frozen=True, slots=True)
class OutputPoint:
    """Where a layer's output is taken: behind module `module` (the layer itself or a normalisation), through a
    nonlinearity if one follows. `receptive_field` is `()` where the whole input or nothing is known to be seen; `start`
    and `step` say where it lies (`ReceptiveField`).
    """

    module: str
    nonlinearity: Nonlinearity | None = None
    grid: tuple[int, ...] = ()
    receptive_field: tuple[int, ...] = ()
    positions_per_input: int = 1
    words: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    step: tuple[float, ...] = ()


@dataclass(slots=True)
class _Trail:
    point: OutputPoint
    output: Tensor | None = None


class _Trace(TorchFunctionMode):
    """Follows each layer's output through the calls that come right behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.trails: dict[str, _Trail] = {}
        self._owner: dict[int, str] = {}
        self._kept: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        subject = self._owner.get(id(args[0])) if args else None
        trail, found = self.trails[subject] if subject is not None else None, None
        if trail is not None and trail.point.nonlinearity is None:
            found = recognise(func, args, kwargs)
            if found is not None:
                trail.point = replace(trail.point, nonlinearity=found, words=(*trail.point.words, found.name))
        result = func(*args, **kwargs)
        if trail is not None and found is None and result is args[0]:
            self._owner.pop(id(result))  # changed in place by something else: what follows is not the layer's
        return result

    def saw_layer(self, layer: Layer, name: str, output: Any) -> None:
        if isinstance(output, Tensor) and name not in self.trails:
            grid = tuple(layer.by_position(output).shape[1:-1])
            self.trails[name] = _Trail(OutputPoint(name, grid=grid), output)
            self._own(output, name)

    def saw_norm(self, name: str, module: nn.Module, subject: Any, output: Any) -> None:
        owner = self._owner.get(id(subject))
        if owner is None or not isinstance(output, Tensor) or output.shape != subject.shape:
            return
        trail = self.trails[owner]
        if trail.point.nonlinearity is None:
            trail.point = replace(trail.point, module=name, words=(*trail.point.words, type(module).__name__))
            self._own(output, owner)

    def _own(self, output: Tensor, name: str) -> None:
        self._owner[id(output)] = name
        self._kept.append(output)


@dataclass(slots=True)
class Discovery:
    """Output points by layer name, and in a sentence what could not be found out."""

    points: dict[str, OutputPoint] = field(default_factory=dict)
    notice: str = ""


def discover(model: nn.Module, layers: Sequence[Layer], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Discovery:
    """Ask a copy of the model on the first inputs `args`, `kwargs` of the training. Never raises."""
    plain = {layer.name: _unasked(layer, args) for layer in layers}
    size = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
    if size > LARGEST_COPY:
        return Discovery(plain, "receptive fields unknown: the model is too large to ask a copy of it")
    try:
        with untouched(), torch.no_grad(), torch.device("cpu"), torch.autocast("cpu", enabled=False):
            points, notice = _ask(_cpu_copy(model), layers, args, dict(kwargs))
            return Discovery({**plain, **points}, notice)
    except Exception as error:  # the user's model may refuse a copy, the CPU or other inputs in any way it likes
        return Discovery(plain, f"receptive fields unknown: a copy of the model did not run ({_reason(error)})")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:120]


def _ask(model: nn.Module, layers: Sequence[Layer], args: Any, kwargs: Any) -> tuple[dict[str, OutputPoint], str]:
    modules = dict(model.named_modules())
    own = {layer.name: layer for layer in layers if layer.name in modules}
    args, kwargs = _few((args, kwargs))
    points = _trace(model, modules, own, args, kwargs)
    place = next((i for i, a in enumerate(args) if has_places(a)), None)
    if place is None:
        return points, ""
    if is_channels_last(args[place]):
        return points, "receptive fields unknown: the inputs look like (batch, height, width, channels)"
    try:
        return _with_fields(model, modules, own, points, args, kwargs, place), ""
    except Exception as error:  # the user's model may refuse NaN, floats or other batches in any way it likes
        return points, f"receptive fields unknown: a copy of the model did not run ({_reason(error)})"


def _with_fields(
    model: nn.Module,
    modules: Mapping[str, nn.Module],
    own: Mapping[str, Layer],
    points: Mapping[str, OutputPoint],
    args: Any,
    kwargs: Any,
    place: int,
) -> dict[str, OutputPoint]:
    def forward(inputs: Tensor) -> Mapping[str, Tensor]:
        rest = tuple(inputs if i == place else _as_many(a, len(inputs)) for i, a in enumerate(args))
        return _outputs(modules, own, lambda: model(*rest, **_as_many(kwargs, len(inputs))))

    sample: Tensor = args[place][0].float()
    fields = find_receptive_fields(forward, sample)
    return {name: _with_field(point, fields.get(name), sample.shape[1:]) for name, point in points.items()}


def _with_field(point: OutputPoint, seen: ReceptiveField | None, size: Sequence[int]) -> OutputPoint:
    if seen is None or 0 in seen.size:
        return point
    share = math.prod(s / n for s, n in zip(seen.size, size, strict=True))
    each = positions_per_input(share) if point.grid else 1
    return replace(point, receptive_field=seen.size, positions_per_input=each, start=seen.start, step=seen.step)


def _trace(
    model: nn.Module, modules: Mapping[str, nn.Module], own: Mapping[str, Layer], args: Any, kwargs: Any
) -> dict[str, OutputPoint]:
    trace = _Trace()
    handles = []
    for name, module in modules.items():
        if name in own:
            handles.append(module.register_forward_hook(_layer_hook(trace, own[name], name)))
        elif isinstance(module, PASSED_ON):
            handles.append(module.register_forward_hook(_norm_hook(trace, name)))
    try:
        with trace:
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    return _distinct({name: trail.point for name, trail in trace.trails.items()})


def _distinct(points: dict[str, OutputPoint]) -> dict[str, OutputPoint]:
    """Take a layer at its own output where the normalisation behind it is shared with another."""
    claimed = [point.module for point in points.values()]
    return {
        name: point if claimed.count(point.module) == 1 else OutputPoint(name, grid=point.grid)
        for name, point in points.items()
    }


def _layer_hook(trace: _Trace, layer: Layer, name: str) -> Callable[..., None]:
    return lambda module, args, output: trace.saw_layer(layer, name, output)


def _norm_hook(trace: _Trace, name: str) -> Callable[..., None]:
    return lambda module, args, output: trace.saw_norm(name, module, args[0] if args else None, output)


def _outputs(modules: Mapping[str, nn.Module], own: Mapping[str, Layer], run: Callable[[], Any]) -> dict[str, Tensor]:
    outputs: dict[str, Tensor] = {}

    def keep(layer: Layer) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                outputs.setdefault(layer.name, layer.by_position(output))

        return hook

    handles = [modules[name].register_forward_hook(keep(layer)) for name, layer in own.items()]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _unasked(layer: Layer, args: tuple[Any, ...]) -> OutputPoint:
    """Sample by the layer's kernel alone: too many positions rather than too few."""
    first = first_with_places(args, {})
    if not layer.kernel or first is None or first.dim() != len(layer.kernel) + 2:
        return OutputPoint(layer.name)
    share = math.prod(k / max(n, k) for k, n in zip(layer.kernel, first.shape[2:], strict=True))
    return OutputPoint(layer.name, positions_per_input=positions_per_input(share))


def _few(tree: Any) -> Any:
    """Return the inputs' first samples, as float32 on the CPU."""

    def first(tensor: Tensor) -> Tensor:
        taken = tensor.detach()[:SAMPLES] if tensor.dim() else tensor.detach()
        return taken.to("cpu", torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)

    return tree_map_only(Tensor, first, tree)


def _as_many(tree: Any, count: int) -> Any:
    """Repeat the first sample of every tensor `count` times."""
    return tree_map_only(Tensor, lambda t: t[:1].repeat(count, *[1] * (t.dim() - 1)) if t.dim() else t, tree)


def _cpu_copy(model: nn.Module) -> nn.Module:
    """Copy a model to the CPU as float32, in evaluation mode, without its hooks and without room on its device."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for owned in (vars(module), module._parameters, module._buffers):
            for value in owned.values():
                if isinstance(value, Tensor) and id(value) not in memo:
                    memo[id(value)] = _cpu_tensor(value)
    duplicate = copy.deepcopy(model, memo)
    for module in duplicate.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks):
            hooks.clear()
    return duplicate.eval()


def _cpu_tensor(value: Tensor) -> Tensor:
    plain = value.detach().to("cpu", torch.float32 if value.is_floating_point() else value.dtype, copy=True)
    return nn.Parameter(plain, requires_grad=False) if isinstance(value, nn.Parameter) else plain
