"""What was seen of a run, kept: recorded by the training process, read by whoever wants to go through it again.

numpy and the standard library's sqlite3 alone.
"""

from __future__ import annotations

from pathlib import Path

from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.history.events import Event, EventKind
from deepeyes_tui.history.limits import Limits
from deepeyes_tui.history.reading import Curve, History
from deepeyes_tui.history.recorder import Recorder
from deepeyes_tui.link.runs import Run

__all__ = ["Curve", "Event", "EventKind", "History", "HistoryError", "Limits", "Recorder", "history_path"]


def history_path(run: Run) -> Path:
    """Return where the history of a run is, whether there is one or not."""
    return run.history
