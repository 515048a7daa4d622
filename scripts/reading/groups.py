"""Whether filters that are alike stand for the same label: the clusters of a Filter Map, without a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_ALIKE = 5
PERMUTATIONS = 1000


@dataclass(frozen=True, slots=True)
class Grouping:
    """The share of each filter's most similar filters that stand for its own label, over all and by label (NaN for a
    label without filters), and what labels dealt out at random give: the mean and the bounds of 95 % of the deals.
    """

    same: float
    chance: float
    low: float
    high: float
    by_label: tuple[float, ...]

    @property
    def beyond_chance(self) -> bool:
        """Whether more filters are beside their own kind than in 97.5 % of the deals."""
        return self.same > self.high


def group_labels(phi: NDArray[np.float32], label: NDArray[np.int32], *, labels: int = 10, seed: int = 0) -> Grouping:
    """Look at the `MOST_ALIKE` most similar filters of each by `phi (F, F)`; `label (F,)` is what each stands for.

    Raises ValueError for fewer than two filters.
    """
    if len(phi) < 2:
        raise ValueError(f"two filters or more can be compared, not {len(phi)}")
    near = most_alike(phi, min(MOST_ALIKE, len(phi) - 1))
    draw = np.random.default_rng(seed)
    deals = [_same(near, draw.permutation(label)).mean() for _ in range(PERMUTATIONS)]
    low, high = np.quantile(deals, (0.025, 0.975))
    same = _same(near, label)
    by_label = [float(same[label == one].mean()) if (label == one).any() else float("nan") for one in range(labels)]
    return Grouping(float(same.mean()), float(np.mean(deals)), float(low), float(high), tuple(by_label))


def most_alike(phi: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the `k` filters that are most similar to each, itself left out, `(F, k)`."""
    others = phi.astype(np.float64)
    np.fill_diagonal(others, -np.inf)
    return np.argsort(-others, axis=1, kind="stable")[:, :k]


def _same(near: NDArray[np.intp], label: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.asarray(label[near] == label[:, None])
