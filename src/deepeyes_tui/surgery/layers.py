"""Adding a layer as an identity, and taking a layer out."""

from __future__ import annotations

from deepeyes_tui.surgery.replacing import put_in_place

__all__ = ["put_in_place"]
