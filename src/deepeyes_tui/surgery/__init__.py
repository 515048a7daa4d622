"""Surgery on a network in training: plan, look, apply, undo. Needs no viewer and no run."""
