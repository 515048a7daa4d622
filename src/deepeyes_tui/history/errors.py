"""What can go wrong with the record of a run. Each message is one sentence for the user."""

from __future__ import annotations


class HistoryError(Exception):
    """A history is not there, or cannot be read."""
