"""What is typed into the status row: something to search for, the name of a selection, a value."""

from __future__ import annotations

from dataclasses import replace

from deepeyes_tui.app import panel_moves
from deepeyes_tui.app import selection as select
from deepeyes_tui.app.replaying import jumped
from deepeyes_tui.app.scene import Asking, Scene
from deepeyes_tui.app.search import search

LONGEST = 80


def typed(scene: Scene, key: str, character: str | None) -> Scene:
    """Return the scene after a key press in the search line."""
    text = scene.desk.typing or ""
    if key == "enter":
        return _entered(scene, text.strip())
    if key in ("escape", "ctrl+c") or (key == "backspace" and not text):
        return scene.with_desk(typing=None)
    if key == "backspace":
        return scene.with_desk(typing=text[:-1])
    if key == "ctrl+u":
        return scene.with_desk(typing="")
    return pasted(scene, character) if character else scene


def _entered(scene: Scene, text: str) -> Scene:
    match scene.desk.asking:
        case Asking.KEEP:
            return _kept(scene.with_desk(typing=None), text)
        case Asking.RECALL:
            return _recalled(scene.with_desk(typing=None), text)
        case Asking.VALUE:
            return panel_moves.entered(scene, text)
        case Asking.STEP:
            return jumped(scene, text)
    return search(scene, text)


def _kept(scene: Scene, name: str) -> Scene:
    if not name:
        return scene
    kept = replace(scene, selection=select.keep(scene.selection, name))
    return kept.with_desk(note=f"kept as {name}: ' takes it up again", note_is_error=False)


def _recalled(scene: Scene, name: str) -> Scene:
    """Take up the selection of a name, or the only one that begins so; no name: the one kept last."""
    names = list(scene.selection.named)
    found = [name] if name in names else [known for known in names if known.startswith(name)]
    if not name and names:
        found = names[-1:]
    if len(found) != 1:
        return scene.with_desk(note=f"kept are: {', '.join(names)}", note_is_error=True)
    taken = replace(scene, selection=select.recall(scene.selection, found[0]))
    return taken.with_desk(note=f"marked as kept under {found[0]}", note_is_error=False)


def pasted(scene: Scene, text: str) -> Scene:
    """Return the scene with a text put at the end of what is typed."""
    fresh = "".join(character for character in text if character.isprintable())
    return scene.with_desk(typing=((scene.desk.typing or "") + fresh)[:LONGEST])
