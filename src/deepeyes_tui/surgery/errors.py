"""Why something is not cut, in one sentence for the user."""

from __future__ import annotations


class SurgeryError(ValueError):
    """What was asked for is not done; model and optimizer are as before."""
