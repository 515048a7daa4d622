"""Drilling in: which finer points come along, and where they start."""

from __future__ import annotations

import numpy as np
import pytest

from deepeyes_tui.analysis.hierarchy import build_hierarchy


@pytest.fixture(scope="module")
def hierarchy():
    random = np.random.default_rng(0)
    home = random.integers(0, 6, 3000)
    return build_hierarchy(random.normal(size=(6, 8))[home] * 4 + random.normal(size=(3000, 8)))


@pytest.fixture(scope="module")
def places(hierarchy):
    return hierarchy.embed(2, 300)


def test_it_takes_what_the_selection_stands_for(hierarchy, places):
    influence = hierarchy.scales[2].influence.dense()
    selected = np.argsort(np.linalg.norm(places - places[0], axis=1))[:20]
    subset = hierarchy.drill_in(2, selected)
    share = influence[:, selected].sum(axis=1)
    assert 5 < len(subset.landmarks) < 300
    assert subset.landmarks.tolist() == np.flatnonzero(share > 0.5).tolist()
    assert (subset.points == hierarchy.scales[1].landmarks[subset.landmarks]).all()
    assert (subset.weights == hierarchy.scales[1].weights[subset.landmarks]).all()
    assert subset.scale == 1
    kept = hierarchy.scales[1].transitions.dense()[np.ix_(subset.landmarks, subset.landmarks)]
    linked = kept.sum(axis=1) > 0
    assert (subset.transitions.dense()[linked] == kept[linked]).all()


def test_everything_leads_to_everything(hierarchy):
    subset = hierarchy.drill_in(2, np.arange(len(hierarchy.scales[2].landmarks)))
    assert len(subset.landmarks) == len(hierarchy.scales[1].landmarks)
    assert (subset.members == hierarchy.representative(1)).all()


def test_down_to_single_points_and_no_further(hierarchy, places):
    subset = hierarchy.drill_in(2, np.arange(10), start=places)
    assert subset.start.shape == (len(subset.landmarks), 2)
    middle = subset.embed(50)
    finest = subset.drill_in(np.arange(len(middle) // 2), start=middle)
    assert finest.scale == 0
    assert (finest.points == finest.landmarks).all()
    assert np.isfinite(finest.embed(50)).all()
    with pytest.raises(ValueError, match="nothing to drill in to"):
        finest.drill_in([0])
    with pytest.raises(ValueError, match="nothing to drill in to"):
        hierarchy.drill_in(0, [0])


@pytest.mark.parametrize("scale", [1, 2])
def test_every_single_landmark_leads_somewhere(hierarchy, scale):
    sizes = []
    for landmark in range(0, len(hierarchy.scales[scale].landmarks), 7):
        subset = hierarchy.drill_in(scale, [landmark])
        sizes.append(len(subset.landmarks))
        found = subset.embed(20)
        assert found.shape == (sizes[-1], 2)
        assert np.isfinite(found).all()
    assert min(sizes) >= 1
    assert min(sizes) < 10


def test_children_start_around_their_parents(hierarchy, places):
    selected = np.array([1, 2])
    subset = hierarchy.drill_in(2, selected, start=places)
    shares = hierarchy.scales[2].influence.dense()[subset.landmarks][:, selected]
    expected = shares @ places[selected] / shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(subset.start, expected, atol=1e-3)


def test_members_are_those_whose_heaviest_landmark_is_inside(hierarchy):
    subset = hierarchy.drill_in(2, np.arange(8))
    heaviest = hierarchy.influence_on(1).dense().argmax(axis=1)
    assert (hierarchy.representative(1) == heaviest).all()
    inside = np.isin(heaviest, subset.landmarks)
    assert ((subset.members >= 0) == inside).all()
    assert (subset.landmarks[subset.members[inside]] == heaviest[inside]).all()


def test_the_chain_is_the_product_of_the_areas(hierarchy):
    first, second = (hierarchy.scales[number].influence.dense() for number in (1, 2))
    np.testing.assert_allclose(hierarchy.influence_on(2).dense(), first @ second, atol=1e-5)
    weights = hierarchy.influence_on(2).dense().sum(axis=0)
    np.testing.assert_allclose(weights, hierarchy.scales[2].weights, rtol=1e-3)


def test_a_callback_stops_a_subset(hierarchy):
    seen = []
    hierarchy.drill_in(2, [0, 1, 2]).embed(callback=lambda iteration, _: seen.append(iteration) or True)
    assert seen == [10]


@pytest.mark.parametrize(
    ("selected", "words"),
    [([], "nothing is selected"), ([-1], "positions 0"), ([10**6], "positions 0"), ([0.5], "positions 0")],
)
def test_bad_selections_are_named(hierarchy, selected, words):
    with pytest.raises(ValueError, match=words):
        hierarchy.drill_in(2, selected)


def test_bad_scales_and_starts_are_named(hierarchy):
    for ask in (hierarchy.embed, hierarchy.influence_on, hierarchy.representative):
        with pytest.raises(ValueError, match=r"only 0\.\.2"):
            ask(3)
    with pytest.raises(ValueError, match="start must be"):
        hierarchy.drill_in(2, [0], start=np.zeros((1, 2)))
