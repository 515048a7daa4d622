"""What the viewer does about maps: it has those made that are looked at, and shows them as they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deepeyes_tui.app import steering
from deepeyes_tui.app.kept import with_kept
from deepeyes_tui.app.mapping import Cartographer
from deepeyes_tui.app.maps import MapBox

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer

WARM_AFTER: Final = 1.0
"""Seconds after the first picture in which the analysis process is started: the picture goes before it."""
FRAMES_A_SECOND: Final = 10.0
"""Of a map that is being laid out, where the terminal is near."""
NEAR: Final = 4.0
"""Pictures a second from which on a terminal is not at the end of a slow link."""


class MapDesk:
    """Has the maps of one viewer made by its analyst, which puts them into a box."""

    def __init__(self, viewer: Viewer, box: MapBox, rings: Callable[[], Path]) -> None:
        self._viewer, self._box = viewer, box
        self._cartographer = Cartographer(viewer.analyst, box, rings, self._look_at, viewer.setting.clock)

    def begin(self, rate: float) -> None:
        """Look from now on, in a terminal that takes so many pictures a second."""
        self._viewer.set_interval(1 / (FRAMES_A_SECOND if rate >= NEAR else rate), self.look)
        self._viewer.set_timer(WARM_AFTER, self._viewer.analyst.start)

    def look(self) -> None:
        """Ask for the maps that are missing, and show what has come; in a replay, what was kept at its step."""
        scene = self._viewer.scene
        if scene.replay is not None and not scene.replay.at_end:
            self._show_kept()
            return
        self._cartographer.look(scene)
        maps = self._box.latest
        if maps.failure and scene.replay is not None and maps.input is None:
            self._show_kept()
            return
        held = scene.desk.frozen or scene.brush is not None  # what is being marked stays where it is
        if maps.version != scene.maps.version and not held and self._viewer.may_draw():
            self._viewer.scene = replace(scene, maps=maps)

    def _show_kept(self) -> None:
        self._viewer.scene = with_kept(self._viewer.scene, self._viewer.setting.folder)

    def _look_at(self, layer: str) -> None:
        """Tell the training which layer is looked at."""
        if self._viewer.scene.context.live:
            self._viewer.run_worker(self._tell(layer), group="focus", exclusive=True)

    async def _tell(self, layer: str) -> None:
        # A training that cannot be told goes on keeping small samples of every layer.
        await steering.send(self._viewer.setting.control, steering.focus_command(layer))
