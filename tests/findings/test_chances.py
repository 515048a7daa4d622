"""Bounds and tails against counting and against simulation."""

import itertools
import math

import numpy as np
import pytest

from deepeyes_tui.findings.chances import draws_needed, excess, least_share, quantile, unseen_share


@pytest.mark.parametrize(("hits", "size", "others", "rest"), [(3, 4, 1, 6), (0, 3, 2, 4), (2, 5, 0, 4), (4, 4, 4, 5)])
def test_excess_is_what_counting_all_draws_gives(hits, size, others, rest):
    drawn = list(itertools.combinations(range(size + rest), hits + others))
    as_many = sum(sum(i < size for i in those) >= hits for those in drawn)
    assert excess(hits, size, others, rest) == pytest.approx(as_many / len(drawn))


def test_a_share_is_rarely_below_its_least():
    drawn = np.random.default_rng(0).binomial(200, 0.95, 4000)
    beyond = np.mean([least_share(count, 200, 0.05) > 0.95 for count in drawn])
    assert 0.01 < beyond < 0.08
    assert least_share(200, 200, 0.05, tests=1000) < least_share(200, 200, 0.05)
    assert least_share(0, 0, 0.05) == 0


def test_what_is_missed_altogether_is_as_rare_as_said():
    share = unseen_share(500, 0.05)
    missed = np.random.default_rng(1).binomial(500, share, 20_000) == 0
    assert missed.mean() == pytest.approx(0.05, abs=0.01)
    assert draws_needed(share, 0.05) == pytest.approx(500, abs=1)
    assert draws_needed(0.01, 0.05, tests=600) > draws_needed(0.01, 0.05)
    assert unseen_share(0, 0.05) == 1


def test_more_tests_ask_for_more_standard_errors():
    assert quantile(0.05, 1) == pytest.approx(1.645, abs=1e-3)
    assert quantile(0.05, 1000) > 3.8
    assert math.isfinite(quantile(0.05, 0))
