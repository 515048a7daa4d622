"""What chance alone would do: quantiles, bounds of shares, tails, without tables."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray


@lru_cache(maxsize=256)
def quantile(alarms: float, tests: int) -> float:
    """Return how many standard errors chance goes beyond with probability `alarms` in any of `tests` tests."""
    return NormalDist().inv_cdf(1 - alarms / max(tests, 1))


def least_share(count: ArrayLike, size: float, alarms: float, tests: int = 1) -> NDArray[np.float64]:
    """Return the least shares that go with `count` of `size`, but for `alarms` in `tests` (Wilson's lower bound)."""
    counts = np.asarray(count, np.float64)
    if size <= 0:
        return np.zeros_like(counts)
    z, share = quantile(alarms, tests), counts / size
    middle = share + z * z / (2 * size)
    spread = z * np.sqrt(np.maximum(share * (1 - share), 0.0) / size + z * z / (4 * size * size))
    return np.maximum((middle - spread) / (1 + z * z / size), 0.0)


def unseen_share(size: float, alarms: float, tests: int = 1) -> float:
    """Return the largest share that is missed altogether in `size` draws with a probability of `alarms / tests`."""
    return 1.0 if size <= 0 else -math.expm1(math.log(alarms / max(tests, 1)) / size)


def draws_needed(share: float, alarms: float, tests: int = 1) -> int:
    """Return how many draws do not miss a share altogether, but with a probability of `alarms / tests`."""
    return math.ceil(math.log(alarms / max(tests, 1)) / math.log1p(-share))


def excess(hits: int, size: int, other_hits: int, other_size: int) -> float:
    """Return the probability that a group of `size` has `hits` or more when they fall on all alike (Fisher's test)."""
    total, drawn = size + other_size, hits + other_hits
    everything = _log_choose(total, drawn)
    tail = (
        math.exp(_log_choose(size, k) + _log_choose(other_size, drawn - k) - everything)
        for k in range(hits, min(size, drawn) + 1)
        if drawn - k <= other_size
    )
    return min(math.fsum(tail), 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
