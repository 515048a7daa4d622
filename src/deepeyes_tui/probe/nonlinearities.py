"""Elementwise nonlinearities that may follow a layer; its output counts behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

RECTIFIED = frozenset(
    {"relu", "relu6", "gelu", "silu", "elu", "selu", "celu", "leaky_relu", "rrelu", "hardswish", "mish", "threshold"}
)
POSITIVE = frozenset({"sigmoid", "hardsigmoid", "softplus"})
SIGNED = frozenset({"tanh", "hardtanh", "softsign", "tanhshrink", "hardshrink", "softshrink", "logsigmoid"})
NAMES = RECTIFIED | POSITIVE | SIGNED
CLAMPS = frozenset({"clamp", "clip", "clamp_min"})
SIGNED_BELOW = 0.3
"""An unknown function is signed if its lowest value on [-4, 4] is below this share of its highest: GELU, SiLU and Mish
(at most 0.08) are not, tanh and identity (1) are."""


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """A function of each value alone, by its name; `signed` ones are measured by their absolute value."""

    name: str
    apply: Callable[[Tensor], Tensor]
    signed: bool = False


PRODUCT = Nonlinearity("product", Tensor.float, signed=True)
"""What is seen is a product already: of a gated layer."""


def rectify(values: Tensor, nonlinearity: Nonlinearity | None, *, signed: bool = False) -> Tensor:
    """Return activations as float32, not negative where finite: behind the nonlinearity, cut at zero.

    Signed ones (tanh, gated products, hidden states) are taken by their absolute value: there a filter is dead when it
    stays near zero on both sides, and always on when it is far from zero on either.
    """
    values = values.float()
    if nonlinearity is not None:
        values, signed = nonlinearity.apply(values), signed or nonlinearity.signed
    return values.abs() if signed else values.clamp_min(0)


def recognise(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], axis: int = -1) -> Nonlinearity | None:
    """Return the nonlinearity that a call of a torch function was, or None. `axis` is that of the filters."""
    name = getattr(function, "__name__", "").rstrip("_")
    if any(isinstance(value, Tensor) for value in (*args[1:], *kwargs.values())):
        return None
    if name in CLAMPS:
        return Nonlinearity("relu", functional.relu) if _lower_end(args, kwargs) == 0 else None
    if name == "softmax":
        along = args[1] if len(args) > 1 else kwargs.get("dim")
        return Nonlinearity(name, partial(torch.softmax, dim=-1)) if _same_axis(along, axis, args[0].dim()) else None
    if name == "hardtanh" and _ends(args, kwargs) == (0, 6):
        return Nonlinearity("relu6", functional.relu6)
    if name not in NAMES:
        return None
    implementation = getattr(functional, name, None) or getattr(torch, name)
    options = {key: value for key, value in kwargs.items() if key not in {"inplace", "input", "out"}}
    return Nonlinearity(name, partial(_with_options, implementation, args[1:], options), name in SIGNED)


def _lower_end(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    rest = len(args) == 1 or (len(args) == 2 and not kwargs)
    ends = args[1] if len(args) > 1 else kwargs.get("min")
    return ends if rest and kwargs.get("max") is None else None


def _ends(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    given = dict(zip(("min_val", "max_val"), args[1:3], strict=False))
    named = {**given, **kwargs}
    return named.get("min_val", -1), named.get("max_val", 1)


def _same_axis(one: Any, other: int, axes: int) -> bool:
    return isinstance(one, int) and one % axes == other % axes


def _with_options(
    function: Callable[..., Tensor], positional: tuple[Any, ...], options: dict[str, Any], values: Tensor
) -> Tensor:
    return function(values, *positional, **options)


def as_nonlinearity(module: nn.Module) -> Nonlinearity | None:
    """Return what a module without parameters does if it treats each value alone, such as a handwritten GELU; None for
    all others and for one that changes nothing. It is asked on numbers of our own.
    """
    if any(True for _ in (*module.parameters(), *module.buffers())):
        return None
    values = torch.linspace(-4, 4, 64)
    try:
        result = module.forward(values.clone())
        some = module.forward(values[:16].reshape(4, 4)).reshape(16)
    except Exception:  # a module of the user's, which may refuse other numbers in any way it likes
        return None
    if not isinstance(result, Tensor) or result.shape != values.shape or torch.equal(result, values):
        return None
    if not torch.allclose(result[:16], some, atol=1e-6):
        return None
    signed = bool(-result.min() > SIGNED_BELOW * result.max())
    return Nonlinearity(type(module).__name__, module.forward, signed)
