"""What the analysis process has said so far, put together: frozen, the newest of each kind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.maps import (
    Answer,
    Failure,
    FilterMap,
    LayerNumbers,
    MapFrame,
    MapQuality,
    MapShape,
    Progress,
    Sample,
    Stage,
    Survey,
)

SHELF_BYTES = 16 << 20
"""Of the maps of other layers that are kept."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class InputMap:
    """A map that can be drawn: the points of `shape` at `frame.positions`, rows of `sample`."""

    sample: Sample
    shape: MapShape
    frame: MapFrame
    quality: MapQuality | None = None

    @property
    def ids(self) -> NDArray[np.int64]:
        """The instances that the points are, `(n,)`."""
        return self.sample.ids[self.shape.points]

    @property
    def labels(self) -> NDArray[np.int32]:
        """The label of each point, `(n,)`."""
        return self.sample.labels[self.shape.points]

    @property
    def complete(self) -> bool:
        """Whether the layout has come to its end."""
        return self.frame.iteration >= self.frame.iterations


Shelf = tuple[tuple[InputMap, FilterMap | None], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """`sample` is the newest; `input` the newest map that has places, which may be of a sample before it.

    `since` is when `progress` was said. `shelf` has maps of other layers, the newest first, to be shown again at once.
    `kept` is the step at which maps of a record were kept, -1 for those of now.
    """

    version: int = 0
    progress: Progress = field(default_factory=lambda: Progress(0, Stage.STARTING))
    since: float = 0.0
    sample: Sample | None = None
    input: InputMap | None = None
    filters: FilterMap | None = None
    survey: Survey | None = None
    evidence: Evidence | None = None
    failure: str = ""
    coming: MapShape | None = None
    shelf: Shelf = ()
    kept: int = -1

    def numbers(self, layer: str) -> LayerNumbers | None:
        """Return the survey's numbers of a layer."""
        found = self.survey.layers if self.survey is not None else ()
        return next((numbers for numbers in found if numbers.layer == layer), None)


def taken(maps: Maps, answer: Answer, now: float) -> Maps:
    """Return the maps with an answer taken in; what comes too late changes nothing."""
    maps = replace(maps, version=maps.version + 1)
    match answer:
        case Progress():
            return replace(maps, progress=answer, since=now)
        case Failure():
            return replace(maps, failure=answer.sentence)
        case Sample():
            kept = _of_layer(maps.input, answer)
            shelf = maps.shelf if kept is not None else _shelved(maps)
            return replace(maps, sample=answer, coming=None, failure="", input=kept, shelf=shelf)
        case MapShape():
            return replace(maps, coming=answer, failure="")
        case MapFrame():
            return _with_frame(maps, answer)
        case MapQuality():
            shown = maps.input
            same = shown is not None and shown.shape.number == answer.number
            return replace(maps, input=replace(shown, quality=answer)) if shown is not None and same else maps
        case FilterMap():
            return replace(maps, filters=answer, failure="")
        case Survey():
            return replace(maps, survey=answer)
        case Evidence():
            return replace(maps, evidence=answer)


def _shelved(maps: Maps) -> Shelf:
    """Put the map that is shown onto the shelf, in the place of an older one of its layer; the oldest fall off."""
    shown = maps.input
    if shown is None or not shown.complete:
        return maps.shelf
    layer = shown.sample.layer
    filters = maps.filters if maps.filters is not None and maps.filters.layer == layer else None
    shelf: list[tuple[InputMap, FilterMap | None]] = [(shown, filters)]
    room = SHELF_BYTES - size_of(shown)
    for pair in maps.shelf:
        room -= size_of(pair[0])
        if room >= 0 and pair[0].sample.layer != layer:
            shelf.append(pair)
    return tuple(shelf)


def size_of(shown: InputMap) -> int:
    """Return about how many bytes a map takes."""
    return shown.sample.activations.nbytes + shown.sample.thumbnails.nbytes


def _of_layer(shown: InputMap | None, sample: Sample) -> InputMap | None:
    """Keep a map on the screen while its layer is mapped anew, not when another layer is."""
    same = shown is not None and (shown.sample.layer, shown.sample.filters) == (sample.layer, sample.filters)
    return shown if same else None


def _with_frame(maps: Maps, frame: MapFrame) -> Maps:
    shown, coming, sample = maps.input, maps.coming, maps.sample
    if coming is not None and coming.number == frame.number:
        if sample is None or sample.number != coming.sample:
            sample = shown.sample if shown is not None and shown.sample.number == coming.sample else None
        if sample is None:
            return maps
        return replace(maps, input=InputMap(sample, coming, frame), coming=None)
    if shown is not None and shown.shape.number == frame.number:
        return replace(maps, input=replace(shown, frame=frame))
    return maps


class MapBox:
    """Takes answers from the analyst's thread and keeps the latest maps for the app."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._latest = Maps()

    @property
    def latest(self) -> Maps:
        """What is known now."""
        return self._latest

    def receive(self, answer: Answer) -> None:
        """Take in one answer; from one thread at a time."""
        self._latest = taken(self._latest, answer, self._clock())

    def forget(self) -> None:
        """Drop all maps, as when the model has another structure."""
        before = self._latest
        self._latest = Maps(version=before.version + 1, progress=before.progress, since=before.since)
