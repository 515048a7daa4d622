"""What a viewer may ask of the watching itself: maxima anew, a layer in focus, another model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.probe.settings import Found
from deepeyes_tui.probe.steering import Answer, Handler


class Watching(Protocol):
    """What carries the requests out."""

    found: Found
    choose_root: Callable[[str], None]

    def reset_maximum(self, layer: str | None) -> None:
        """Forget the maxima of a layer, or of all. Raises ValueError for a layer that is not there."""

    def focus(self, layer: str | None) -> None:
        """Let one layer, or none, stream all its instances. Raises ValueError for a layer that is not there."""


class Requests:
    """Takes them from commands."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching

    def handlers(self) -> dict[str, Handler]:
        """Return what carries out each action."""
        return {Action.RESET: self._reset, Action.FOCUS: self._focus, Action.ROOT: self._choose_root}

    def _reset(self, command: Command, step: int) -> Answer:
        layer = _layer_of(command)
        self._watching.reset_maximum(layer)
        return Answer(f"maximum of {layer or 'every layer'} reset")

    def _focus(self, command: Command, step: int) -> Answer:
        layer = _layer_of(command)
        self._watching.focus(layer)
        return Answer("no layer is in focus" if layer is None else f"{layer} is in focus")

    def _choose_root(self, command: Command, step: int) -> Answer:
        name, roots = command.arguments.get("root"), self._watching.found.roots
        if name not in roots:
            there = ", ".join(roots) or "only the one that it watches"
            raise ValueError(f"the script trains no model {name!r}; there is {there}")
        self._watching.choose_root(str(name))
        return Answer(f"{name} is watched")


def _layer_of(command: Command) -> str | None:
    layer = command.arguments.get("layer")
    if layer is not None and not isinstance(layer, str):
        raise ValueError(f"{command.action} takes the name of a layer")
    return layer
