"""What a viewer sees of a run at one moment: its newest snapshot, and whether it is still there."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.errors import BoardError, RunError
from deepeyes_tui.link.log import LogFollower
from deepeyes_tui.link.processes import process_alive
from deepeyes_tui.link.records import RunRecord
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import RunState, Snapshot

__all__ = ["Condition", "LogFollower", "RunView", "Watcher"]

SILENT_AFTER = 5.0
"""Seconds without a word from a training run before its state says so: more than a long step of a usual model."""
SILENT_STEPS = 3.0
"""A run of long steps is silent after so many of them."""
SHELL_SIGNAL = 128
"""What shells and containers add to the number of the signal that ended a process."""
LOOK_AT_PROCESS_EVERY = 1.0
"""Seconds between two looks at the process and its record: two small files each."""


class Condition(StrEnum):
    """The state of a run as a viewer shows it."""

    WAITING = "waiting"
    STARTING = "starting"
    TRAINING = "training"
    SILENT = "silent"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    GONE = "gone"
    UNREADABLE = "unreadable"
    REPLAYED = "replayed"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self in {Condition.FINISHED, Condition.STOPPED, Condition.FAILED, Condition.GONE}


@dataclass(frozen=True, slots=True)
class RunView:
    """The newest snapshot (None before there is one), and the state of the run in a word and in a sentence."""

    snapshot: Snapshot | None
    condition: Condition
    sentence: str


class Watcher:
    """Looks at a run, again and again; all its calls from one thread."""

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.time) -> None:
        self._run, self._clock = run, clock
        self._reader: BoardReader | None = None
        self._trouble = ""
        self._snapshot: Snapshot | None = None
        self._record = run.record()
        self._alive = True
        self._removed = False
        self._looked = -LOOK_AT_PROCESS_EVERY
        self._last: RunView | None = None

    def poll(self) -> RunView | None:
        """Return how things stand, or None when that is just as at the last call."""
        self._read_board()
        self._look_at_process()
        condition, sentence = self._judge()
        view = RunView(self._snapshot, condition, sentence)
        if self._last is not None and _same(view, self._last):
            return None
        self._last = view
        return view

    def close(self) -> None:
        """Let go of the board."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _read_board(self) -> None:
        if self._reader is not None and self._reader.superseded:
            self._take_newest()
            self.close()
        if self._reader is None:
            self._open_board()
        self._take_newest()

    def _open_board(self) -> None:
        self._trouble = ""
        if self._run.board.exists():
            try:
                self._reader = BoardReader(self._run.board)
            except BoardError as error:
                self._trouble = str(error) if self._run.board.exists() else ""

    def _take_newest(self) -> None:
        if self._reader is None:
            return
        try:
            newest = self._reader.read()
        except BoardError as error:
            self._trouble = str(error)
            self.close()
            return
        if newest is not None:
            self._snapshot = newest

    def _look_at_process(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_AT_PROCESS_EVERY:
            return
        self._looked = now
        try:
            self._record = self._run.record()
        except RunError:
            self._removed = not self._run.folder.exists()
        record = self._record
        alive = record.pid == 0 or not record.here or process_alive(record.pid, record.process_start)
        if self._alive and not alive:
            self.close()
            self._read_board()
        self._alive = alive

    def _judge(self) -> tuple[Condition, str]:
        if self._trouble and (self._alive or self._snapshot is None):
            return Condition.UNREADABLE, f"unreadable: {self._trouble}"
        if not self._alive:
            return (Condition.GONE, "gone: its folder was removed") if self._removed else self._judge_end()
        if self._snapshot is None:
            return Condition.WAITING, "waiting for the script to train a model"
        return self._judge_running(self._snapshot)

    def _judge_running(self, snapshot: Snapshot) -> tuple[Condition, str]:
        status = snapshot.status
        quiet = self._clock() - status.published_at
        match status.state:
            case RunState.PAUSED:
                return Condition.PAUSED, f"paused at step {status.step}"
            case RunState.STARTING:
                so_far = f" for {_coarse(quiet)}" if quiet > SILENT_AFTER else ""
                return Condition.STARTING, f"starting: the model is being watched, no step yet{so_far}"
            case RunState.TRAINING if quiet > _patience(status.steps_per_second):
                return Condition.SILENT, f"silent for {_coarse(quiet)} (last step {status.step})"
            case RunState.TRAINING:
                return Condition.TRAINING, "training"
        return _ended_by_itself(status.state, status.step)

    def _without_a_board(self) -> str:
        if self._run.history.exists():
            what = f"deepeyes replay {self._run.name} shows what was recorded"
            return f"finished; its last state could not be kept (was the disk full?): {what}"
        return "the script ended without calling deepeyes_tui.watch, and no model was found in it"

    def _judge_end(self) -> tuple[Condition, str]:
        record, state = self._record, self._snapshot.status.state if self._snapshot is not None else None
        step = self._snapshot.status.step if self._snapshot is not None else 0
        if record.lost:
            return Condition.GONE, "its record (run.json) cannot be read: nobody knows how it ended"
        if record.exit_status:
            return _ended_badly(record, state, step)
        if state in {RunState.FINISHED, RunState.STOPPED, RunState.FAILED}:
            return _ended_by_itself(RunState(state), step)
        if record.exit_status == 0:
            return Condition.FINISHED, f"finished after {step} steps" if state is not None else self._without_a_board()
        return Condition.GONE, "gone: the training process ended without a word"


def _ended_by_itself(state: RunState, step: int) -> tuple[Condition, str]:
    match state:
        case RunState.STOPPED:
            return Condition.STOPPED, f"stopped at step {step}"
        case RunState.FAILED:
            return Condition.FAILED, f"failed at step {step}: the script raised an error"
    return Condition.FINISHED, f"finished after {step} steps"


def _ended_badly(record: RunRecord, state: RunState | None, step: int) -> tuple[Condition, str]:
    status = record.exit_status or 0
    if state == RunState.STOPPED:
        return Condition.STOPPED, f"stopped at step {step}"
    if status < 0:
        return Condition.GONE, f"gone: killed by {_killer(-status)}"
    if status > SHELL_SIGNAL:
        return (
            Condition.FAILED,
            f"failed: exit status {status}, as of a process killed by {_killer(status - SHELL_SIGNAL)}",
        )
    return Condition.FAILED, f"failed: exit status {status}"


def _killer(number: int) -> str:
    """Name a signal; of the one that nobody can catch, say who sends it."""
    why = " (by somebody, or by the system when memory runs out)" if number == signal.SIGKILL else ""
    return f"{_signal_name(number)}{why}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _coarse(seconds: float) -> str:
    """Say a time so that the words change seldom."""
    if seconds < 60:
        return f"{seconds // 5 * 5:.0f} s"
    return f"{seconds // 60:.0f} min" if seconds < 3600 else f"{seconds // 3600:.0f} h"


def _patience(steps_per_second: float) -> float:
    """Return after how many seconds without a word a run counts as silent."""
    return max(SILENT_AFTER, SILENT_STEPS / steps_per_second) if steps_per_second > 0 else SILENT_AFTER


def _same(one: RunView, other: RunView) -> bool:
    return one.snapshot is other.snapshot and one.sentence == other.sentence
