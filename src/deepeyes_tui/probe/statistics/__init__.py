"""The statistics of `docs/numbers.md`, one file each: small accumulators over all layers at once, numpy only.

Filters of all layers lie in flat arrays; `LayerSpans` says which layer owns which.
"""
