"""Maps that somebody asked to keep: a file each in the run's folder, to be shown again when the run is gone through."""

from __future__ import annotations

import io
import json
import os
import re
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.link.excerpts import Excerpts, InputKind
from deepeyes_tui.link.files import make_file
from deepeyes_tui.link.frozen import frozen
from deepeyes_tui.link.maps import FilterMap, MapFrame, MapQuality, MapShape, Sample

FOLDER = "kept"
VERSION = 1
PARTS: Mapping[str, type[Any]] = {
    "excerpts": Excerpts,
    "sample": Sample,
    "shape": MapShape,
    "frame": MapFrame,
    "quality": MapQuality,
    "filters": FilterMap,
}
NEEDED = ("excerpts", "sample", "shape", "frame")
DAMAGE = (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class KeptMap:
    """A map that is kept: of which layer, at which step, since when (since the epoch), and in which file."""

    step: int
    layer: str
    at: float
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class KeptMaps:
    """The Input Map of a layer, its points `shape` at the places of `frame`, rows of `sample`; its Filter Map."""

    sample: Sample
    shape: MapShape
    frame: MapFrame
    quality: MapQuality | None = None
    filters: FilterMap | None = None

    @property
    def step(self) -> int:
        """The step of its newest instance."""
        return int(self.sample.steps.max(initial=0))


def keep(folder: Path, maps: KeptMaps) -> Path:
    """Write maps into a run's folder, in the place of those of the same layer and step. Raises OSError."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    plain: dict[str, dict[str, Any]] = {}
    for name, part in _parts(maps):
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        arrays |= {f"{name}.{key}": value for key, value in values.items() if isinstance(value, np.ndarray)}
        plain[name] = {key: value for key, value in values.items() if not isinstance(value, np.ndarray | Excerpts)}
    layer = maps.sample.layer
    about = {"version": VERSION, "step": maps.step, "layer": layer, "at": time.time(), "parts": plain}
    data = io.BytesIO()
    np.savez_compressed(data, about=np.array(json.dumps(about, default=list)), **arrays)  # type: ignore[arg-type]
    (folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    path = folder / FOLDER / f"step{maps.step:010}-{_clean(layer)}.npz"
    os.close(make_file(path, data.getvalue()))
    return path


def list_kept(folder: Path) -> tuple[KeptMap, ...]:
    """Return the maps kept in a run's folder by their steps; files that are none, or damaged, are passed over."""
    found: list[KeptMap] = []
    with suppress(OSError):
        for path in (folder / FOLDER).glob("*.npz"):
            facts = path.stat()
            if (known := _described(path, facts.st_mtime_ns, facts.st_size)) is not None:
                found.append(known)
    return tuple(sorted(found, key=lambda known: (known.step, known.at)))


def load(path: Path) -> KeptMaps:
    """Return maps that were kept. Raises HistoryError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = _about(file)["parts"]
            arrays = {name: frozen(file[name]) for name in file.files if name != "about"}
        made: dict[str, Any] = {}
        for name in PARTS:
            if name in parts or name in NEEDED:
                made[name] = _part(name, parts[name], arrays, made)
        maps = KeptMaps(**{name: part for name, part in made.items() if name != "excerpts"})
        _check(maps)
    except DAMAGE as error:
        raise HistoryError(f"the map kept in {path.name} cannot be read: {error}") from error
    return maps


def _parts(maps: KeptMaps) -> Iterator[tuple[str, Any]]:
    yield "excerpts", maps.sample.excerpts
    for field in fields(maps):
        if (part := getattr(maps, field.name)) is not None:
            yield field.name, part


def _part(name: str, plain: Mapping[str, Any], arrays: Mapping[str, Any], made: Mapping[str, Any]) -> Any:
    own = {key.partition(".")[2]: array for key, array in arrays.items() if key.startswith(f"{name}.")}
    told = {key: _tuples(value) for key, value in plain.items()}
    if name == "excerpts":
        told["kind"], told["special"] = InputKind(told["kind"]), frozenset(told["special"])
        told["pieces"] = {int(token): str(text) for token, text in plain["pieces"].items()}
    if name == "sample":
        told["excerpts"] = made["excerpts"]
    return PARTS[name](**own, **told)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _about(file: Any) -> dict[str, Any]:
    about = json.loads(str(file["about"]))
    if about["version"] != VERSION:
        raise ValueError(f"it was written by another version ({about['version']})")
    return dict(about)


@lru_cache(maxsize=4096)
def _described(path: Path, _changed: int, _size: int) -> KeptMap | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            about = _about(file)
        return KeptMap(int(about["step"]), str(about["layer"]), float(about["at"]), path)
    except DAMAGE:
        return None


def _check(maps: KeptMaps) -> None:
    """Raise ValueError where parts do not fit each other."""
    sample, shape, points = maps.sample, maps.shape, len(maps.shape.points)
    each = (sample.activations, sample.labels, sample.steps, sample.inputs, sample.boxes, sample.thumbnails)
    whole = all(len(part) == sample.size for part in (*each, sample.maximum, sample.undetected, shape.members))
    inside = not points or (shape.points.min() >= 0 and shape.points.max() < sample.size)
    placed = maps.frame.positions.shape == (points, 2) and len(shape.weights) == points
    judged = maps.quality is None or len(maps.quality.trustworthiness) == points
    filters = maps.filters is None or maps.filters.positions.shape == (len(maps.filters.dead), 2)
    if not (whole and inside and placed and judged and filters):
        raise ValueError("its parts do not fit each other")


def _clean(layer: str) -> str:
    """Return a layer's name as part of a file's, told apart from others that look alike there."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', layer)[:60]}-{zlib.crc32(layer.encode()):08x}"
