"""Functions of torch replaced by ones that look on, and put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Patches:
    """What was replaced, and how to take that back."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put `make(what was there)` in the place of an attribute."""
        before = getattr(owner, name)
        after = make(before)
        setattr(owner, name, after)
        self._made.append((owner, name, before, after))

    def undo(self) -> None:
        """Put everything back that nobody else has replaced since."""
        while self._made:
            owner, name, before, after = self._made.pop()
            if getattr(owner, name, None) is after:
                setattr(owner, name, before)
