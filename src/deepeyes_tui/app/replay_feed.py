"""The feed of a recorded run: a thread that reads the state at the step that is wanted; the newest wish wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from deepeyes_tui.app.beside import Beside
from deepeyes_tui.app.feed import Feed, News, ReadActs, ReadLines
from deepeyes_tui.app.replaying import Timeline
from deepeyes_tui.history import History, HistoryError
from deepeyes_tui.link.snapshot import Series
from deepeyes_tui.link.watcher import Condition, RunView

LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the record of a run that is under way has grown."""


class ReplayFeed(Feed):
    """Reads a record; it is opened by the thread that reads it, with `open_history`, and closed there."""

    def __init__(
        self,
        open_history: Callable[[], History],
        read_lines: ReadLines,
        read_acts: ReadActs = list,
        wanted: int | None = None,
    ) -> None:
        super().__init__(lambda: None, read_lines, 1 / LOOK_AGAIN, read_acts)
        self._open = open_history
        self._history: History | None = None
        self._wish = threading.Condition()
        self._wanted, self._wishes, self._answered = wanted, 0, 0
        self._shown: tuple[object, ...] = ()
        self._curves: Mapping[str, Series] = {}
        self._timeline: Timeline | None = None

    def seek(self, step: int | None) -> None:
        """Wish for the state at a step, None for the newest. Returns at once; from any thread."""
        with self._wish:
            self._wanted = step
            self._wishes += 1
            self._wish.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait until what was wished for by now is there, or some time has passed; return whether it is."""
        with self._wish:
            wishes = self._wishes
            return self._wish.wait_for(lambda: self._answered >= wishes or self._stop.is_set(), seconds)

    def stop(self) -> None:
        """Stop reading, soon."""
        super().stop()
        with self._wish:
            self._wish.notify_all()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.read()
            with self._wish:
                self._wish.wait_for(lambda: self._wishes > self._answered or self._stop.is_set(), LOOK_AGAIN)
        with self._reading:
            if self._history is not None:
                self._history.close()

    def _read(self) -> None:
        with self._wish:
            wanted, wishes = self._wanted, self._wishes
        try:
            self._take(wanted)
        except HistoryError as error:
            self._tell(RunView(None, Condition.UNREADABLE, f"unreadable: {error}"))
        with self._wish:
            self._answered = wishes
            self._wish.notify_all()

    def _take(self, wanted: int | None) -> None:
        """Read the state that is wanted, unless it is there already."""
        if self._history is None:
            self._history = self._open()
        history = self._history
        steps = history.steps
        step = history.last if wanted is None else wanted
        source = self.beside
        if self._shown == (step, len(steps), history.last, source):
            return
        self._look(history)
        snapshot = replace(history.at(step), series=self._curves)
        damage = f"; {history.damage}" if history.damage else ""
        sentence = f"replay, {snapshot.status.state}{damage}"
        beside = source.read(snapshot.status.step) if source is not None else None
        self._tell(RunView(snapshot, Condition.REPLAYED, sentence), beside)
        self._shown = step, len(steps), history.last, source

    def _look(self, history: History) -> None:
        """Read curves and events anew if the record has grown."""
        steps = history.steps
        if (
            self._timeline is not None
            and len(steps) == len(self._timeline.steps)
            and history.last == self._timeline.last
        ):
            return
        self._curves = {name: history.series(name) for name in history.series_names}
        began = history.at(history.first).status
        self._timeline = Timeline(steps, history.events, began.started_at or began.published_at)

    def _tell(self, view: RunView, beside: Beside | None = None) -> None:
        before = self._latest
        lines, acts = list(self._read_lines()), self._read_acts()
        self._lines.extend(lines)
        self._latest = News(
            before.number + 1, view, tuple(self._lines), (*before.acts, *acts), timeline=self._timeline, beside=beside
        )
        self._first.set()
