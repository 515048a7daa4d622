"""`deepeyes ls`: all runs and how they stand."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from deepeyes_tui.history import History, HistoryError, history_path
from deepeyes_tui.link.folders import runs_folder
from deepeyes_tui.link.removal import size_of
from deepeyes_tui.link.runs import Run, find_run, is_live, list_runs, sweep
from deepeyes_tui.link.snapshot import Status
from deepeyes_tui.link.watcher import RunView, Watcher
from deepeyes_tui.removing import bytes_in_words

MUCH = 10e9
"""Bytes of all runs together from which it is said how to free some: nothing is removed unasked."""
COLUMNS = ("run", "state", "step", "loss", "accuracy", "size", "history", "started")


def print_runs(names: Sequence[str] = (), *, as_json: bool) -> int:
    """Print a line a run, the newest first, or of those that are named; 0 also where there is none. Raises RunError."""
    sweep()
    known = [facts(run) for run in (map(find_run, names) if names else list_runs())]
    if as_json:
        print(json.dumps(known, indent=1))
    elif not known:
        print(f"no runs yet in {runs_folder()}: start one with `deepeyes demo`")
    else:
        _print_table([COLUMNS, *(_row(entry) for entry in known)])
        if (advice := how_to_free(sum(entry["size"] for entry in known))) is not None:
            print(advice, file=sys.stderr)
    return 0


def how_to_free(size: int) -> str | None:
    """Say how to free space where runs take much of it, in bytes."""
    if size < MUCH:
        return None
    ways = "`deepeyes rm --older 30d` or `deepeyes rm --keep 10` (they ask) free some"
    return f"all runs together take {bytes_in_words(size)}: {ways}"


def facts(run: Run) -> dict[str, Any]:
    """Return what is known of a run, ready for JSON: numbers that are not known are None."""
    watcher = Watcher(run)
    view = watcher.poll()
    watcher.close()
    assert isinstance(view, RunView)
    record, status = run.record(), view.snapshot.status if view.snapshot else _recorded(run)
    return {
        "name": run.name,
        "state": str(view.condition),
        "sentence": view.sentence,
        "live": is_live(run),
        "step": status.step if status else 0,
        "epoch": _number(status.epoch) if status else None,
        "loss": _number(status.loss) if status else None,
        "accuracy": _number(status.accuracy) if status else None,
        "steps_per_second": _number(status.steps_per_second) if status else None,
        "cost": _number(status.cost) if status else None,
        "observed_steps": status.observed_steps if status else 0,
        "started": record.created,
        "pid": record.pid,
        "exit_status": record.exit_status,
        "command": list(record.command),
        "folder": str(run.folder),
        "size": size_of(run),
        "history": history_path(run).exists(),
        "notices": list(status.notices) if status else [],
    }


def _recorded(run: Run) -> Status | None:
    """Return how a run stood when it was recorded last: of one whose last board was lost."""
    try:
        with History(history_path(run)) as history:
            return history.at(history.last).status
    except HistoryError:
        return None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        entry["name"],
        entry["sentence"],
        str(entry["step"]),
        _short(entry["loss"], ".4f"),
        _short(entry["accuracy"], ".1%"),
        bytes_in_words(entry["size"]),
        "yes" if entry["history"] else "no",
        _ago(time.time() - entry["started"]),
    )


def _short(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
