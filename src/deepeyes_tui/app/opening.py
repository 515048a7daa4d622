"""What is shown first, as it was asked for on the command line."""

from __future__ import annotations

from deepeyes_tui.app.bindings import PANE_KEYS, PANES, PaneName
from deepeyes_tui.app.folding import entered
from deepeyes_tui.app.moves import to_layer, to_pane
from deepeyes_tui.app.scene import Scene


def pane_named(wanted: str) -> PaneName:
    """Return the pane of a name, whatever its case and however its words are joined, or of a number.

    Raises ValueError.
    """
    if wanted in PANE_KEYS:
        return PANE_KEYS[wanted]
    plain = _plain(wanted)
    found = next((pane for pane in PANES if _plain(pane) == plain), None)
    if found is None:
        raise ValueError(f"there is no pane {wanted!r}: {', '.join(PANES)}")
    return found


def opened(scene: Scene, pane: str, layer: str) -> Scene:
    """Return the scene with a pane and a layer in focus; empty names change nothing. Raises ValueError."""
    if layer and scene.snapshot is not None:
        names = [info.name for info in scene.snapshot.layers]
        if layer not in names:
            raise ValueError(f"there is no layer {layer!r}: {', '.join(names[:20])}")
        scene = entered(to_layer(scene, names.index(layer)))
    return to_pane(scene, pane_named(pane)) if pane else scene


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace(" ", "")
