"""Another run to be seen beside the one that is shown: its curves and its numbers, from its board or its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deepeyes_tui.app.totals import totals
from deepeyes_tui.history import History, HistoryError, history_path
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import Series, Snapshot, Status
from deepeyes_tui.link.watcher import Watcher


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What is known of another run; `parameters` are those of its layers, `dead` the share of its filters that are.

    Without `status`, `sentence` says why.
    """

    run: str
    sentence: str
    status: Status | None = None
    series: Mapping[str, Series] = field(default_factory=dict)
    parameters: int = 0
    dead: float = float("nan")


def beside_of(run: str, sentence: str, snapshot: Snapshot | None) -> Beside:
    """Return a state of another run in a few numbers."""
    if snapshot is None:
        return Beside(run, sentence)
    return Beside(run, sentence, snapshot.status, snapshot.series, parameters_of(snapshot), dead_share(snapshot))


def parameters_of(snapshot: Snapshot) -> int:
    """Return the parameters of all layers."""
    return sum(info.parameters for info in snapshot.layers)


def dead_share(snapshot: Snapshot) -> float:
    """Return the share of all filters that are dead; NaN without any, and until all layers that have run are judged."""
    known = totals(snapshot)
    filters, judged = int(known.filters.sum()), bool((known.judged | ~known.has_run).all())
    return int(known.dead.sum()) / filters if filters and judged else float("nan")


class BoardBeside:
    """Follows another run by its board, or the last one that is kept of it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._watcher = Watcher(run)

    def read(self, _: int) -> Beside | None:
        """Return its newest state."""
        view = self._watcher.poll()
        return None if view is None else beside_of(self.run.name, view.sentence, view.snapshot)


class RecordBeside:
    """Reads the record of another run at the step that is gone through: whole curves, and the numbers of then.

    A run without a record is read from its board.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._history: History | None = None
        self._board: BoardBeside | None = None
        self._known: Beside | None = None

    def read(self, step: int) -> Beside | None:
        """Return its state at a step."""
        if self._board is None:
            try:
                return self._recorded(step)
            except HistoryError:
                self._board = BoardBeside(self.run)
        self._known = self._board.read(step) or self._known
        return self._known

    def _recorded(self, step: int) -> Beside:
        if self._history is None:
            self._history = History(history_path(self.run))
        snapshot, history = self._history.at(step), self._history
        made = beside_of(self.run.name, f"at step {snapshot.status.step:,}", snapshot)
        curves = {name: history.series(name) for name in history.series_names}
        return Beside(made.run, made.sentence, made.status, curves, made.parameters, made.dead)
