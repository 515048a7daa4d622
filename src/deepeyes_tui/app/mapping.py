"""When to ask for maps: for the layer that somebody looks at, once they have stayed with it, and again as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.maps import MapBox
from deepeyes_tui.app.scene import Scene, Trail
from deepeyes_tui.link.analyst import Analyst
from deepeyes_tui.link.errors import RingError
from deepeyes_tui.link.findings import Evidence, EvidenceRequest
from deepeyes_tui.link.maps import FilterMapRequest, InputMapRequest, Request, Stage, SurveyRequest
from deepeyes_tui.link.ring import RingReader, ring_path

SETTLE = 0.15
"""Seconds a layer has to stay in focus before its maps are asked for: who walks along the layers asks for nothing."""
GROWN = 2.0
"""A map is renewed by itself when there are so many times the instances it was made of."""
LOOK_EVERY = 1.0
"""Seconds between two looks at how a ring has grown."""
SURVEY_EVERY = 30.0
LOOK_AGAIN = 5.0
"""Seconds after which what no instances could tell is asked again."""
RESTS = 20.0
"""Times as long as looking for findings took, at least, until they are looked for again."""
MOST_SURVEYED = 32
"""Layers that are compared with each other; those around the one in focus, where there are more."""

Rings = Callable[[], Path]
Focus = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a map is of."""

    generation: int
    layer: str
    trail: Trail
    renewals: int


class Cartographer:
    """Asks the analysis process for what the scene needs. `focus` tells the training which layer is looked at."""

    def __init__(
        self,
        analyst: Analyst,
        box: MapBox,
        rings: Callable[[], Path],
        focus: Focus,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._analyst, self._box, self._rings, self._focus, self._clock = analyst, box, rings, focus, clock
        self._numbers = count(1)
        self._asked: Wanted | None = None
        self._wanted: Wanted | None = None
        self._since = self._looked = 0.0
        self._surveyed = self._examined = float("-inf")
        self._evidence: Evidence | None = None
        self._took = 0.0
        self._step = 0

    def look(self, scene: Scene) -> None:
        """Ask for what is missing: for maps where they are looked at, else for what the findings rest on."""
        wanted = self._of(scene)
        if wanted is None or not scene.desk.maps_screen or scene.desk.focus is PaneName.FINDINGS:
            self._examine(scene)
            return
        now = self._clock()
        if wanted != self._wanted:
            self._wanted, self._since = wanted, now
        if wanted != self._asked:
            known = self._asked is not None and self._asked.layer == wanted.layer
            if known or now - self._since >= SETTLE:
                self._ask(scene, wanted, renew=not self._only_drilled(wanted))
        elif self._idle() and now - self._looked >= LOOK_EVERY:
            self._looked = now
            if self._due(scene):
                self._ask(scene, wanted, renew=True)
            elif now - self._surveyed >= SURVEY_EVERY and (scene.maps.input is not None or scene.maps.failure):
                self._survey(scene, now)

    def _of(self, scene: Scene) -> Wanted | None:
        if scene.snapshot is None or not scene.layers:
            return None
        return Wanted(scene.snapshot.generation, scene.layer_name, scene.trail, scene.desk.renewals)

    def _only_drilled(self, wanted: Wanted) -> bool:
        before = self._asked
        same = before is not None and (before.generation, before.layer) == (wanted.generation, wanted.layer)
        return before is not None and same and before.renewals == wanted.renewals

    def _idle(self) -> bool:
        return self._box.latest.progress.stage is Stage.READY

    def _due(self, scene: Scene) -> bool:
        """Return whether the map in focus is to be renewed by itself."""
        if scene.snapshot is None or scene.desk.brush is not None or scene.desk.frozen:
            return False
        every, step = scene.desk.renew_every, scene.snapshot.status.step
        if every and step - self._step >= every:
            return True
        sample = scene.sample
        try:
            reader = RingReader(self._path(scene))
        except RingError:
            return False
        try:
            there = min(reader.written, reader.capacity)
        finally:
            reader.close()
        return there >= GROWN * (sample.size if sample is not None else 1)

    def _path(self, scene: Scene) -> Path:
        return ring_path(self._rings(), scene.selection.layer)

    def _ask(self, scene: Scene, wanted: Wanted, renew: bool) -> None:
        if self._asked is not None and self._asked.generation != wanted.generation:
            self._box.forget()
        if self._asked is None or self._asked.layer != wanted.layer:
            self._focus(wanted.layer)
        self._asked = wanted
        self._looked = self._clock()
        path = self._path(scene)
        self._send(InputMapRequest(next(self._numbers), path, wanted.layer, wanted.trail, renew))
        if renew:
            self._step = scene.snapshot.status.step if scene.snapshot else 0
            self._send(FilterMapRequest(next(self._numbers), path, wanted.layer))

    def _examine(self, scene: Scene) -> None:
        """Ask what the instances say for the findings, again as they become others."""
        now = self._clock()
        asked_for = scene.desk.focus is PaneName.FINDINGS and self._asked is None
        if scene.snapshot is None or not scene.layers or not (self._idle() or asked_for):
            return
        known, generation = scene.maps.evidence, scene.snapshot.generation
        if known is not self._evidence:
            self._evidence, self._took = known, now - self._examined
        outdated = known is not None and any(layer.generation != generation for layer in known.layers)
        if now - self._examined >= max(LOOK_AGAIN if outdated or known is None else SURVEY_EVERY, RESTS * self._took):
            self._examined = now
            names = [info.name for info in scene.snapshot.layers]
            layers = tuple((name, ring_path(self._rings(), i)) for i, name in enumerate(names))
            self._send(EvidenceRequest(next(self._numbers), layers))

    def _survey(self, scene: Scene, now: float) -> None:
        assert scene.snapshot is not None
        self._surveyed = now
        names = [info.name for info in scene.snapshot.layers]
        first = max(min(scene.selection.layer - MOST_SURVEYED // 2, len(names) - MOST_SURVEYED), 0)
        layers = [(names[i], ring_path(self._rings(), i)) for i in range(first, min(first + MOST_SURVEYED, len(names)))]
        self._send(SurveyRequest(next(self._numbers), tuple(layers)))

    def _send(self, request: Request) -> None:
        self._analyst.ask(request)
