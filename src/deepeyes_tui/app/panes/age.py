"""What panes say where the statistics that they show are well behind the training."""

from __future__ import annotations

from deepeyes_tui.app.bindings import MAPS, PaneName
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.age import is_old, last_look

OF_ALL = (PaneName.LAYERS, PaneName.PERPLEXITY, PaneName.FINDINGS)
OF_ONE = (PaneName.LAYER, PaneName.FILTERS)


def as_of(scene: Scene, pane: PaneName) -> str:
    """Return of which step what a pane shows is, where the training has gone a good way since; else nothing."""
    if pane in MAPS and scene.maps.kept >= 0 and scene.sample is not None:
        return f"kept at step {scene.maps.kept:,}"
    if scene.snapshot is None or pane not in (*OF_ALL, *OF_ONE):
        return ""
    layer, step = scene.layer, scene.snapshot.status.step
    last = layer.last_observed_step if pane in OF_ONE and layer is not None else last_look(scene.snapshot)
    return f"as of step {last:,} of {step:,}" if is_old(last, step) else ""
