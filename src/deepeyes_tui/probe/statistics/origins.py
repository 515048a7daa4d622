"""Where layers and filters come from when the network has another shape: what is known of them goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)
NEW = -1


@dataclass(frozen=True, slots=True)
class Origins:
    """The numbers that layers `(L,)` and filters `(F,)` had before, flat over all layers; `NEW` for those that are."""

    layers: NDArray[np.int64]
    filters: NDArray[np.int64]
    whole: NDArray[np.int64]
    """As `layers`, but `NEW` as well for those whose filters are not the same, all of them and no other."""

    @classmethod
    def of(cls, layers: Sequence[int], filters: Sequence[NDArray[np.int64]], offsets: NDArray[np.int64]) -> Origins:
        """Return the origins from each layer's former number, its filters' former numbers within that layer, and the
        `offsets (L + 1,)` of the former layers, the end of the last among them.
        """
        flat = [
            np.where(own >= 0, own + offsets[layer], NEW) if layer >= 0 else np.full(len(own), NEW, np.int64)
            for layer, own in zip(layers, filters, strict=True)
        ]
        whole = [
            layer if layer >= 0 and np.array_equal(own, np.arange(offsets[layer + 1] - offsets[layer])) else NEW
            for layer, own in zip(layers, filters, strict=True)
        ]
        every = np.concatenate(flat) if flat else np.zeros(0, np.int64)
        return cls(np.asarray(layers, np.int64), every, np.asarray(whole, np.int64))


def taken(values: NDArray[Scalar], origins: NDArray[np.int64], empty: float, axis: int = 0) -> NDArray[Scalar]:
    """Return the values that go with their layers or filters along `axis`, `empty` for the new ones."""
    result = np.take(values, np.maximum(origins, 0), axis) if values.shape[axis] else _blank(values, origins, axis)
    gone = [slice(None)] * values.ndim
    gone[axis] = origins < 0  # type: ignore[call-overload]
    result[tuple(gone)] = empty
    return result


def _blank(values: NDArray[Scalar], origins: NDArray[np.int64], axis: int) -> NDArray[Scalar]:
    shape = list(values.shape)
    shape[axis] = len(origins)
    return np.zeros(shape, values.dtype)
