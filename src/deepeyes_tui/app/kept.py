"""Maps that are kept in the record of a run: the one in focus written, and shown again when the run is gone through."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from deepeyes_tui.app.maps import InputMap, Maps
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.history import HistoryError
from deepeyes_tui.history.kept import KeptMaps, keep, list_kept, load
from deepeyes_tui.link.maps import Progress, Stage

OF_A_RECORD = -1
"""The version of maps that come from no analysis process."""


def keep_shown(scene: Scene, folder: Path) -> str:
    """Write the maps of the layer in focus, and say so. Raises HistoryError, OSError."""
    shown = scene.input_map
    if shown is None or not shown.complete:
        raise HistoryError(f"there is no whole map of {scene.layer_name or 'a layer'} yet to be kept")
    maps = KeptMaps(shown.sample, shown.shape, shown.frame, shown.quality, scene.filter_map)
    size = keep(folder, maps).stat().st_size
    return f"kept: the maps of {scene.layer_name} at step {maps.step:,} ({size / 1e6:.1f} MB); a replay shows them"


def with_kept(scene: Scene, folder: Path) -> Scene:
    """Return the scene with the maps that were kept, if others are shown."""
    maps, now = kept_maps(scene, folder), scene.maps
    same = (maps.input, maps.filters, maps.failure) == (now.input, now.filters, now.failure)
    return scene if same else replace(scene, maps=maps)


def kept_maps(scene: Scene, folder: Path) -> Maps:
    """Return the maps of the layer in focus that were kept last at or before the step that is shown."""
    step = scene.snapshot.status.step if scene.snapshot is not None else -1
    fitting = [known for known in list_kept(folder) if known.layer == scene.layer_name and known.step <= step]
    if not fitting:
        return Maps()
    return _loaded(fitting[-1].path, fitting[-1].at)


@lru_cache(maxsize=8)
def _loaded(path: Path, _at: float) -> Maps:
    try:
        kept = load(path)
    except HistoryError as error:
        return Maps(failure=str(error))
    shown = InputMap(kept.sample, kept.shape, kept.frame, kept.quality)
    ready = Progress(0, Stage.READY)
    return Maps(OF_A_RECORD, ready, sample=kept.sample, input=shown, filters=kept.filters, kept=kept.step)
