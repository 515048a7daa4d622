"""What is published, kept as well: the run's history."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from deepeyes_tui.history import Limits, Recorder, history_path
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import Snapshot, Status
from deepeyes_tui.probe.publishing import Publisher
from deepeyes_tui.probe.statistics.table import StatisticsTable

SHARE_OF_BUDGET = 0.15
"""What the writing thread may spend on states."""


class Recording:
    """Hands the states of a run, its curves and events to the thread that keeps them."""

    def __init__(self, run: Run, budget: float) -> None:
        self._run = run.name
        self._recorder = Recorder(history_path(run), replace(Limits(), share=SHARE_OF_BUDGET * budget))
        self.scalar = self._recorder.scalar
        self.event = self._recorder.event
        self.take_seconds = self._recorder.take_seconds

    @property
    def notice(self) -> str:
        """What hinders it, in a sentence; empty if nothing does."""
        return self._recorder.notice

    def take(self, status: Status, publisher: Publisher, table: StatisticsTable) -> None:
        """Keep what was published, if it is time."""
        if self._recorder.due(status.state):
            self._recorder.offer(self._snapshot(status, publisher, table))

    def _snapshot(self, status: Status, publisher: Publisher, table: StatisticsTable) -> Snapshot:
        """Return the state with arrays of its own."""
        return Snapshot(
            run=self._run,
            generation=publisher.generation,
            sequence=0,
            layers=publisher.layers,
            labels=publisher.labels,
            status=status,
            arrays=MappingProxyType({name: array.copy() for name, array in table.arrays().items()}),
        )

    def close(self, timeout: float = 5.0) -> None:
        """Write what is left, and let go of the file, within `timeout` seconds."""
        self._recorder.close(timeout)
