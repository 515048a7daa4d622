"""Tensors, optimizers and modules changed in place, each step with its way back."""
