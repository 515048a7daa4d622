"""One layer's Input Map as it is gone through: what was read, the levels drilled into, the places they had."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.carry import carry_positions
from deepeyes_tui.analysis.levels import Level, Places, iterations_of, top_level
from deepeyes_tui.analysis.quality import projection_quality
from deepeyes_tui.analysis.sampling import make_sample
from deepeyes_tui.link.frozen import frozen
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.maps import (
    QUALITY_NEIGHBOURS,
    Answer,
    InputMapRequest,
    MapFrame,
    MapQuality,
    MapShape,
    Sample,
    Stage,
)

FRAME_EVERY = 0.06
"""Seconds between two frames: more are never drawn."""
LEAST = 3
ANCHORS = 3
"""Old points whose mean place is where a new point starts."""
Trail = tuple[tuple[int, ...], ...]
Patches = NDArray[np.float32]


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """Nobody waits for this any more."""


class Desk:
    """Where answers go: `send` them, `busy` says at what, `unwanted` whether to stop."""

    def __init__(self, send: Callable[[Answer], None], busy: Callable[[Stage], None], unwanted: Callable[[], bool]):
        self.send, self.busy, self.unwanted = send, busy, unwanted

    def check(self) -> None:
        """Raise Cancelled if nobody waits."""
        if self.unwanted():
            raise Cancelled

    def progress(self, stage: str, share: float) -> bool:
        """Take in the progress of a hierarchy; True stops it."""
        self.busy(Stage.NEIGHBOURS if stage == "neighbours" else Stage.HIERARCHY)
        return self.unwanted()


class InputMapSession:
    """The maps of one reading of a layer's instances. Raises ValueError for fewer than three."""

    def __init__(self, seen: Instances, desk: Desk, request: InputMapRequest, before: InputMapSession | None) -> None:
        if len(seen.ids) < LEAST:
            raise ValueError(f"{len(seen.ids)} instances of {request.layer} so far: a map needs at least {LEAST}")
        self.seen = seen
        self.sample: Sample = make_sample(request.number, seen)
        desk.send(self.sample)
        self._patches = seen.patches.astype(np.float32)  # (S, D)
        old = (before.top, before.seen.ids) if before is not None else None
        self._levels: dict[Trail, Level] = {(): top_level(self._patches, seen.ids, desk.progress, old)}
        self._places: dict[Trail, Places] = {}
        self._anchors = before.anchors() if before is not None else {}
        self._carried = before.carried_to(self) if before is not None else None

    @property
    def top(self) -> Level:
        """The coarsest level."""
        return self._levels[()]

    def carried_to(self, later: InputMapSession) -> Places | None:
        """Return where the coarsest points of a later reading start, going by the places they or theirs had here."""
        old, new, places = self.top.hierarchy, later.top.hierarchy, self._places.get(())
        if old is None or new is None or places is None or not np.isin(later.seen.ids, self.seen.ids).any():
            return None
        return carry_positions(old, places, self.seen.ids, new, later.seen.ids)

    def anchors(self) -> dict[Trail, tuple[Patches, Places]]:
        """Return the patches and places of the points of every level that was laid out, by its depth."""
        return {trail: (self._patches[self._levels[trail].points], places) for trail, places in self._places.items()}

    def show(self, request: InputMapRequest, desk: Desk) -> None:
        """Send the map at the end of a trail: its points, its places as they come, and how true they are."""
        trail = self._follow(request.trail, desk)
        level = self._levels[trail]
        shape = frozen(level.points), frozen(level.weights), frozen(level.members)
        desk.send(MapShape(request.number, self.sample.number, trail, level.level, level.levels, *shape))
        places = self._settled(trail, desk, request.number)
        desk.busy(Stage.QUALITY)
        quality = projection_quality(self._patches[level.points], places, k=QUALITY_NEIGHBOURS)
        desk.send(
            MapQuality(
                request.number,
                frozen(quality.trustworthiness),
                frozen(quality.continuity),
                frozen(quality.false_neighbours),
                frozen(quality.missing_neighbours),
            )
        )

    def _follow(self, wanted: Trail, desk: Desk) -> Trail:
        """Drill in along a trail, as far as its landmarks are still there; return the trail that was gone."""
        trail: Trail = ()
        for ids in wanted:
            level = self._levels[trail]
            selected = np.flatnonzero(np.isin(self.seen.ids[level.points], ids))
            if not len(selected) or level.drill_in is None:
                break
            deeper = (*trail, tuple(self.seen.ids[level.points[selected]].tolist()))
            if deeper not in self._levels:
                self._levels[deeper] = level.drill_in(selected, self._settled(trail, desk))
            trail = deeper
        return trail

    def _settled(self, trail: Trail, desk: Desk, number: int = 0) -> Places:
        """Return the places of a level, laid out if they are not known; with a number, every picture is sent."""
        places = self._places.get(trail)
        if places is None:
            places = self._places[trail] = self._lay_out(trail, desk, number)
        elif number:
            desk.send(MapFrame(number, 0, 0, frozen(places.copy())))
        return places

    def _lay_out(self, trail: Trail, desk: Desk, number: int) -> Places:
        level = self._levels[trail]
        start = self._start(level, trail)
        frames = _Frames(desk, number, iterations_of(start))
        desk.busy(Stage.LAYOUT)
        places = level.embed(start, frames.take)
        desk.check()
        frames.send(frames.iterations, places)
        return places

    def _start(self, level: Level, trail: Trail) -> Places | None:
        """Return where points start: at their parents' place, or where the map before had the likes of them."""
        if not trail and self._carried is not None:
            return self._carried
        if level.start is not None or trail not in self._anchors:
            return level.start
        patches, places = self._anchors[trail]
        own = self._patches[level.points]
        return places_of_nearest(own, patches, places) if own.shape[1] == patches.shape[1] else None


class _Frames:
    """Sends pictures of a layout on their way, as often as they can be drawn."""

    def __init__(self, desk: Desk, number: int, iterations: int) -> None:
        self._desk, self._number, self.iterations = desk, number, iterations
        self._last = 0.0

    def take(self, iteration: int, places: Places) -> bool:
        """Take one picture; True stops the layout."""
        now = time.monotonic()
        if self._number and now - self._last >= FRAME_EVERY:
            self._last = now
            self.send(iteration, places)
        return self._desk.unwanted()

    def send(self, iteration: int, places: Places) -> None:
        """Send one picture, if anyone is to see it."""
        if self._number:
            self._desk.send(MapFrame(self._number, iteration, self.iterations, frozen(places.astype(np.float32))))


def places_of_nearest(patches: Patches, anchors: Patches, places: Places) -> Places:
    """Return for each patch `(n, D)` the mean place of the three most similar anchors `(m, D)` at `places (m, 2)`.

    Refreshed maps start there: what looks alike stays where it was, though every instance is another one.
    """
    count = min(ANCHORS, len(anchors))
    squares = (anchors * anchors).sum(axis=1) - 2.0 * (patches @ anchors.T)  # (n, m)
    nearest = np.argpartition(squares, count - 1, axis=1)[:, :count]
    spread = places.std() * 1e-3 + 1e-6
    jitter = np.random.default_rng(0).standard_normal((len(patches), 2)) * spread
    around: Places = (places[nearest].mean(axis=1) + jitter).astype(np.float32)
    return around
