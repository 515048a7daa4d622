"""How a run stands, in a line: what `status` says, and why a run takes no commands any more."""

from __future__ import annotations

import math
import re

from deepeyes_tui.link.errors import NobodyListensError, RunError
from deepeyes_tui.link.folders import is_own
from deepeyes_tui.link.runs import Run, is_live, list_runs
from deepeyes_tui.link.snapshot import Snapshot
from deepeyes_tui.link.watcher import RunView, Watcher

MOST_NAMED = 4
"""Runs that are named as those which live."""


def view_of(run: Run) -> RunView:
    """Return how a run stands. Raises RunError."""
    watcher = Watcher(run)
    try:
        view = watcher.poll()
    finally:
        watcher.close()
    assert view is not None  # only a second look can find nothing new
    return view


def _goes_on(run: Run) -> bool:
    try:
        return is_live(run) and not view_of(run).condition.is_over
    except RunError:
        return False


def status_line(run: Run) -> str:
    """Return the run's state in words, with its step, loss and accuracy. Raises RunError."""
    view = view_of(run)
    return ", ".join([f"{run.name}: {view.sentence}", *_step(view), *_measured(view.snapshot)])


def _step(view: RunView) -> list[str]:
    """Return the step, where there is one and the sentence does not name it."""
    if view.snapshot is None:
        return []
    step = view.snapshot.status.step
    return [] if str(step) in re.findall(r"\d+", view.sentence.replace(",", "")) else [f"step {step}"]


def _measured(snapshot: Snapshot | None) -> list[str]:
    """Return loss and accuracy, those that were given but are no numbers as NaN; and of several models the watched."""
    if snapshot is None:
        return []
    status = snapshot.status
    values = {"loss": status.loss, "accuracy": status.accuracy}
    given = (name for name, value in values.items() if name in snapshot.series or not math.isnan(value))
    watched = [f"watches {status.root} of {', '.join(status.roots)}"] if len(status.roots) > 1 else []
    return [*(_figure(name, values[name]) for name in given), *watched]


def _figure(name: str, value: float) -> str:
    return f"{name} NaN" if math.isnan(value) else f"{name} {value:.4g}"


def may_listen_soon(run: Run) -> bool:
    """Return whether a run is there to which nobody listens yet. Raises RunError."""
    return is_live(run) and is_own(run.live) and not view_of(run).condition.is_over


def why_unheard(run: Run, error: Exception) -> str:
    """Say why a run did not take a command: of one that has ended how, and which others live. Raises RunError."""
    view = view_of(run)
    if isinstance(error, NobodyListensError) and may_listen_soon(run):
        begun = view.snapshot is not None
        return f"does not listen now ({view.sentence})" if begun else "is starting: nothing to steer yet"
    if not view.condition.is_over:
        return str(error)
    names = [other.name for other in list_runs() if other.name != run.name and _goes_on(other)]
    more = ", ..." if len(names) > MOST_NAMED else ""
    live = f"; runs that live: {', '.join(names[:MOST_NAMED])}{more}" if names else ""
    return f"the training has ended, there is nothing to steer ({view.sentence}){live}"
