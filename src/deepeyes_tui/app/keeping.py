"""Keeping what is shown: the text twin of the view in focus, and a picture of the screen."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

from deepeyes_tui.app.panes.header import header_text
from deepeyes_tui.app.picture import PANES
from deepeyes_tui.app.scene import Scene


def view_text(scene: Scene) -> str:
    """Return the header and the view in focus as text."""
    name = scene.desk.focus
    return f"{header_text(scene)}\n\n{name}\n{PANES[name].text(scene)}\n"


def write_view(scene: Scene, svg: str, folders: Iterable[Path], now: float) -> Path:
    """Write the view as text and the screen as a picture beside it, into the first folder that takes them.

    Returns the path of the text. Raises OSError if none does.
    """
    step = scene.snapshot.status.step if scene.snapshot else 0
    stamp = time.strftime("%H%M%S", time.localtime(now))
    stem = f"{_clean(scene.run)}-{scene.desk.focus.lower()}-step{step}-{stamp}"
    trouble: OSError | None = None
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{stem}.txt"
            path.write_text(view_text(scene), encoding="utf-8")
            path.with_suffix(".svg").write_text(svg, encoding="utf-8")
        except OSError as error:
            trouble = error
        else:
            return path
    raise trouble or FileNotFoundError("there is no folder to write to")


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:40].strip("-.") or "run"
