"""Which states stay as a run gets longer."""

import numpy as np
import pytest

from deepeyes_tui.history.retention import keeps


def thinned(states, density):
    """The numbers that are left after that many states, thinned after each."""
    kept = np.zeros(0, np.int64)
    for newest in range(states):
        kept = np.append(kept, newest)
        kept = kept[keeps(kept, newest, density)]
    return kept


@pytest.mark.parametrize("density", [1, 4, 16])
@pytest.mark.parametrize("states", [1, 2, 50, 3000])
def test_thinning_often_or_once_is_the_same(states, density):
    every = np.arange(states)
    np.testing.assert_array_equal(thinned(states, density), every[keeps(every, states - 1, density)])


def test_the_first_the_newest_and_their_neighbours_stay():
    numbers = np.arange(100_000)
    kept = numbers[keeps(numbers, 99_999, 16)]
    assert set(range(32)) <= set(kept.tolist())
    assert set(range(99_970, 100_000)) <= set(kept.tolist())
    assert len(kept) < 700


def test_no_gap_is_longer_than_a_share_of_its_age_or_of_the_run():
    numbers = np.arange(50_000)
    kept = numbers[keeps(numbers, 49_999, 16)]
    gaps, ages = np.diff(kept), 49_999 - kept[1:]
    assert (gaps <= np.minimum(np.maximum(ages, kept[1:]), 50_000 / 8) / 8 + 2).all()


def test_a_lower_density_drops_only_more():
    numbers = np.arange(20_000)
    dense, sparse = (set(numbers[keeps(numbers, 19_999, density)]) for density in (16, 4))
    assert sparse < dense
    assert {0, 19_999} <= sparse
