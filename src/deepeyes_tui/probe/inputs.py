"""Which of a network's arguments its instances are cut from, and what it is: picture, text, signal or table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from deepeyes_tui.link.excerpts import InputKind
from deepeyes_tui.probe.layers import Layer

COLOURS = (1, 3, 4)
TOKENS_NAMED = "input_ids"
BESIDE_INPUTS = ("mask", "label", "position_ids", "token_type_ids", "target")
"""Arguments with these in their names are no inputs of their own."""
TOLD = tuple(kind.value for kind in InputKind if kind)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user says of the inputs: their kind, names of columns, the normalisation of pictures, the tokenizer."""

    kind: InputKind = InputKind.NONE
    columns: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    tokenizer: Any = None


@dataclass(frozen=True, slots=True)
class Input:
    """The inputs of one pass: a picture `(N, C, H, W)`, text `(N, T)`, a signal `(N, C, T)` or a table `(N, D)`.

    `laid_out` is false where places lie on another axis than torch has them on.
    """

    kind: InputKind
    value: Tensor
    laid_out: bool = True

    @property
    def length(self) -> int:
        """Places along a text or signal, columns of a table."""
        return int(self.value.shape[-1])


def reading_of(
    inputs: str | Sequence[str] | None = None, tokenizer: Any = None, mean: Any = None, std: Any = None
) -> Reading:
    """Return what `watch` was told. Raises ValueError or TypeError for what makes no sense."""
    normalisation = _normalisation(mean, std)
    if isinstance(inputs, str):
        if inputs not in TOLD:
            raise ValueError(f"inputs is one of {', '.join(TOLD)}, or a list of the names of columns, not {inputs!r}")
        return Reading(InputKind(inputs), (), *normalisation, tokenizer)
    columns = tuple(map(str, inputs or ()))
    return Reading(InputKind.TABLE if columns else InputKind.NONE, columns, *normalisation, tokenizer)


def _normalisation(mean: Any, std: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if mean is None and std is None:
        return (), ()
    if mean is None or std is None:
        raise ValueError("mean and std are given together")
    means, stds = (_numbers(name, value) for name, value in (("mean", mean), ("std", std)))
    if len(means) != len(stds) or not min(stds) > 0:
        raise ValueError(f"mean and std are a number for each channel, std above 0, not {mean!r} and {std!r}")
    return means, stds


def _numbers(name: str, given: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in (given if hasattr(given, "__iter__") else (given,)))
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} is a number, or one for each channel, not {given!r}")
    return numbers


def find_input(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], kind: InputKind, layers: Sequence[Layer]
) -> Input | None:
    """Return the first of a network's arguments that is of a kind, or of any; token ids by their name go first."""
    found = list(_tensors(args, kwargs))
    found.sort(key=lambda named: named[0] != TOKENS_NAMED)
    fitting = (_as_input(value, kind, layers) for _, value in found)
    return next((each for each in fitting if each is not None), None)


def _tensors(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors with their names, also those one level down."""
    for name, value in (*(("", value) for value in args), *kwargs.items()):
        inner = value.items() if isinstance(value, Mapping) else ((name, each) for each in _several(value))
        for own, each in inner:
            if isinstance(each, Tensor) and each.numel() and not any(word in str(own) for word in BESIDE_INPUTS):
                yield str(own), each.detach()


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (tuple, list)) and not isinstance(value, PackedSequence) else (value,)


def _as_input(value: Tensor, kind: InputKind, layers: Sequence[Layer]) -> Input | None:
    if value.is_complex() or value.dtype == torch.bool or value.layout != torch.strided:
        return None
    match kind or _guess(value, layers):
        case InputKind.PICTURE:
            return _as_picture(value)
        case InputKind.TEXT if value.dim() == 2 and not value.is_floating_point():
            return Input(InputKind.TEXT, value)
        case InputKind.SIGNAL if value.is_floating_point():
            return _as_signal(value, layers)
        case InputKind.TABLE if value.dim() == 2:
            return Input(InputKind.TABLE, value)
    return None


def _guess(value: Tensor, layers: Sequence[Layer]) -> InputKind:
    axes = value.dim()
    if not value.is_floating_point():
        ids = axes == 2 and value.dtype in (torch.int64, torch.int32)
        return InputKind.TEXT if ids else InputKind.PICTURE if axes == 4 else InputKind.NONE
    if axes == 2:
        waves = any(isinstance(layer.module, nn.Conv1d) for layer in layers)
        return InputKind.SIGNAL if waves else InputKind.TABLE
    return {3: InputKind.SIGNAL, 4: InputKind.PICTURE, 5: InputKind.PICTURE}.get(axes, InputKind.NONE)


def _as_picture(value: Tensor) -> Input | None:
    """Take a picture, or the middle slice of a volume, with its channels first."""
    if value.dim() == 3:
        return Input(InputKind.PICTURE, value.unsqueeze(1))
    if value.dim() == 5:
        return Input(InputKind.PICTURE, value.select(2, value.shape[2] // 2))
    turned = is_channels_last(value)
    if value.dim() != 4:
        return None
    return Input(InputKind.PICTURE, value.movedim(3, 1) if turned else value, not turned)


def _as_signal(value: Tensor, layers: Sequence[Layer]) -> Input | None:
    if value.dim() == 2:
        return Input(InputKind.SIGNAL, value.unsqueeze(1), False)
    if value.dim() != 3:
        return None
    turned = _times_first(value, layers)
    return Input(InputKind.SIGNAL, value.movedim(2, 1) if turned else value, not turned)


def _times_first(value: Tensor, layers: Sequence[Layer]) -> bool:
    """Return whether a signal is `(N, T, C)`: by what the first layer whose width tells takes, else by its length."""
    first, last = value.shape[1:]
    for layer in layers:
        width = next((getattr(layer.module, name, None) for name in WIDTHS if hasattr(layer.module, name)), None)
        if first != last and width in (first, last):
            return bool(width == last)
    return bool(last < first)


WIDTHS = ("in_channels", "in_features", "input_size", "embed_dim")


def has_places(value: Any) -> bool:
    """Return whether a value is `(N, C, *size)`: numbers at places; whole numbers count as a picture's alone."""
    if not isinstance(value, Tensor) or value.is_complex() or value.dtype == torch.bool:
        return False
    return value.dim() >= 3 if value.is_floating_point() else value.dim() == 4


def is_channels_last(value: Tensor) -> bool:
    """Return whether a picture looks like `(N, H, W, C)`, which the network turns itself."""
    return value.dim() == 4 and value.shape[3] in COLOURS and value.shape[1] not in COLOURS


def first_with_places(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """Return the first of a network's arguments that has places, None if none has."""
    return next((value for value in (*args, *kwargs.values()) if has_places(value)), None)
