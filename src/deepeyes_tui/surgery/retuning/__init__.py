"""Hyper-parameters and freezing, while the network trains."""
