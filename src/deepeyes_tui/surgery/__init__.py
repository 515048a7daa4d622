"""Surgery on a network in training: plan, look, apply, undo. Needs no viewer and no run."""

from __future__ import annotations

from deepeyes_tui.surgery.batch_size import find_loaders
from deepeyes_tui.surgery.checkpoint import write_checkpoint
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.freezing import Frozen, filter_freezes, freeze, frozen_layers, unfreeze
from deepeyes_tui.surgery.hyperparameters import Change, read_settings, set_hyperparameter
from deepeyes_tui.surgery.loading import load_checkpoint

__all__ = [
    "Change",
    "Frozen",
    "SurgeryError",
    "filter_freezes",
    "find_loaders",
    "freeze",
    "frozen_layers",
    "load_checkpoint",
    "read_settings",
    "set_hyperparameter",
    "unfreeze",
    "write_checkpoint",
]
