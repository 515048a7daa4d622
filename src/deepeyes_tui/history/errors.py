"""What can go wrong with the record of a run. Each message is one sentence for the user."""

from __future__ import annotations

from deepeyes_tui.link.errors import RunError


class HistoryError(RunError):
    """A history is not there, or cannot be read."""
