"""What to call the models of a script: as its variables do, else by their classes."""

from __future__ import annotations

import sys
from collections.abc import Container

from torch import nn


def name_of(wrapped: tuple[nn.Module, nn.Module], taken: Container[str]) -> str:
    """Return a name for a model, given as it is called and without its wrappers, that none of the others has."""
    name = _variable(wrapped[0]) or _variable(wrapped[1]) or type(wrapped[1]).__name__
    number, unique = 2, name
    while unique in taken:
        unique, number = f"{name} {number}", number + 1
    return unique


def _variable(module: nn.Module) -> str:
    """Return under which name the script's own globals know it, or an object among them, as in `trainer.model`."""
    variables = list(vars(sys.modules["__main__"]).items())
    for name, value in variables:
        if value is module and not name.startswith("_"):
            return name
    for name, value in variables:
        inner = getattr(value, "__dict__", None)
        if name.startswith("_") or not isinstance(inner, dict) or isinstance(value, type | type(sys)):
            continue
        for attribute, held in list(inner.items()):
            if held is module:
                return f"{name}.{attribute}"
    return ""
