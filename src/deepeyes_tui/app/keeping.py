"""Keeping what is shown: the text twin of the view in focus, and a picture of the screen."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterable
from pathlib import Path

from deepeyes_tui.app.panes.age import as_of
from deepeyes_tui.app.panes.header import header_text
from deepeyes_tui.app.panes.preview import preview_text
from deepeyes_tui.app.picture import PANES
from deepeyes_tui.app.scene import Scene


def view_text(scene: Scene) -> str:
    """Return the header and the view in focus as text."""
    name = scene.desk.focus
    if scene.desk.proposal is not None:
        return f"{header_text(scene)}\n\n{preview_text(scene)}\n"
    title = ", ".join(filter(None, (str(name), as_of(scene, name))))
    return f"{header_text(scene)}\n\n{title}\n{PANES[name].text(scene)}\n"


def view_csv(scene: Scene) -> str:
    """Return the view in focus as comma-separated values; nothing where it has no columns."""
    columns = PANES[scene.desk.focus].columns(scene)
    if columns is None:
        return ""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns[0])
    writer.writerows(columns[1])
    return text.getvalue()


def write_view(scene: Scene, svg: str, png: bytes, folders: Iterable[Path], now: float) -> Path:
    """Write the view as text and CSV and the screen as pictures beside it, into the first folder that takes them.

    Returns the path of the text. Raises OSError if none does.
    """
    step = scene.snapshot.status.step if scene.snapshot else 0
    stamp = time.strftime("%H%M%S", time.localtime(now))
    stem = f"{_clean(scene.run)}-{_clean(scene.desk.focus.lower())}-step{step}-{stamp}"
    columns = view_csv(scene)
    trouble: OSError | None = None
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{stem}.txt"
            path.write_text(view_text(scene), encoding="utf-8")
            path.with_suffix(".svg").write_text(svg, encoding="utf-8")
            if png:
                path.with_suffix(".png").write_bytes(png)
            if columns:
                path.with_suffix(".csv").write_text(columns, encoding="utf-8")
        except OSError as error:
            trouble = error
        else:
            return path
    raise trouble or FileNotFoundError("there is no folder to write to")


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:40].strip("-.") or "run"
