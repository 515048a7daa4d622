"""Purity of neighbourhoods against a plain count, and by meaning."""

import math

import numpy as np
import pytest

from deepeyes_tui.analysis.purity import MOST, find_strangers, label_purity


def blobs(n, classes=4, apart=1.0, seed=0, dimensions=12):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    centres = random.standard_normal((classes, dimensions)) * apart
    return centres[labels] + random.standard_normal((n, dimensions)), labels


def plain_purity(points, labels, groups, k):
    shares = {}
    for i, point in enumerate(points):
        order = np.argsort(((points - point) ** 2).sum(axis=1), kind="stable")
        near = [j for j in order if groups[j] != groups[i]][:k]
        shares.setdefault(groups[i], []).append(np.mean(labels[near] == labels[i]))
    means = [np.mean(group) for group in shares.values()]
    return np.mean(means), np.std(means, ddof=1) / math.sqrt(len(means))


@pytest.mark.parametrize("k", [1, 10])
def test_equals_the_plain_count(k):
    points, labels = blobs(150)
    groups = np.random.default_rng(3).integers(0, 40, 150)
    purity = label_purity(points, labels, groups, k)
    value, error = plain_purity(points, labels, groups, k)
    assert purity.value == pytest.approx(value)
    assert purity.error == pytest.approx(error)
    assert purity.instances == 150


def test_separated_labels_are_pure_and_shuffled_ones_as_by_chance():
    points, labels = blobs(1200, apart=8)
    each = np.arange(1200)
    pure = label_purity(points, labels, each)
    assert pure.value > 0.99
    assert pure.confusions == () or pure.confusions[0][2] < 0.01
    shuffled = label_purity(points, np.random.default_rng(0).permutation(labels), each)
    assert shuffled.value == pytest.approx(shuffled.chance, abs=4 * shuffled.error)
    assert shuffled.chance == pytest.approx(((np.bincount(labels) / 1200) ** 2).sum())


def test_pieces_of_the_same_input_do_not_count():
    random = np.random.default_rng(0)
    inputs, labels = random.standard_normal((60, 8)), random.integers(0, 3, 60)
    points = np.repeat(inputs, 10, axis=0) + 1e-3 * random.standard_normal((600, 8))
    naive = label_purity(points, np.repeat(labels, 10), np.arange(600), k=9)
    honest = label_purity(points, np.repeat(labels, 10), np.repeat(np.arange(60), 10), k=9)
    assert naive.value > 0.99
    assert honest.value < 0.6
    assert honest.error > 3 * naive.error


def test_the_labels_that_mix_are_named():
    points, labels = blobs(600, classes=4, apart=20, seed=2)
    points[labels == 3] += points[labels == 1].mean(axis=0) - points[labels == 3].mean(axis=0)
    purity = label_purity(points, labels, np.arange(600))
    first, second, share = purity.confusions[0]
    assert (first, second) == (1, 3)
    assert len(purity.confusions) == 1
    assert 0.1 < share < 0.4
    assert purity.by_label[[0, 2]] == pytest.approx([1, 1])
    assert purity.by_label[[1, 3]].max() < 0.8


def test_unknown_labels_and_broken_points_are_left_out():
    points, labels = blobs(100)
    groups = np.arange(100)
    more = np.concatenate([points, points[:20] + 1e-6, np.full((5, 12), np.nan)])
    most = np.concatenate([labels, np.full(20, -1), np.zeros(5, int)])
    purity = label_purity(more, most, np.arange(125))
    assert purity.value == label_purity(points, labels, groups).value
    assert purity.instances == 100


def test_one_label_is_pure():
    points, _ = blobs(40)
    purity = label_purity(points, np.full(40, 2), np.arange(40))
    assert (purity.value, purity.error, purity.chance) == (1, 0, 1)
    assert np.isnan(purity.by_label[:2]).all()
    assert purity.by_label[2] == 1


@pytest.mark.parametrize("n", [0, 2])
def test_too_few_give_no_number(n):
    points, labels = blobs(n)
    purity = label_purity(points, labels, np.arange(n))
    assert math.isnan(purity.value)
    assert math.isnan(purity.error)
    assert purity.confusions == ()


def test_one_call_compiles_all():
    points, labels = blobs(40)
    label_purity(points.astype(np.float32), labels.astype(np.int32), np.arange(40))
    label_purity(np.asfortranarray(points), labels.astype(np.uint8), np.arange(40, dtype=np.int16), k=3)
    assert len(find_strangers.signatures) == 1


def test_a_single_input_has_no_neighbours():
    points, labels = blobs(50)
    purity = label_purity(points, labels, np.zeros(50, int))
    assert math.isnan(purity.value)


def test_fewer_strangers_than_neighbours():
    points, labels = blobs(12)
    purity = label_purity(points, labels, np.arange(12) // 6, k=10)
    assert 0 <= purity.value <= 1


def test_at_most_so_many_are_drawn_and_the_same_by_seed():
    points, labels = blobs(MOST + 500)
    groups = np.arange(len(points))
    one, same, other = (label_purity(points, labels, groups, seed=seed) for seed in (1, 1, 2))
    assert one.instances == MOST
    assert one.value == same.value != other.value
    assert one.value == pytest.approx(other.value, abs=6 * one.error)


def test_shapes_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="label and a group"):
        label_purity(np.ones((4, 2)), np.ones(3, int), np.ones(4, int))
