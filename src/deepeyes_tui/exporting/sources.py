"""Where an export takes its numbers from: the history of a run, or its last picture where there is none."""

from __future__ import annotations

from contextlib import closing
from typing import Protocol

import numpy as np

from deepeyes_tui.history import Curve, Event, History, HistoryError, history_path
from deepeyes_tui.history.kept import KeptMap, list_kept
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import Int, Snapshot
from deepeyes_tui.link.watcher import Watcher


class Source(Protocol):
    """What both have; `history.History` says what is what."""

    @property
    def steps(self) -> Int:
        """Steps of which there is a state."""

    @property
    def series_names(self) -> tuple[str, ...]:
        """Names of curves."""

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened."""

    @property
    def kept(self) -> tuple[KeptMap, ...]:
        """Maps that somebody asked to keep."""

    @property
    def damage(self) -> str:
        """A sentence if something could not be read."""

    def at(self, step: int) -> Snapshot:
        """Return the state at a step."""

    def curve(self, name: str, first: int | None = None, last: int | None = None) -> Curve:
        """Return a curve."""

    def close(self) -> None:
        """Let go of it."""


def open_source(run: Run) -> Source:
    """Return what is known of a run. Raises HistoryError."""
    if history_path(run).exists():
        return History(history_path(run))
    with closing(Watcher(run)) as watcher:
        view = watcher.poll()
    if view is None or view.snapshot is None:
        raise HistoryError(f"nothing is known of {run.name}: it has neither a history nor a last picture")
    return LastPicture(view.snapshot, list_kept(run.folder))


class LastPicture:
    """A run of which nothing but one state is known."""

    def __init__(self, snapshot: Snapshot, kept: tuple[KeptMap, ...] = ()) -> None:
        self._snapshot, self.kept = snapshot, kept
        self.steps: Int = np.array([snapshot.status.step], np.int64)
        self.series_names = tuple(snapshot.series)
        self.events: tuple[Event, ...] = ()
        self.damage = "there is no history of this run: only its last picture is exported"

    def at(self, step: int) -> Snapshot:
        """Return the only state, for any step."""
        return self._snapshot

    def curve(self, name: str, first: int | None = None, last: int | None = None) -> Curve:
        """Return a curve of the board, whose points carry no bounds but their mean. Raises KeyError."""
        series = self._snapshot.series[name]
        least, most = -1 if first is None else first, series.step.max(initial=0) if last is None else last
        within = (series.step >= least) & (series.step <= most)
        step, value, nonfinite = series.step[within], series.value[within], series.nonfinite[within]
        return Curve(name, step, value, value, value, np.isfinite(value) + nonfinite, nonfinite)

    def close(self) -> None:
        """There is nothing to let go of."""
