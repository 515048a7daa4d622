"""Keeping what the viewer shows: copied as text, written into files, maps put into the record of the run."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deepeyes_tui.app.keeping import view_text, write_view
from deepeyes_tui.app.kept import keep_shown
from deepeyes_tui.history import HistoryError

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer


def copy(viewer: Viewer) -> None:
    """Copy the view in focus as text."""
    viewer.copy_to_clipboard(view_text(viewer.scene))
    viewer.say(f"{viewer.scene.desk.focus} copied as text (if the terminal lets programs use the clipboard)")


def write(viewer: Viewer) -> None:
    """Write the view in focus and pictures of the screen: into the run's folder, or where the viewer was started."""
    folders = (viewer.setting.folder / "views", Path.cwd())
    try:
        path = write_view(viewer.scene, viewer.screen_svg(), viewer.screen_png(), folders, time.time())
    except OSError as error:
        viewer.say(f"the view could not be written: {error.strerror or error}", error=True)
    else:
        viewer.say(f"written: {path} and pictures beside it")


def keep_map(viewer: Viewer) -> None:
    """Put the maps of the layer in focus into the record."""
    viewer.run_worker(_keep_map(viewer), group="keeping", exclusive=True)


async def _keep_map(viewer: Viewer) -> None:
    try:
        viewer.say(await asyncio.to_thread(keep_shown, viewer.scene, viewer.setting.folder))
    except OSError as error:
        viewer.say(f"the map could not be kept: {error.strerror or error}", error=True)
    except HistoryError as error:
        viewer.say(str(error), error=True)
