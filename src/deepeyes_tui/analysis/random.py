"""Random numbers inside kernels: one state for each start, so that results do not depend on the number of threads."""

from __future__ import annotations

import numpy as np

from deepeyes_tui.analysis.compiled import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_ONE = np.uint64(1)


@kernel
def mixed(value: np.uint64) -> np.uint64:
    """64 well mixed bits of `value` (the finaliser of SplitMix64: Steele, Lea, Flood 2014)."""
    value = (value ^ (value >> _30)) * _MIX_1
    value = (value ^ (value >> _27)) * _MIX_2
    return value ^ (value >> _31)


@kernel
def seeded(seed: int, start: int) -> np.uint64:
    """The state of start number `start` under `seed`."""
    return mixed(mixed(np.uint64(seed) + _GOLDEN) + np.uint64(start) * _GOLDEN)


@kernel
def advanced(state: np.uint64) -> np.uint64:
    """The state after `state`; its `mixed` bits are the random number."""
    return state + _GOLDEN
