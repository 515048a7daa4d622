"""What keys do in the panel for editing the training, as far as nothing is sent: pure functions of the scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from deepeyes_tui.app.panel import MOST_NEW, Does, Panel
from deepeyes_tui.app.panel_rows import asking, row_here, rows
from deepeyes_tui.app.quantities import NAMES, read_count, read_value, stepped
from deepeyes_tui.app.room import Move
from deepeyes_tui.app.scene import Asking, Scene
from deepeyes_tui.link.messages import GROWTHS

FAR = 10**6
PAGE = 8


def changed(scene: Scene, change: Callable[[Panel], Panel]) -> Scene:
    """Return the scene with another panel, if there is one."""
    panel = scene.desk.panel
    return scene if panel is None else scene.with_desk(panel=change(panel))


def _by(step: int) -> Move:
    def move(scene: Scene, _: object) -> Scene:
        every, here = rows(scene), row_here(scene)
        if here is None:
            return scene
        place = min(max(every.index(here) + step, 0), len(every) - 1)
        return to_row(scene, every[place].id)

    return move


def to_row(scene: Scene, row: str) -> Scene:
    """Put the cursor on a row."""
    return changed(scene, lambda panel: replace(panel, row=row, problem=""))


def _step(sign: int) -> Move:
    """Return a move that proposes the next value, count or way in the row under the cursor."""

    def move(scene: Scene, _: object) -> Scene:
        here = row_here(scene)
        if here is None:
            return scene
        match here.id:
            case "grow":
                return changed(scene, lambda panel: replace(panel, count=min(max(panel.count + sign, 1), MOST_NEW)))
            case "way":
                return changed(scene, lambda panel: replace(panel, way=_next_way(panel.way, sign)))
            case "freeze" | "unfreeze" if scene.selection.marks:
                return changed(scene, lambda panel: replace(panel, whole=not panel.whole))
            case name if name in NAMES and not here.refusal:
                return changed(scene, lambda panel: _proposed(panel, name, sign))
        return scene

    return move


def _next_way(way: str, sign: int) -> str:
    return GROWTHS[(GROWTHS.index(way) + sign) % len(GROWTHS)]


def _proposed(panel: Panel, name: str, sign: int) -> Panel:
    try:
        return panel.proposing(name, stepped(name, panel.value(name), sign))
    except ValueError as error:
        return replace(panel, problem=str(error))


def _escape(scene: Scene, _: object) -> Scene:
    """Take back one thing: the proposal under the cursor, else the panel."""
    here, panel = row_here(scene), scene.desk.panel
    if panel is not None and here is not None and here.id in panel.proposals:
        return scene.with_desk(panel=panel.dropping(here.id))
    return closed(scene)


def closed(scene: Scene) -> Scene:
    """Return the scene without the panel."""
    return scene.with_desk(panel=None)


def begin_typing(scene: Scene, first: str = "") -> Scene:
    """Let a value of the row under the cursor be typed, from nothing or a first digit; the row still shows the old."""
    here = row_here(scene)
    if here is None or here.refusal or not (here.id in NAMES or here.id == "grow"):
        return scene
    fresh = scene.with_desk(typing=first, asking=Asking.VALUE)
    return changed(fresh, lambda panel: replace(panel, problem=""))


def entered(scene: Scene, text: str) -> Scene:
    """Take what was typed as a proposal, and ask; what is none stays in the line, and the panel says why. What is so
    already is said to be.
    """
    here = row_here(scene)
    if here is None or not text.strip():
        return scene.with_desk(typing=None)
    try:
        after = changed(scene, lambda panel: _taken(panel, here.id, text))
    except ValueError as error:
        problem = str(error)
        return changed(scene, lambda panel: replace(panel, problem=problem))
    after = after.with_desk(typing=None)
    changed_row = row_here(after)
    if changed_row is None:
        return after
    if changed_row.does is Does.TYPE:
        return after.with_desk(note=f"the {changed_row.label} is {changed_row.value} already", note_is_error=False)
    return asking(after, changed_row)


def _taken(panel: Panel, row: str, text: str) -> Panel:
    if row == "grow":
        return replace(panel, count=read_count(text, MOST_NEW), problem="")
    return panel.proposing(row, read_value(row, text))


STEPS: dict[str, Move] = {"panel_less": _step(-1), "panel_more": _step(1)}
PANEL_MOVES: dict[str, Move] = {
    **STEPS,
    "down": _by(1),
    "up": _by(-1),
    "page_down": _by(PAGE),
    "page_up": _by(-PAGE),
    "first": _by(-FAR),
    "last": _by(FAR),
    "escape": _escape,
}
"""What these keys do while the panel is in front."""
