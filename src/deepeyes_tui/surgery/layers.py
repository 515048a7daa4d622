"""Whole layers: added as identities, taken out, put in place."""

from __future__ import annotations

from deepeyes_tui.surgery.adding import plan_layer_addition
from deepeyes_tui.surgery.dropping import plan_layer_removal
from deepeyes_tui.surgery.replacing import put_in_place

__all__ = ["plan_layer_addition", "plan_layer_removal", "put_in_place"]
