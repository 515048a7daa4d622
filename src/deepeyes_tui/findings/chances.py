"""What chance alone would do: quantiles, bounds of shares, tails, without tables."""

from __future__ import annotations

import math
from statistics import NormalDist


def quantile(alarms: float, tests: int) -> float:
    """Return how many standard errors chance goes beyond with probability `alarms` in any of `tests` tests."""
    return NormalDist().inv_cdf(1 - alarms / max(tests, 1))


def least_share(count: float, size: float, alarms: float, tests: int = 1) -> float:
    """Return the least share that goes with `count` of `size`, but for `alarms` in `tests` (Wilson's lower bound)."""
    if size <= 0:
        return 0.0
    z, share = quantile(alarms, tests), count / size
    middle = share + z * z / (2 * size)
    spread = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return max((middle - spread) / (1 + z * z / size), 0.0)


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
