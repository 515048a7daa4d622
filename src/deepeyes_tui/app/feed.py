"""One thread reads board and log and keeps the latest: what comes faster than it is taken is never shown."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepeyes_tui.app.acts import JournalFollower
from deepeyes_tui.app.beside import Beside, BoardBeside, RecordBeside
from deepeyes_tui.app.replaying import Timeline, started
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.selection import Selection, carried, fit, forget_instances
from deepeyes_tui.link.journal import JOURNAL, Entry
from deepeyes_tui.link.snapshot import Snapshot
from deepeyes_tui.link.watcher import Condition, LogFollower, RunView, Watcher

if TYPE_CHECKING:
    from deepeyes_tui.link.launch import Launched
    from deepeyes_tui.link.runs import Run

KEPT_LINES = 5000
KEPT_ACTS = 1000
BROKEN = (Condition.FAILED, Condition.GONE, Condition.UNREADABLE)
Poll = Callable[[], RunView | None]
ReadLines = Callable[[], Iterable[str]]
ReadActs = Callable[[], list[Entry]]


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """The latest of a run, and of one beside it. Two of the same `number` show the same. `timeline`: of a replay."""

    number: int = 0
    view: RunView | None = None
    log: tuple[str, ...] = ()
    acts: tuple[Entry, ...] = ()
    timeline: Timeline | None = None
    beside: Beside | None = None


class Feed:
    """Reads `rate` times a second until it is stopped; errors of reading are the sources' own to turn into words."""

    def __init__(self, poll: Poll, read_lines: ReadLines, rate: float, read_acts: ReadActs = list) -> None:
        self._poll, self._read_lines, self._read_acts = poll, read_lines, read_acts
        self.beside: BoardBeside | RecordBeside | None = None
        self._interval = 1 / rate
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._latest = News()
        self._first = threading.Event()
        self._stop = threading.Event()
        self._reading = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="deepeyes-feed", daemon=True)

    @property
    def latest(self) -> News:
        """What was read last."""
        return self._latest

    def start(self) -> Feed:
        """Begin to read."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop reading, soon."""
        self._stop.set()

    def wait_for_snapshot(self, seconds: float) -> News:
        """Return the latest once there is a snapshot in it, or what there is after some time."""
        self._first.wait(seconds)
        return self._latest

    def _run(self) -> None:
        while not self._stop.is_set():
            self.read()
            self._stop.wait(self._interval if self._first.is_set() else min(self._interval, 0.05))

    def read(self) -> None:
        """Read once; keep what is new. From any thread."""
        with self._reading:
            self._read()

    def _read(self) -> None:
        view, lines, acts = self._poll(), list(self._read_lines()), self._read_acts()
        before = self._latest
        beside = self._read_beside(before)
        if view is None and not lines and not acts and beside is before.beside:
            return
        self._lines.extend(lines)
        log = tuple(self._lines) if lines else before.log
        known = (*before.acts, *acts)[-KEPT_ACTS:] if acts else before.acts
        self._latest = News(before.number + 1, view or before.view, log, known, beside=beside)
        if view is not None and (view.snapshot is not None or view.condition.is_over):
            self._first.set()

    def _read_beside(self, before: News) -> Beside | None:
        """Return what is known of the run beside this one; errors are its source's own to turn into words."""
        if self.beside is None:
            return None
        same = before.beside if before.beside is not None and before.beside.run == self.beside.run.name else None
        step = before.view.snapshot.status.step if before.view is not None and before.view.snapshot is not None else 0
        return self.beside.read(step) or same


def open_feed(run: Run, launched: Launched | None, rate: float) -> Feed:
    """Return a feed of a run; a process that this viewer started is waited for when it ends."""
    watcher, log = Watcher(run), LogFollower(run.log)

    def poll() -> RunView | None:
        if launched is not None:
            launched.poll()
        return watcher.poll()

    return Feed(poll, log.read_new, rate, JournalFollower(run.folder / JOURNAL).read_new)


def shown(scene: Scene, news: News) -> Scene:
    """Return the scene with the latest of the run in it."""
    view = news.view
    if news.timeline is not None:
        known = scene.replay
        scene = replace(scene, replay=replace(known, timeline=news.timeline) if known else started(news.timeline))
    if view is None:
        return replace(scene, log=news.log, acts=news.acts, beside=news.beside)
    snapshot = view.snapshot or scene.snapshot
    selection = scene.selection
    if snapshot is not None and snapshot is not scene.snapshot:
        if scene.snapshot is not None and scene.snapshot.generation != snapshot.generation:
            selection = forget_instances(_carried(selection, scene.snapshot, snapshot))
            scene = scene.with_desk(views={}, trails={}, brush=None)
        selection = fit(selection, tuple(info.filters for info in snapshot.layers))
    return replace(
        scene,
        snapshot=snapshot,
        sentence=view.sentence,
        ended=view.condition.is_over,
        failed=view.condition in BROKEN,
        silent=view.condition is Condition.SILENT,
        log=news.log,
        acts=_until(news),
        selection=selection,
        beside=news.beside,
    )


def _until(news: News) -> tuple[Entry, ...]:
    """Return what was done to the training, in a replay up to the state that is shown."""
    snapshot = news.view.snapshot if news.view is not None else None
    if news.timeline is None or snapshot is None:
        return news.acts
    return tuple(entry for entry in news.acts if entry.step <= snapshot.status.step)


def _carried(selection: Selection, before: Snapshot, after: Snapshot) -> Selection:
    """Return a selection as it stands in a model of another structure: layers go by their names."""
    numbers = {info.name: number for number, info in enumerate(after.layers)}
    places = {
        number: numbers[info.name]
        for number, info in enumerate(before.layers)
        if info.name in numbers and after.layers[numbers[info.name]].filters == info.filters
    }
    focus = before.layers[selection.layer].name if before.layers else ""
    return carried(selection, places, numbers.get(focus))
