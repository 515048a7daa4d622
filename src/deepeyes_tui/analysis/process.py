"""The analysis process of a viewer: answers requests one at a time, the newest of each kind; ends with its viewer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from deepeyes_tui.analysis.evidence import gather_evidence
from deepeyes_tui.analysis.filters import compare_filters, describe_filters, place_filters
from deepeyes_tui.analysis.input_map import FRAME_EVERY, Cancelled, Desk, InputMapSession
from deepeyes_tui.analysis.progress import Stopped
from deepeyes_tui.analysis.survey import INSTANCES, survey_layer
from deepeyes_tui.analysis.warm_up import warm_up
from deepeyes_tui.link.errors import RingError
from deepeyes_tui.link.findings import EvidenceRequest
from deepeyes_tui.link.instances import Instances
from deepeyes_tui.link.maps import (
    Answer,
    Failure,
    FilterMap,
    FilterMapRequest,
    InputMapRequest,
    Progress,
    Request,
    Stage,
    Survey,
    SurveyRequest,
)
from deepeyes_tui.link.ring import RingReader

NICE = 2
"""Below the training's priority, and not so far that a map takes ten times as long beside it."""
ORDER: tuple[type, ...] = (InputMapRequest, FilterMapRequest, SurveyRequest, EvidenceRequest)
"""What is answered first."""


class Inbox:
    """The newest request of each kind. A newer one of the same kind makes the one before unwanted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[type, Request] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True, name="deepeyes-inbox").start()

    def take(self) -> Request:
        """Return the next request, waiting for one."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting))
            kind = next(kind for kind in ORDER if kind in self._waiting)
            return self._waiting.pop(kind)

    def pressing(self, request: Request) -> bool:
        """Return whether something waits that goes before this request."""
        urgent = ORDER[: ORDER.index(type(request)) + 1]
        return any(kind in self._waiting for kind in urgent)

    def put_back(self, request: Request) -> None:
        """Let a request wait until what is more urgent is done; a newer one of its kind takes its place."""
        with self._changed:
            self._waiting.setdefault(type(request), request)

    def _listen(self) -> None:
        while True:
            try:
                request: Request = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)  # the viewer is gone, whatever is being computed
            with self._changed:
                self._waiting[type(request)] = request
                self._changed.notify()


class Analysis:
    """Answers requests; keeps what was read of the layer that is looked at."""

    def __init__(self, inbox: Inbox, send: Callable[[Answer], None]) -> None:
        self._inbox, self._send = inbox, send
        self._maps: tuple[Path, InputMapSession] | None = None
        self._filters: FilterMap | None = None

    def answer(self, request: Request) -> None:
        """Answer one request, or put it back when something more urgent comes; say in a sentence what failed."""
        desk = Desk(self._send, self._reporter(request.number), lambda: self._inbox.pressing(request))
        try:
            match request:
                case InputMapRequest():
                    self._input_map(request, desk)
                case FilterMapRequest():
                    self._filter_map(request, desk)
                case SurveyRequest():
                    self._survey(request, desk)
                case EvidenceRequest():
                    self._evidence(request, desk)
        except (Cancelled, Stopped):
            self._inbox.put_back(request)
        except (ValueError, RingError) as error:
            self._send(Failure(request.number, str(error)))
        except MemoryError:
            self._send(Failure(request.number, f"not enough memory for the map of {request_layer(request)}"))
        self._send(Progress(request.number, Stage.READY))

    def _reporter(self, number: int) -> Callable[[Stage], None]:
        started, last = time.monotonic(), None

        def report(stage: Stage) -> None:
            nonlocal last
            if stage is not last:
                last = stage
                self._send(Progress(number, stage, time.monotonic() - started))

        return report

    def _input_map(self, request: InputMapRequest, desk: Desk) -> None:
        path, session = self._maps or (None, None)
        if session is None or path != request.path or request.renew:
            desk.busy(Stage.READING)
            before = session if path == request.path else None
            session = InputMapSession(read(request.path, request.layer), desk, request, before)
            self._maps = request.path, session
        session.show(request, desk)

    def _filter_map(self, request: FilterMapRequest, desk: Desk) -> None:
        desk.busy(Stage.SIMILARITY)
        seen = read(request.path, request.layer, INSTANCES)
        like = compare_filters(seen)
        plain, before = describe_filters(request.number, seen, like), self._filters
        same = before is not None and before.layer == plain.layer and before.positions.shape == plain.positions.shape
        last = 0.0

        def watch(picture: FilterMap) -> bool:
            nonlocal last
            if time.monotonic() - last >= FRAME_EVERY:
                last = time.monotonic()
                desk.send(picture)
            return desk.unwanted()

        desk.busy(Stage.LAYOUT)
        done = place_filters(plain, like, before.positions if before is not None and same else None, watch)
        desk.check()
        self._filters = done
        desk.send(done)

    def _survey(self, request: SurveyRequest, desk: Desk) -> None:
        desk.busy(Stage.SURVEY)
        found = []
        for name, path in request.layers:
            desk.check()
            try:
                found.append(survey_layer(read(path, name, INSTANCES)))
            except (RingError, ValueError):
                continue  # a layer that has not run, or is gone by now
        desk.send(Survey(request.number, tuple(found)))

    def _evidence(self, request: EvidenceRequest, desk: Desk) -> None:
        desk.busy(Stage.FINDINGS)

        def reading(name: str, path: Path) -> Instances | None:
            desk.check()
            try:
                return read(path, name, INSTANCES)
            except (RingError, ValueError):
                return None  # a layer that has not run, or is gone by now

        desk.send(gather_evidence(request.number, [partial(reading, *layer) for layer in request.layers]))


def read(path: Path, layer: str, most: int | None = None) -> Instances:
    """Return the newest instances in a ring. Raises RingError, and ValueError where there are none yet."""
    reader = RingReader(path)
    try:
        seen = reader.read(most)
    finally:
        reader.close()
    if seen is None:
        raise ValueError(f"no instances of {layer} yet: it has not run since the training began")
    return seen


def request_layer(request: Request) -> str:
    """Return the name of the layer that is asked about."""
    return "all layers" if isinstance(request, SurveyRequest | EvidenceRequest) else request.layer


def serve(descriptor: int) -> None:
    """Serve the viewer at the other end of an inherited socket until it is gone."""
    os.nice(NICE)
    connection = Connection(descriptor)
    inbox = Inbox(connection)

    def send(answer: Answer) -> None:
        try:
            connection.send(answer)
        except OSError:
            os._exit(0)

    started = time.monotonic()
    warm_up(lambda *_: send(Progress(0, Stage.WARMING, time.monotonic() - started)))
    send(Progress(0, Stage.READY))
    analysis = Analysis(inbox, send)
    while True:
        analysis.answer(inbox.take())
