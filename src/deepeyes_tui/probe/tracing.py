"""Follows what the layers put out through one pass of a copy of the model: where does it go on into the network?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from deepeyes_tui.probe.heads import Attended, head_size
from deepeyes_tui.probe.layers import HEADS, TUPLES, Layer, features_in, is_layer
from deepeyes_tui.probe.nonlinearities import PRODUCT, as_nonlinearity, recognise
from deepeyes_tui.probe.points import OutputPoint
from deepeyes_tui.probe.traced import Traced

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
    nn.RMSNorm,
    nn.PReLU,
)
"""Modules that may stand between a layer and its output point: they keep its shape and its channels."""
PRODUCTS = frozenset({"mul", "mul_", "__mul__", "__rmul__", "__imul__", "multiply"})
PARTS = frozenset({"chunk", "split", "split_with_sizes", "tensor_split", "__getitem__", "narrow"})
MIXES = frozenset({"matmul", "__matmul__", "bmm", "einsum"})
WEIGHTED = frozenset(
    {"linear", "addmm", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
) | (MIXES - {"einsum"})
RECENT = 4
"""Outputs of attention that are held until a layer reads them."""


class Stage(Enum):
    """How far a layer's output has come."""

    PLAIN = auto()
    THROUGH = auto()
    PART = auto()
    PART_THROUGH = auto()
    PRODUCT = auto()
    FUSED = auto()


@dataclass(frozen=True, slots=True)
class _Mark:
    layer: str
    stage: Stage
    place: str = ""
    word: str = ""


