"""What filters reach, against the definitions of the statistics."""

import math

import numpy as np
import pytest

from deepeyes_tui.analysis.coverage import filter_coverage, instance_perplexity, undetected


def test_coverage_is_by_each_filters_own_maximum():
    a = np.array([[4.0, 0.1, 0, 1], [2.5, 0, 0, 1], [2.0, 0, 0, 1], [0, 0, 0, 1]])
    assert filter_coverage(a) == pytest.approx([0.5, 0.25, 0, 1])
    assert filter_coverage(a, share=0.4) == pytest.approx([0.75, 0.25, 0, 1])


def test_undetected_is_judged_by_the_layers_peak():
    a = np.array([[0, 0], [1e-7, 1e-7], [1e-4, 0], [3, 1]], np.float32)
    assert undetected(a, 3.0).tolist() == [True, True, False, False]
    assert undetected(a, 1000.0).tolist() == [True, True, True, False]
    assert undetected(np.zeros((2, 3)), 0.0).all()


def test_perplexity_is_one_for_one_filter_and_all_for_all():
    a = np.array([[5, 0, 0, 0], [2, 2, 2, 2], [1, 3, 0, 0], [0, 0, 0, 0]])
    two = math.exp(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
    assert instance_perplexity(a) == pytest.approx([1, 4, two, math.nan], nan_ok=True)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_perplexity_knows_no_unit(scale):
    a = np.random.default_rng(0).random((30, 8)).astype(np.float32)
    np.testing.assert_allclose(instance_perplexity(a * np.float32(scale)), instance_perplexity(a), rtol=1e-4)


def test_what_is_not_finite_is_kept_out():
    a = np.array([[1.0, math.nan], [math.inf, 1.0], [1.0, 1.0]])
    assert instance_perplexity(a) == pytest.approx([1, 1, 2])
    assert filter_coverage(a) == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_without_instances_or_filters(shape):
    a = np.zeros(shape)
    assert filter_coverage(a).tolist() == [0] * shape[1]
    assert undetected(a, 1.0).tolist() == [True] * shape[0]
    assert instance_perplexity(a).shape == (shape[0],)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="shape"):
        filter_coverage(np.ones(3))
