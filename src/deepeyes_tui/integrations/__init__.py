"""Watching a training that a library drives: one callback in the place where that library takes callbacks.

Each module is named after its library and imports it: `lightning`, `transformers`, `accelerate`.
"""
