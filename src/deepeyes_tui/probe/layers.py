"""Which modules of a model are layers, and how their output is laid out."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy
from torch.nn.utils.rnn import PackedSequence

from deepeyes_tui.probe.attention import AttentionCall, is_torchs_own

WRAPPERS = ("module", "_orig_mod")
"""Attributes under which DataParallel, DistributedDataParallel and torch.compile keep the user's model."""
SEQUENCES = (nn.RNNBase, nn.MultiheadAttention)
TUPLES = (*SEQUENCES, nn.RNNCellBase)
"""Modules whose output is the first of a tuple."""
Values = Tensor | PackedSequence | AttentionCall
"""What can be drawn from; of a call of attention only then is it worked out what its heads gave."""
_GONE = nn.Identity()


@dataclass(frozen=True, slots=True)
class Layer:
    """A module whose output channels (convolution), units (linear, recurrent), heads (attention) or dimensions
    (embedding) are the filters; `unit` says which. `spatial` counts the axes of a convolution.

    A *head's* activation at a position is the mean absolute value of its `head_size` numbers in the attention's output
    there, before the heads are projected together. `signed` layers (recurrent, embedding, attention) are measured by
    absolute values: such a filter is dead where it stays near zero on both sides. `path` leads to `module`; a layer
    that was `derived` from a pass (heads of hand-written attention, products of a gated layer) has a name of its own.
    `time_first` outputs are `(T, N, F)`. `also` are further names of the same module. A layer does not keep it alive.
    """

    name: str
    reference: weakref.ref[nn.Module]
    kind: str
    filters: int
    spatial: int = 0
    kernel: tuple[int, ...] = ()
    path: str = ""
    unit: str = "filters"
    signed: bool = False
    head_size: int = 1
    time_first: bool = False
    derived: bool = False
    also: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def module(self) -> nn.Module:
        """The module; where the script has dropped it, one that has nothing in it."""
        module = self.reference()
        return _GONE if module is None else module

    @property
    def is_convolution(self) -> bool:
        """Whether channels lie on axis 1; otherwise they lie on the last."""
        return self.spatial > 0

    @property
    def width(self) -> int:
        """Numbers at one position of the output: filters, times the size of a head."""
        return self.filters * self.head_size

    @property
    def parameters(self) -> int:
        """Weights and biases of the layer itself; 0 for one that shares those of another."""
        return 0 if self.derived else sum(p.numel() for p in self._own())

    @property
    def frozen(self) -> bool:
        """Whether none of its parameters is trained."""
        own = list(self._own())
        return bool(own) and not any(p.requires_grad for p in own)

    @property
    def device(self) -> torch.device:
        """The device of its parameters."""
        return next((p.device for p in self._own()), torch.device("cpu"))

    def _own(self) -> Iterator[nn.Parameter]:
        inside = isinstance(self.module, nn.MultiheadAttention)
        return (p for p in self.module.parameters(recurse=inside) if not is_lazy(p))

    def leaving(self, output: Any) -> Values | None:
        """Return the values in what a hook of the layer received, None for what cannot be read.

        Of a recurrent layer these are the hidden states of its last layer, of a cell its hidden state.
        """
        if isinstance(self.module, TUPLES) and isinstance(output, tuple) and not isinstance(output, PackedSequence):
            output = output[0] if output else None
        return output if isinstance(output, Values) else None

    def by_position(self, output: Tensor) -> Tensor:
        """Return the output as `(N, *grid, width)`, a view."""
        if self.is_convolution:
            batched = output if output.dim() == self.spatial + 2 else output.unsqueeze(0)
            return batched.movedim(1, -1)
        if output.dim() == 1 or (output.dim() == 2 and isinstance(self.module, SEQUENCES)):
            return output.unsqueeze(0)
        return output.transpose(0, 1) if self.time_first and output.dim() > 2 else output

    def by_filter(self, values: Tensor) -> Tensor:
        """Reduce rectified values `(S, width)` to one of each filter, `(S, F)`."""
        return values.unflatten(1, (self.filters, self.head_size)).mean(2) if self.unit == "heads" else values


