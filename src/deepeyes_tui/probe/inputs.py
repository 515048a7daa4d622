"""Which of a network's arguments is a picture, or anything else with places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

COLOURS = (1, 3, 4)


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
