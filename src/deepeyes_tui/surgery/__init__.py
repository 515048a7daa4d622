"""Surgery on a network in training: plan, look, apply, undo. Needs no viewer and no run."""

from __future__ import annotations

from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.copies import find_copies
from deepeyes_tui.surgery.costs import cost
from deepeyes_tui.surgery.editing.optimizer_state import trust_optimizer
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growing.adding import plan_layer_addition
from deepeyes_tui.surgery.growing.dropping import plan_layer_removal
from deepeyes_tui.surgery.growth import plan_growth
from deepeyes_tui.surgery.guard import check_can_cut
from deepeyes_tui.surgery.keeping.checkpoint import write_checkpoint
from deepeyes_tui.surgery.keeping.loading import load_checkpoint
from deepeyes_tui.surgery.planning.closure import couple
from deepeyes_tui.surgery.planning.coupling import Coupling
from deepeyes_tui.surgery.rehearsal import Rehearsal, carried_out, output_change, rehearse
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.replay import replay
from deepeyes_tui.surgery.retuning.batch_size import find_loaders
from deepeyes_tui.surgery.retuning.freezing import Frozen, filter_freezes, freeze, frozen_layers, unfreeze
from deepeyes_tui.surgery.retuning.hyperparameters import Change, read_settings, set_hyperparameter
from deepeyes_tui.surgery.undo import Applied

__all__ = [
    "Applied",
    "Change",
    "Coupling",
    "Frozen",
    "Rehearsal",
    "SurgeryError",
    "apply",
    "carried_out",
    "check_can_cut",
    "cost",
    "couple",
    "filter_freezes",
    "find_copies",
    "find_loaders",
    "freeze",
    "frozen_layers",
    "load_checkpoint",
    "output_change",
    "plan_growth",
    "plan_layer_addition",
    "plan_layer_removal",
    "plan_removal",
    "read_settings",
    "rehearse",
    "replay",
    "set_hyperparameter",
    "trust_optimizer",
    "unfreeze",
    "write_checkpoint",
]
