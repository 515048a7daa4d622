"""Weighted Jaccard against its definition in float64."""

import numpy as np
import pytest

from deepeyes_tui.analysis.similarity import JaccardSums, add_minima, divide_minima, weighted_jaccard


def reference(activations):
    a = np.asarray(activations, np.float64)
    phi = np.zeros((a.shape[1], a.shape[1]))
    for i in range(a.shape[1]):
        least = np.minimum(a, a[:, i : i + 1]).sum(axis=0)
        most = np.maximum(a, a[:, i : i + 1]).sum(axis=0)
        phi[i] = np.divide(least, most, out=np.zeros_like(least), where=most > 0)
    return phi


def rectified(instances, filters, seed=0):
    values = np.random.default_rng(seed).standard_normal((instances, filters))
    return np.maximum(values, 0).astype(np.float32)


@pytest.mark.parametrize(
    ("instances", "filters"), [(1, 1), (7, 3), (32, 31), (33, 32), (40, 129), (257, 160), (3000, 40), (0, 5), (5, 0)]
)
def test_equals_the_definition(instances, filters):
    a = rectified(instances, filters, seed=instances + filters)
    phi = weighted_jaccard(a)
    assert phi.dtype == np.float32
    assert phi.shape == (filters, filters)
    np.testing.assert_allclose(phi, reference(a), atol=1e-5)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_knows_no_unit(scale):
    a = rectified(50, 20)
    np.testing.assert_allclose(weighted_jaccard(a * np.float32(scale)), weighted_jaccard(a), atol=1e-5)


def test_dead_filters_are_like_none_and_copies_like_each_other():
    a = rectified(60, 4)
    a[:, 1] = 0
    a[:, 3] = a[:, 0]
    phi = weighted_jaccard(a)
    assert not phi[1].any()
    assert not phi[:, 1].any()
    assert phi[0, 3] == pytest.approx(1, abs=1e-6)
    assert list(np.diagonal(phi)) == [1, 0, 1, 1]
    assert np.array_equal(phi, phi.T)


def test_other_types_and_layouts_are_taken():
    a = rectified(40, 24)
    half = np.asfortranarray(a.astype(np.float16))
    np.testing.assert_allclose(weighted_jaccard(half), reference(half), atol=1e-5)


def test_one_call_compiles_all():
    for a in (rectified(3, 2), rectified(1500, 40).astype(np.float64), np.asfortranarray(rectified(9, 7))):
        a.flags.writeable = False
        weighted_jaccard(a)
        JaccardSums(a.shape[1]).update(a)
    assert len(add_minima.signatures) == len(divide_minima.signatures) == 1


@pytest.mark.parametrize("wrong", [np.full((3, 2), -1.0), np.full((3, 2), np.nan), np.full((3, 2), np.inf), np.ones(4)])
def test_what_is_no_rectified_activation_is_refused(wrong):
    with pytest.raises(ValueError, match="activations"):
        weighted_jaccard(wrong)


def test_batches_add_up_to_the_whole():
    a = rectified(500, 70)
    sums = JaccardSums(70)
    for batch in np.split(a, [32, 64, 65, 300]):
        sums.update(batch)
    assert sums.instances == 500
    np.testing.assert_allclose(sums.similarity(), reference(a), atol=1e-5)


def test_two_processes_merge_to_the_whole():
    a = rectified(200, 33)
    one, other = JaccardSums(33), JaccardSums(33)
    one.update(a[:50])
    other.update(a[50:])
    one.merge(other)
    assert one.instances == 200
    np.testing.assert_allclose(one.similarity(), reference(a), atol=1e-5)


def test_forgetting_drops_what_came_before_the_last_time():
    first, second, third = (rectified(80, 12, seed) for seed in range(3))
    sums = JaccardSums(12)
    sums.update(first)
    sums.forget()
    sums.update(second)
    np.testing.assert_allclose(sums.similarity(), reference(np.concatenate([first, second])), atol=1e-5)
    sums.forget()
    sums.update(third)
    assert sums.instances == 160
    np.testing.assert_allclose(sums.similarity(), reference(np.concatenate([second, third])), atol=1e-5)
    sums.forget()
    sums.forget()
    assert sums.instances == 0
    assert not sums.similarity().any()


def test_merging_keeps_old_and_new_apart():
    old, new = rectified(40, 6, 1), rectified(40, 6, 2)
    one, other = JaccardSums(6), JaccardSums(6)
    other.update(old)
    other.forget()
    other.update(new)
    one.merge(other)
    one.forget()
    np.testing.assert_allclose(one.similarity(), reference(new), atol=1e-5)


def test_other_numbers_of_filters_are_refused():
    sums = JaccardSums(4)
    with pytest.raises(ValueError, match="3 filters"):
        sums.update(rectified(5, 3))
    with pytest.raises(ValueError, match="3 filters"):
        sums.merge(JaccardSums(3))
