"""Groups of filters that do the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes_tui.analysis.redundancy import effective_filters, redundant_groups, redundant_pairs


def similarities(filters, *alike, value=0.95):
    phi = np.eye(filters, dtype=np.float32)
    for i, j in alike:
        phi[i, j] = phi[j, i] = value
    return phi


def as_lists(groups):
    return [group.tolist() for group in groups]


def test_chains_join_and_the_largest_group_comes_first():
    phi = similarities(9, (7, 1), (2, 5), (5, 8), (4, 6))
    assert as_lists(redundant_groups(phi)) == [[2, 5, 8], [1, 7], [4, 6]]
    assert redundant_groups(phi, threshold=0.96) == ()


def test_the_dead_are_in_no_group_and_link_none():
    phi = similarities(4, (0, 1), (1, 2))
    assert as_lists(redundant_groups(phi, dead=np.array([False, True, False, False]))) == []
    assert effective_filters(phi, 0.9, np.array([False, True, False, False])) == 3


def test_no_filter_at_all():
    none = np.zeros((0, 0), np.float32)
    assert redundant_groups(none) == ()
    assert effective_filters(none, 0.9) == 0
    assert [len(part) for part in redundant_pairs(none, 0.9, 5)] == [0, 0, 0]


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.lists(st.tuples(*[st.integers(0, n - 1)] * 2), max_size=15).map(lambda e: (n, e))
    )
)
def test_groups_are_the_connected_components(graph):
    filters, edges = graph
    group = list(range(filters))
    for i, j in edges:
        group = [group[i] if g == group[j] else g for g in group]
    expected = {tuple(i for i in range(filters) if group[i] == g) for g in group}
    found = redundant_groups(similarities(filters, *[(i, j) for i, j in edges if i != j]))
    assert {tuple(g) for g in as_lists(found)} == {g for g in expected if len(g) > 1}


def test_pairs_come_strongest_first_up_to_so_many():
    phi = similarities(5, (0, 1), value=0.7)
    phi[2, 3] = phi[3, 2] = 0.9
    phi[1, 4] = phi[4, 1] = 0.7
    phi[0, 4] = phi[4, 0] = 0.3
    i, j, value = redundant_pairs(phi, 0.5, 10)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(2, 3), (0, 1), (1, 4)]
    assert value == pytest.approx([0.9, 0.7, 0.7])
    i, j, value = redundant_pairs(phi, 0.5, 2)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(2, 3), (0, 1)]
    assert len(redundant_pairs(phi, 0.5, 0)[0]) == 0


def test_identical_filters_count_as_one_and_independent_ones_fully():
    phi = np.eye(7, dtype=np.float32)
    phi[:3, :3] = 1
    assert effective_filters(phi, 0.9) == pytest.approx(5)
    assert effective_filters(np.ones((6, 6), np.float32), 0.9) == pytest.approx(1)
    phi[6] = phi[:, 6] = 0  # a dead one
    assert effective_filters(phi, 0.9) == pytest.approx(4)


def test_similarities_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="similarities"):
        redundant_groups(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="flags"):
        effective_filters(np.eye(3, dtype=np.float32), 0.9, np.zeros(2, bool))
