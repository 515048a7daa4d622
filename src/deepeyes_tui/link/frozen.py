"""Arrays that may not be written to: what crosses a border is frozen."""

from __future__ import annotations

from typing import Any, TypeVar

from numpy.typing import NDArray

Frozen = TypeVar("Frozen", bound=NDArray[Any])


def frozen(array: Frozen) -> Frozen:
    """Return the array, which may not be written to any more."""
    array.flags.writeable = False
    return array
