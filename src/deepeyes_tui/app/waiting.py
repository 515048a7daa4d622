"""The maps of one scene, waited for: for pictures on standard output."""

from __future__ import annotations

import time
from dataclasses import replace

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.mapping import SETTLE, Cartographer
from deepeyes_tui.app.maps import MapBox
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.analyst import Analyst
from deepeyes_tui.link.maps import Stage
from deepeyes_tui.link.runs import Run

LOOK_EVERY = 0.05


def with_maps(scene: Scene, run: Run, seconds: float) -> Scene:
    """Return the scene with the maps of its layer, or with what there is of them after some time."""
    box = MapBox()
    analyst = Analyst(box.receive)
    maps_of = Cartographer(analyst, box, lambda: run.instances, lambda _: None)
    until = time.monotonic() + seconds
    settled = time.monotonic() + 2 * SETTLE
    try:
        while time.monotonic() < until:
            scene = replace(scene, maps=box.latest)
            maps_of.look(scene)
            if time.monotonic() > settled and _complete(scene):
                break
            time.sleep(LOOK_EVERY)
    finally:
        analyst.close()
    return scene


def _complete(scene: Scene) -> bool:
    maps = scene.maps
    if scene.desk.focus is PaneName.FINDINGS:
        return bool(maps.failure) or maps.evidence is not None
    if maps.progress.stage is not Stage.READY:
        return False
    mapped = scene.input_map is not None and scene.input_map.quality is not None
    return bool(maps.failure) or (mapped and scene.filter_map is not None and maps.survey is not None)
