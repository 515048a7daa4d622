"""What every move is given beside the scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepeyes_tui.app.scene import Scene


@dataclass(frozen=True, slots=True)
class Room:
    """The size of the body of the pane in focus."""

    width: int = 80
    height: int = 20


Move = Callable[[Scene, Room], Scene]
