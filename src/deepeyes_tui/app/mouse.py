"""The mouse of a viewer: its clicks told from its drags. `pointing` says what each of them does to the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events

from deepeyes_tui.app.pointing import Cell, clicked, dragged, released
from deepeyes_tui.app.surface import Surface

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer


class Mouse:
    """Does what the mouse says, as long as nothing lies over the viewer's surface."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._pressed: Cell | None = None
        self._dragging = False

    def press(self, event: events.MouseDown) -> None:
        """Remember where a drag may begin."""
        self._pressed, self._dragging = (event.screen_x, event.screen_y), False

    def move(self, event: events.MouseMove) -> None:
        """Draw a rectangle over a map while the button is down."""
        arrangement, here = self._viewer.surface.arrangement, (event.screen_x, event.screen_y)
        if self._pressed is None or not event.button or arrangement is None or not self._on_surface:
            return
        if here != self._pressed or self._dragging:
            self._dragging = True
            self._viewer.scene = dragged(self._viewer.scene, arrangement, self._pressed, here)

    def release(self) -> None:
        """End the rectangle."""
        if self._dragging:
            self._viewer.scene = released(self._viewer.scene, self._viewer.surface.room)
        self._pressed = None

    def click(self, event: events.Click) -> None:
        """Put the focus on what is under the mouse; the click that ends a drag means nothing."""
        arrangement = self._viewer.surface.arrangement
        if self._dragging:
            self._dragging = False
        elif arrangement is not None and self._on_surface:
            self._viewer.scene = clicked(self._viewer.scene, arrangement, event.screen_x, event.screen_y)

    @property
    def _on_surface(self) -> bool:
        return isinstance(self._viewer.focused, Surface)
