"""Elementwise nonlinearities that may follow a layer; its output counts behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

RECTIFIED = frozenset({"relu", "relu6", "gelu", "silu", "elu", "selu", "celu", "leaky_relu", "hardswish", "mish"})
POSITIVE = frozenset({"sigmoid", "hardsigmoid", "softplus"})
SIGNED = frozenset({"tanh", "hardtanh", "softsign", "tanhshrink", "hardshrink", "softshrink", "logsigmoid"})
NAMES = RECTIFIED | POSITIVE | SIGNED


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """An elementwise function by its name in torch; `signed` ones are measured by their absolute value."""

    name: str
    apply: Callable[[Tensor], Tensor]

    @property
    def signed(self) -> bool:
        """Whether negative values say as much as positive ones."""
        return self.name in SIGNED


def recognise(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Nonlinearity | None:
    """Return the nonlinearity that a call of a torch function was, or None."""
    name = getattr(function, "__name__", "").rstrip("_")
    if name not in NAMES or any(isinstance(value, Tensor) for value in (*args[1:], *kwargs.values())):
        return None
    implementation = getattr(functional, name, None) or getattr(torch, name)
    options = {key: value for key, value in kwargs.items() if key not in {"inplace", "input", "out"}}
    return Nonlinearity(name, partial(_with_options, implementation, args[1:], options))


def _with_options(
    function: Callable[..., Tensor], positional: tuple[Any, ...], options: dict[str, Any], values: Tensor
) -> Tensor:
    return function(values, *positional, **options)
