"""What is typed into the status row while searching: a pure function of a key press."""

from __future__ import annotations

from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.search import search

LONGEST = 80


def typed(scene: Scene, key: str, character: str | None) -> Scene:
    """Return the scene after a key press in the search line."""
    text = scene.desk.typing or ""
    if key == "enter":
        return search(scene, text.strip())
    if key in ("escape", "ctrl+c") or (key == "backspace" and not text):
        return scene.with_desk(typing=None)
    if key == "backspace":
        return scene.with_desk(typing=text[:-1])
    if key == "ctrl+u":
        return scene.with_desk(typing="")
    return pasted(scene, character) if character else scene


def pasted(scene: Scene, text: str) -> Scene:
    """Return the scene with a text put at the end of what is typed."""
    fresh = "".join(character for character in text if character.isprintable())
    return scene.with_desk(typing=((scene.desk.typing or "") + fresh)[:LONGEST])
