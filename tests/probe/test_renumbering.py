"""What is known of layers and filters goes with them through surgery."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from deepeyes_tui.link.snapshot import PERPLEXITY_BINS
from deepeyes_tui.probe.layers import find_layers
from deepeyes_tui.probe.observation import Observation
from deepeyes_tui.probe.renumbering import inverse, now_numbered, origins, renumbering, then
from deepeyes_tui.probe.statistics.table import StatisticsTable
from deepeyes_tui.surgery.plan import Cut, Fill, Insertion, Kind, Plan, Role


def layers(*sizes):
    return find_layers(nn.Sequential(*(nn.Linear(3, size) for size in sizes)))


def cut(indices, size, tensor="0.weight"):
    return Plan(Kind.PRUNE, "0", cuts=(Cut(tensor, 0, size, tuple(indices), Role.WRITES),))


def inserted(indices, size):
    sources = (0,) * len(indices)
    return Plan(
        Kind.GROW, "0", insertions=(Insertion("0.weight", 0, size, tuple(indices), sources, Fill.ZERO, Role.WRITES),)
    )


@given(st.lists(st.sets(st.integers(0, 5), max_size=2), max_size=3))
def test_cuts_in_a_row_are_one_and_can_be_taken_back(steps):
    kept, change = list(range(20)), {}
    for gone in steps:
        plan = cut(sorted(gone), len(kept))
        change = then(change, renumbering(plan, layers(len(kept))))
        kept = [one for place, one in enumerate(kept) if place not in gone]
    assert list(change.get("0", np.arange(20))) == kept
    assert now_numbered(change, "0", range(20)) == list(range(len(kept)))
    back = inverse(change, {"0": 20})
    both = then(change, back).get("0", np.arange(20))
    assert [old for old in both if old >= 0] == kept
    assert all(both[old] == old for old in kept)


def test_new_filters_come_from_nowhere():
    change = renumbering(inserted((1, 3), 4), layers(4))
    assert list(change["0"]) == [0, -1, 1, -1, 2, 3]
    assert list(inverse(change, {"0": 4})["0"]) == [0, 2, 4, 5]


def test_weights_that_read_are_not_the_filters_of_their_layer():
    reading = Plan(Kind.PRUNE, "0", cuts=(Cut("1.weight", 1, 4, (0,), Role.READS),))
    assert renumbering(reading, layers(4, 4)) == {}


def observed(table, maxima, step):
    filters, count = len(maxima), table.spans.layers
    bins = np.ones((count, PERPLEXITY_BINS + 1), np.float32)
    ones = np.full(count, 10, np.float32)
    maximum = np.asarray(maxima, np.float32)
    zeros = np.zeros(count, np.float32)
    table.update(
        Observation(
            step=step,
            instances=ones,
            nan=zeros,
            infinite=zeros,
            bins=bins,
            maximum=maximum,
            active=np.minimum(maximum, 1)[:filters],
        )
    )


def test_statistics_stay_with_their_filters():
    before, after = layers(3, 2), layers(2, 2)
    table = StatisticsTable([3, 2])
    for step in range(1, 40):
        observed(table, [1, 0, 3, 4, 5], step)
    change = renumbering(cut((1,), 3), before)
    fresh = StatisticsTable([2, 2])
    fresh.carry(table, origins(before, after, change))
    arrays, old = fresh.arrays(), table.arrays()
    kept = [0, 2, 3, 4]
    for name in ("maximum", "reached_step", "frequency", "dead", "always_on"):
        assert list(arrays[name]) == list(old[name][kept]), name
    for name in ("observed", "dead_window", "last_observed_step"):
        assert np.array_equal(arrays[name], old[name]), name
    for name in ("histogram", "undetected", "stability", "stable_since"):
        assert np.array_equal(arrays[name][1], old[name][1], equal_nan=True), name
    assert old["histogram"][0].any()
    assert not arrays["histogram"][0].any()
    assert np.isnan(arrays["stability"][0]).all()
    assert fresh.largest() == [3, 5]
    observed(fresh, [2, 4, 1, 1], 41)
    assert list(fresh.arrays()["maximum"]) == [2, 4, 4, 5]


def test_a_layer_that_is_new_knows_nothing():
    before, after = layers(3), layers(3, 2)
    table = StatisticsTable([3])
    observed(table, [1, 2, 3], 1)
    fresh = StatisticsTable([3, 2])
    fresh.carry(table, origins(before, after, {}))
    assert list(fresh.arrays()["maximum"]) == [1, 2, 3, 0, 0]
    assert list(fresh.arrays()["last_observed_step"]) == [1, -1]


def test_a_layer_with_new_filters_is_not_called_dead_at_once():
    before, after = layers(2), layers(3)
    table = StatisticsTable([2])
    for step in range(1, 40):
        observed(table, [1, 2], step)
    fresh = StatisticsTable([3])
    fresh.carry(table, origins(before, after, renumbering(inserted((1,), 2), before)))
    assert list(fresh.arrays()["maximum"]) == [1, 0, 2]
    assert not fresh.arrays()["dead"].any()