def unwrap(model: nn.Module) -> nn.Module:
    """Return the user's own model behind the wrappers of torch."""
    for name in WRAPPERS:
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module) and type(model).__module__.startswith("torch."):
            return unwrap(inner)
    return model


def find_layers(model: nn.Module, patterns: Sequence[str] | None = None) -> list[Layer]:
    """Return the layers of a model in the order of its modules; `patterns` are globs over module paths.

    A module that stands in the model under several names is one layer, under the first that is asked for.
    """
    names: dict[int, list[str]] = {}
    modules: dict[int, nn.Module] = {}
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules(remove_duplicate=False):
        if not (inside and name.startswith(inside)):
            names.setdefault(id(module), []).append(name)
            modules[id(module)] = module
        if is_torchs_own(module):
            inside = (*inside[-64:], f"{name}." if name else "")
    found = (_as_layer(names[key], module, patterns) for key, module in modules.items())
    return [layer for layer in found if layer is not None]


def _as_layer(names: list[str], module: nn.Module, patterns: Sequence[str] | None) -> Layer | None:
    wanted = [name for name in names if matches(name, patterns)]
    if not wanted:
        return None
    path, also = wanted[0], tuple(name for name in names if name != wanted[0])
    return _layer_of(path or type(module).__name__, module, path=path, also=also)


def matches(name: str, patterns: Sequence[str] | None) -> bool:
    """Return whether a layer is asked for: its name fits one of the globs, or there are none."""
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is of a kind that is a layer."""
    return _layer_of("", module) is not None


def _layer_of(name: str, module: nn.Module, **more: Any) -> Layer | None:
    kind, own = type(module).__name__.removeprefix("Lazy"), weakref.ref(module)
    if isinstance(module, _ConvNd):
        kernel = tuple(module.kernel_size)
        return Layer(name, own, kind, module.out_channels, len(kernel), kernel, **more)
    if isinstance(module, nn.Linear):
        return Layer(name, own, kind, int(module.out_features), unit="units", **more)
    if is_linear_by_another_name(module):
        return Layer(name, own, kind, int(cast(Any, module).nf), unit="units", **more)
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return Layer(name, own, kind, module.embedding_dim, unit="dimensions", signed=True, **more)
    if isinstance(module, nn.RNNBase):
        return _recurrent(name, module, kind, more)
    if isinstance(module, nn.RNNCellBase):
        return Layer(name, own, kind, module.hidden_size, unit="units", signed=True, words=_HIDDEN, **more)
    if is_torchs_own(module):
        module = cast(nn.MultiheadAttention, module)
        more = {**more, "time_first": not module.batch_first, "head_size": module.head_dim, "words": HEADS}
        return Layer(name, own, kind, module.num_heads, unit="heads", signed=True, **more)
    return None


HEADS = ("heads before projection",)
_HIDDEN = ("hidden state",)


def _recurrent(name: str, module: nn.RNNBase, kind: str, more: dict[str, Any]) -> Layer:
    ways = 2 if module.bidirectional else 1
    words = (*_HIDDEN, *([f"last of {module.num_layers} layers"] if module.num_layers > 1 else ()))
    words = (*words, *(["both directions"] if ways == 2 else ()))
    filters = ways * (module.proj_size or module.hidden_size)
    own, first = weakref.ref[nn.Module](module), not module.batch_first
    return Layer(name, own, kind, filters, unit="units", signed=True, time_first=first, words=words, **more)


def is_linear_by_another_name(module: nn.Module) -> bool:
    """Return whether this is the Conv1D of Hugging Face, which GPT-2 has in place of linear layers."""
    return type(module).__name__ == "Conv1D" and type(module).__module__.startswith("transformers.")


def features_in(module: nn.Module) -> int | None:
    """Return how many numbers a linear layer reads, None for any other module."""
    if isinstance(module, nn.Linear):
        return module.in_features
    return int(cast(Tensor, module.weight).shape[0]) if is_linear_by_another_name(module) else None