class Trace(TorchFunctionMode):
    """Marks tensors that carry a layer's output. `own` are the layers by the paths of their modules; parameters not
    `known` by their ids belong to no layer at all.
    """

    def __init__(self, own: Mapping[str, Layer], modules: Mapping[str, nn.Module], known: Set[int]) -> None:
        super().__init__()
        self.found = Traced()
        self._own, self._modules = own, modules
        self._by_name = {layer.name: layer for layer in own.values()}
        self._known = known
        self._marks: Any = WeakIdKeyDictionary()
        self._path: list[str] = []
        self._weighs: set[str] = set()
        self._attended: deque[Attended] = deque(maxlen=RECENT)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        subject = args[0] if args and isinstance(args[0], Tensor) else None
        version = subject._version if subject is not None else 0
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "__get__":
            return result
        self._follow_attention(name, result)
        self._find_foreign(name, args)
        if subject is None or self._follow(func, name, args, kwargs, result):
            return result
        if result is subject and subject._version != version:
            self._marks.pop(subject, None)  # changed in place: what follows is not the layer's
        return result

    def enter(self, path: str, args: tuple[Any, ...]) -> None:
        """Take note of a module that is called."""
        self._path.append(path)
        subject = args[0] if args and isinstance(args[0], Tensor) else None
        if subject is None:
            return
        mark = self._marks.get(subject)
        if mark is not None and mark.stage in (Stage.PRODUCT, Stage.FUSED):
            self._settle(mark, path, subject, at_input=True)
        if path in self._own and features_in(self._modules[path]) is not None:
            self._find_heads(path, subject)

    def leave(self, path: str, args: tuple[Any, ...], output: Any) -> None:
        """Take note of what a module gave."""
        self._path.pop()
        module, subject = self._modules[path], args[0] if args else None
        if path in self._own:
            self._leave_layer(self._own[path], path, output)
        elif isinstance(output, Tensor) and isinstance(subject, Tensor):
            self._pass_on(path, module, subject, output)
        mark = self._marks.get(output) if isinstance(output, Tensor) else None
        if mark is not None and mark.stage in (Stage.PRODUCT, Stage.FUSED):
            self._settle(mark, path, output, at_input=False)

    def _leave_layer(self, layer: Layer, path: str, output: Any) -> None:
        values = layer.leaving(output)
        if layer.time_first and isinstance(values, Tensor) and values.dim() == 3:
            self.found.time_first.add((values.shape[0], values.shape[1]))
        self.found.calls[layer.name] += 1
        if values is None or layer.name in self.found.points:
            return
        if isinstance(values, Tensor):
            self.found.shapes[layer.name] = tuple(values.shape)
        grid = tuple(layer.by_position(values).shape[1:-1]) if isinstance(values, Tensor) else ()
        self.found.points[layer.name] = OutputPoint(path, grid=grid, words=layer.words)
        if isinstance(values, Tensor) and not isinstance(layer.module, TUPLES):
            self._marks[values] = _Mark(layer.name, Stage.PLAIN)

    def _pass_on(self, path: str, module: nn.Module, subject: Tensor, output: Tensor) -> None:
        mark = self._marks.get(subject)
        if mark is None or mark.stage is not Stage.PLAIN or output is subject or output.shape != subject.shape:
            return
        point = self.found.points[mark.layer]
        if isinstance(module, PASSED_ON):
            self._change(mark, module=path, words=(*point.words, type(module).__name__), chain=(*point.chain, path))
            self._marks[output] = mark
        elif output not in self._marks:
            found = as_nonlinearity(module)
            if found is not None:
                self._change(mark, nonlinearity=found, words=(*point.words, found.name))
                self._marks[output] = replace(mark, stage=Stage.THROUGH)

    def _follow(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> bool:
        """Return whether what came out carries a layer's output too."""
        mark = self._marks.get(args[0])
        if name in PRODUCTS and len(args) > 1 and isinstance(args[1], Tensor):
            return self._multiply(args[0], args[1], result)
        if mark is None or mark.stage not in (Stage.PLAIN, Stage.PART):
            return False
        if name == "glu" and mark.stage is Stage.PLAIN:
            self._marks[result] = replace(mark, stage=Stage.FUSED, place=self._here, word="glu")
            return True
        if name in PARTS and mark.stage is Stage.PLAIN:
            self._divide(mark, result)
            return False
        layer = self._by_name[mark.layer]
        found = recognise(func, args, kwargs, 1 if layer.is_convolution else -1)
        if found is None:
            return False
        through = Stage.THROUGH if mark.stage is Stage.PLAIN else Stage.PART_THROUGH
        self._marks[result] = replace(mark, stage=through, word=found.name)
        if through is Stage.THROUGH:
            self._change(mark, nonlinearity=found, words=(*self.found.points[mark.layer].words, found.name))
        return True

    def _divide(self, mark: _Mark, result: Any) -> None:
        layer = self._by_name[mark.layer]
        for part in result if isinstance(result, tuple | list) else (result,):
            if part.dim() and part.shape[1 if layer.is_convolution else -1] * 2 == layer.filters:
                self._marks[part] = replace(mark, stage=Stage.PART)

    def _multiply(self, one: Tensor, other: Tensor, result: Any) -> bool:
        marks = self._marks.get(one), self._marks.get(other)
        if one.shape != other.shape or None in marks:
            return False
        first, second = sorted(marks, key=lambda mark: mark.stage in (Stage.THROUGH, Stage.PART_THROUGH), reverse=True)
        if first.stage is Stage.THROUGH and first.layer != second.layer:
            self._marks[result] = replace(first, stage=Stage.PRODUCT, word=f"times {second.layer}")
        elif first.stage is Stage.PART_THROUGH and second.stage is Stage.PART and first.layer == second.layer:
            self._marks[result] = replace(first, stage=Stage.FUSED, place=self._here)
        else:
            return False
        return True

    def _settle(self, mark: _Mark, path: str, values: Tensor, *, at_input: bool) -> None:
        """What comes out of a gated layer is taken where a module reads it, or at the end of the one that made it."""
        del self._marks[values]
        if mark.stage is Stage.PRODUCT:
            words = (*self.found.points[mark.layer].words, mark.word)
            self._change(mark, module=path, at_input=at_input, nonlinearity=PRODUCT, words=words)
            return
        layer = self._by_name[mark.layer]
        if self._again(path, layer.unit):
            return
        name = self._free_name(mark.place, f"{layer.name}.gated")
        kind = type(self._modules[mark.place]).__name__ if name == mark.place else layer.kind
        derived = replace(layer, name=name, kind=kind, filters=layer.filters // 2, derived=True, signed=True, also=())
        grid = self.found.points[mark.layer].grid
        self.found.shapes[name] = self.found.shapes[layer.name]
        self._derive(derived, OutputPoint(path, PRODUCT, grid, words=(mark.word, "product"), at_input=at_input))

    def _find_heads(self, path: str, entering: Tensor) -> None:
        if self._again(path, "heads"):
            return
        for seen in self._attended:
            size = head_size(seen.values, entering)
            if size is None:
                continue
            layer = self._own[path]
            name = self._free_name(seen.place, f"{layer.name}.heads")
            kind = type(self._modules[seen.place]).__name__ if name == seen.place else layer.kind
            heads = replace(layer, name=name, kind=kind, filters=entering.shape[-1] // size, unit="heads", signed=True)
            heads = replace(heads, head_size=size, derived=True, also=())
            self.found.shapes[name] = tuple(entering.shape)
            self._derive(heads, OutputPoint(path, grid=tuple(entering.shape[1:-1]), words=HEADS, at_input=True))
            self._attended.remove(seen)
            return

    def _follow_attention(self, name: str, result: Any) -> None:
        if name == "softmax":
            self._weighs.add(self._here)
        mixes = name in MIXES and self._here in self._weighs
        if (mixes or name == "scaled_dot_product_attention") and isinstance(result, Tensor) and result.dim() >= 3:
            self._attended.append(Attended(result, self._here))

    def _find_foreign(self, name: str, args: tuple[Any, ...]) -> None:
        if name in WEIGHTED and any(isinstance(a, nn.Parameter) and id(a) not in self._known for a in args):
            self.found.foreign[self._here] = None

    def _derive(self, layer: Layer, point: OutputPoint) -> None:
        self.found.points[layer.name] = point
        self.found.derived.append(layer)

    def _again(self, path: str, unit: str) -> bool:
        """Return whether such a layer was derived at this module before."""
        return any(layer.unit == unit and self.found.points[layer.name].module == path for layer in self.found.derived)

    def _free_name(self, wanted: str, otherwise: str) -> str:
        taken = wanted in self._by_name or wanted in self.found.points or not wanted
        return otherwise if taken else wanted

    def _change(self, mark: _Mark, **changes: Any) -> None:
        if self.found.calls[mark.layer] == 1:
            self.found.points[mark.layer] = replace(self.found.points[mark.layer], **changes)

    @property
    def _here(self) -> str:
        return self._path[-1] if self._path else ""


def trace(own: Mapping[str, Layer], modules: Mapping[str, nn.Module], run: Callable[[], Any]) -> Traced:
    """Return what one pass of the model, `run`, tells of its layers; `modules` are all of the model's, by path."""
    following = Trace(own, modules, _known(modules))
    handles = []
    for path, module in modules.items():
        handles.append(module.register_forward_pre_hook(_entry_hook(following, path)))
        handles.append(module.register_forward_hook(_exit_hook(following, path)))
    try:
        with following:
            run()
    finally:
        for handle in handles:
            handle.remove()
    return following.found


def _known(modules: Mapping[str, nn.Module]) -> set[int]:
    layers = (module for module in modules.values() if is_layer(module))
    return {id(parameter) for module in layers for parameter in module.parameters()}


def _entry_hook(following: Trace, path: str) -> Callable[..., None]:
    return lambda module, args: following.enter(path, args)


def _exit_hook(following: Trace, path: str) -> Callable[..., None]:
    return lambda module, args, output: following.leave(path, args, output)
