"""Labels of filters against the sums and perplexities written out."""

import math

import numpy as np
import pytest

from deepeyes_tui.analysis.association import label_association, strongest_label


@pytest.mark.parametrize("dtype", [np.int8, np.int64])
def test_association_sums_activations_by_label(dtype):
    random = np.random.default_rng(0)
    a = random.random((200, 300)).astype(np.float32)
    labels = random.integers(-1, 5, 200)
    t = label_association(a, labels.astype(dtype), 7)
    assert t.shape == (300, 7)
    for label in range(7):
        np.testing.assert_allclose(t[:, label], a[labels == label].sum(axis=0, dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize("labels", [[-1, -1], []])
def test_nothing_known_is_nothing_associated(labels):
    t = label_association(np.ones((len(labels), 3)), np.array(labels, int), 4)
    assert t.shape == (3, 4)
    assert not t.any()


def test_unsigned_labels_are_taken():
    assert label_association(np.ones((2, 1)), np.array([0, 2], np.uint8), 3).tolist() == [[1, 0, 1]]


def test_strength_is_one_over_the_perplexity():
    t = np.array([[0, 8, 0, 0], [2, 2, 2, 2], [0, 1, 3, 0], [0, 0, 0, 0]], np.float32)
    label, strength = strongest_label(t)
    assert list(label) == [1, 0, 2, -1]
    perplexity = math.exp(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
    assert strength == pytest.approx([1, 0.25, 1 / perplexity, 0], rel=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_strength_knows_no_unit(scale):
    t = np.random.default_rng(0).random((20, 6)).astype(np.float32)
    label, strength = strongest_label(t * np.float32(scale))
    assert np.array_equal(label, strongest_label(t)[0])
    np.testing.assert_allclose(strength, strongest_label(t)[1], rtol=1e-5)


def test_thousands_of_labels():
    random = np.random.default_rng(0)
    labels = random.integers(0, 5000, 3000)
    a = random.random((3000, 300)).astype(np.float32) * 1e-3
    favourite = labels[:300]
    a[np.arange(300), np.arange(300)] = 100
    label, strength = strongest_label(label_association(a, labels, 5000))
    assert np.array_equal(label, favourite)
    assert strength.min() > 0.5


def test_without_labels_there_is_none():
    label, strength = strongest_label(np.zeros((3, 0)))
    assert list(label) == [-1] * 3
    assert list(strength) == [0] * 3


@pytest.mark.parametrize(("labels", "classes"), [([0, 1], 3), ([0, 1, 3], 3)])
def test_labels_that_do_not_fit_are_refused(labels, classes):
    with pytest.raises(ValueError, match="label"):
        label_association(np.ones((3, 2)), np.array(labels), classes)
