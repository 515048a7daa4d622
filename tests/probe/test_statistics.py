"""Each statistic against its definition, written out plainly."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.link.snapshot import LEAST_WINDOW, PERPLEXITY_BINS, STABLE_WINDOWS
from deepeyes_tui.probe.observation import COUNTS, merge_vectors, reduce_activations, unpack
from deepeyes_tui.probe.statistics.dead import BUCKET
from deepeyes_tui.probe.statistics.origins import Origins
from deepeyes_tui.probe.statistics.perplexity import WINDOW
from deepeyes_tui.probe.statistics.stability import jensen_shannon, window_distance
from deepeyes_tui.probe.statistics.table import StatisticsTable


def perplexity(row):
    p = [a / sum(row) for a in row if a > 0]
    return math.exp(-sum(x * math.log(x) for x in p))


def plain_histogram(rows, filters):
    counts = [0] * (PERPLEXITY_BINS + 1)
    for row in rows:
        if sum(row) == 0:
            counts[-1] += 1
        else:
            share = (perplexity(row) - 1) / max(filters - 1, 1)
            counts[min(int(share * PERPLEXITY_BINS), PERPLEXITY_BINS - 1)] += 1
    return counts


activations = st.integers(1, 6).flatmap(
    lambda filters: st.lists(
        st.lists(st.sampled_from([0.0, 0.25, 1.0, 3.5, 120.0]), min_size=filters, max_size=filters),
        min_size=1,
        max_size=12,
    )
)


@given(activations)
@settings(deadline=None)
def test_reduction_equals_the_definitions(rows):
    filters, peak = len(rows[0]), torch.zeros(())
    vector = reduce_activations(torch.tensor(rows), peak).tolist()
    top = max(map(max, rows))
    assert vector[0] == len(rows)
    assert float(peak) == top
    assert vector[COUNTS : COUNTS + filters] == [max(row[f] for row in rows) for f in range(filters)]
    assert vector[COUNTS + filters :] == [sum(row[f] > 0.5 * top for row in rows) for f in range(filters)]
    on_an_edge = any(_near_an_edge(row, filters) for row in rows if sum(row))
    if not on_an_edge:
        assert vector[3:COUNTS] == plain_histogram(rows, filters)


def _near_an_edge(row, filters):
    place = (perplexity(row) - 1) / max(filters - 1, 1) * PERPLEXITY_BINS
    return abs(place - round(place)) < 1e-3 and round(place) not in (0, PERPLEXITY_BINS)


def test_perplexity_is_one_for_one_filter_and_all_for_all():
    rows = torch.tensor([[5.0, 0, 0, 0], [2.0, 2, 2, 2], [0, 0, 0, 0]])
    bins = reduce_activations(rows, torch.zeros(()))[3:COUNTS]
    assert bins[0] == 1
    assert bins[PERPLEXITY_BINS - 1] == 1
    assert bins[PERPLEXITY_BINS] == 1


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_perplexity_knows_no_unit(scale):
    rows = torch.rand(64, 10, generator=torch.Generator().manual_seed(0))
    one, other = (reduce_activations(rows * s, torch.zeros(())) for s in (1.0, scale))
    assert torch.equal(one[3:COUNTS], other[3:COUNTS])


def test_nonfinite_values_are_counted_and_kept_out():
    rows = torch.tensor([[1.0, math.nan], [math.inf, 2.0], [0.5, 0.5]])
    peak = torch.zeros(())
    vector = reduce_activations(rows, peak)
    assert vector[:3].tolist() == [3, 1, 1]
    assert vector[COUNTS : COUNTS + 2].tolist() == [1.0, 2.0]
    assert float(peak) == 2.0
    assert torch.isfinite(vector).all()


@given(activations, st.integers(0, 12))
@settings(deadline=None)
def test_parts_merge_to_the_whole(rows, cut):
    peak = torch.tensor(max(map(max, rows)))
    parts = [rows[:cut], rows[cut:]]
    whole = reduce_activations(torch.tensor(rows), peak.clone())
    vectors = [reduce_activations(torch.tensor(part), peak.clone()) for part in parts if part]
    merged = vectors[0] if len(vectors) == 1 else merge_vectors(*vectors)
    assert torch.equal(merged, whole)


def observation(step, *layers):
    peaks = [torch.tensor(float(a.max())) for a in layers]
    vectors = {n: reduce_activations(a, p).numpy() for n, (a, p) in enumerate(zip(layers, peaks, strict=True))}
    return unpack(step, vectors, [a.shape[1] for a in layers])


def test_table_adds_up_and_finds_dead_and_always_on_filters():
    table, draw = StatisticsTable([3, 2]), torch.Generator().manual_seed(1)
    for step in range(1, 21):
        a = torch.rand(50, 3, generator=draw)
        a[:, 0] = 0
        a[:, 2] = 10
        table.update(observation(step, a, torch.zeros(50, 2)))
    arrays = table.arrays()
    assert arrays["dead"].tolist() == [True, False, False, True, True]
    assert arrays["always_on"].tolist() == [False, False, True, False, False]
    assert arrays["frequency"][2] == pytest.approx(1)
    assert arrays["undetected"].tolist() == [0, 1]
    assert np.allclose(arrays["histogram"].sum(1) + arrays["undetected"], 1)
    assert arrays["observed"].tolist() == [20, 20]


def test_a_filter_that_dies_is_found_once_its_window_has_passed():
    table = StatisticsTable([2])
    alive, dead = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    for step in range(1, 3 * BUCKET + 2):
        table.update(observation(step, alive if step == 1 else dead))
        if step == BUCKET:
            assert not table.arrays()["dead"][1]
    assert table.arrays()["dead"].tolist() == [False, True]
    assert table.arrays()["reached_step"].tolist() == [3 * BUCKET + 1, 1]


def test_reliability_follows_the_last_step_near_the_maximum():
    table = StatisticsTable([1])
    for step, value in enumerate([1.0, 10.0, 8.0, 7.9, 0.1], start=1):
        table.update(observation(step, torch.tensor([[value]])))
    assert table.arrays()["maximum"][0] == 10
    assert table.arrays()["reached_step"][0] == 3
    table.reset_maximum(0)
    assert table.arrays()["maximum"][0] == 0
    assert table.arrays()["reached_step"][0] == -1


def test_frequency_forgets_with_its_half_life():
    table = StatisticsTable([1])
    on, off = torch.tensor([[1.0]]), torch.tensor([[0.1]])
    for step in range(100):
        table.update(observation(step, on))
    for step in range(100):
        seen = observation(step, off)
        seen.active[:] = 0
        table.update(seen)
    assert table.arrays()["frequency"][0] == pytest.approx(1 / 3, abs=1e-3)


def test_layer_that_does_not_run_keeps_its_numbers():
    table = StatisticsTable([1, 1])
    table.update(observation(1, torch.ones(4, 1), torch.ones(4, 1)))
    vectors = {0: reduce_activations(torch.ones(4, 1), torch.zeros(())).numpy()}
    last = 2 * LEAST_WINDOW
    for step in range(2, last + 1):
        table.update(unpack(step, vectors, [1, 1]))
    assert table.arrays()["observed"].tolist() == [last, 1]
    assert table.arrays()["last_observed_step"].tolist() == [last, 1]
    assert table.arrays()["dead"].tolist() == [False, False]


def test_a_reset_starts_the_maxima_and_frequencies_of_one_layer_anew():
    table = StatisticsTable([1, 1])
    table.update(observation(1, torch.ones(4, 1), torch.ones(4, 1)))
    assert table.arrays()["maximum"].tolist() == table.arrays()["frequency"].tolist() == [1, 1]
    table.reset_maximum(0)
    assert table.arrays()["maximum"].tolist() == table.arrays()["frequency"].tolist() == [0, 1]
    assert table.arrays()["reached_step"].tolist() == [-1, 1]
    table.reset_maximum(None)
    assert table.arrays()["maximum"].tolist() == [0, 0]


def test_filters_are_called_always_on_after_as_many_steps_as_dead():
    table = StatisticsTable([1])
    for step in range(1, LEAST_WINDOW + 1):
        assert not table.arrays()["always_on"].any()
        table.update(observation(step, torch.ones(4, 1)))
    assert table.arrays()["always_on"].all()


def test_the_first_step_with_values_that_are_not_finite_is_kept():
    table = StatisticsTable([1])
    for step, value in enumerate([1.0, math.nan, 1.0, math.inf]):
        table.update(observation(step, torch.tensor([[value], [1.0]])))
    found = {name: int(table.arrays()[name][0]) for name in ("nonfinite_since", "nan", "infinite")}
    assert found == {"nonfinite_since": 1, "nan": 1, "infinite": 1}


def test_what_a_layer_gave_weighs_the_same_however_long_it_rests():
    table = StatisticsTable([1, 1])
    table.update(observation(1, torch.ones(4, 1), torch.ones(4, 1)))
    vectors = {0: reduce_activations(torch.ones(4, 1), torch.zeros(())).numpy()}
    for step in range(2, 302):
        table.update(unpack(step, vectors, [1, 1]))
    table.update(observation(302, torch.ones(4, 1), torch.zeros(4, 1)))
    assert table.arrays()["frequency"][1] == pytest.approx(0.5, abs=0.01)


def test_a_filter_that_gave_nothing_has_reached_nothing():
    table = StatisticsTable([2])
    table.update(observation(1, torch.tensor([[0.0, 1.0]])))
    assert table.arrays()["reached_step"].tolist() == [-1, 1]


def test_jensen_shannon_against_known_values():
    assert jensen_shannon([1, 0], [0, 1]) == pytest.approx(1)
    assert jensen_shannon([2, 2], [5, 5]) == 0
    assert jensen_shannon([1.0, 0.0], [0.5, 0.5]) == pytest.approx(0.311278, abs=1e-6)
    assert np.isnan(jensen_shannon([0, 0], [1, 1]))


def windows(draw, probabilities, instances=200):
    return draw.multinomial(instances, probabilities, size=(WINDOW, 1)).astype(np.float32)


def test_sampling_noise_alone_is_no_change():
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.ones(31))
    distances = [float(window_distance(windows(draw, p, 64), windows(draw, p, 64))[0]) for _ in range(400)]
    assert np.mean(np.array(distances) < 0.05) > 0.93


def test_a_real_shift_is_seen():
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.ones(31))
    assert window_distance(windows(draw, p), windows(draw, np.roll(p, 3)))[0] > 0.2


def test_layer_becomes_stable_and_loses_it_again():
    table, draw = StatisticsTable([8]), torch.Generator().manual_seed(0)

    def run(steps, sharpness):
        for _ in range(steps):
            run.step += 1
            table.update(observation(run.step, torch.rand(300, 8, generator=draw) ** sharpness))

    run.step = 0
    run((STABLE_WINDOWS + 2) * WINDOW, 3)
    since = int(table.arrays()["stable_since"][0])
    assert since == WINDOW + 1
    run(WINDOW, 12)
    assert table.arrays()["stable_since"][0] == -1
    history = table.arrays()["stability"][0]
    assert history[-1] > 0.2
    assert (history[-6:-1] < 0.05).all()


def test_windows_go_on_after_surgery_elsewhere_and_start_anew_after_their_own():
    table, draw = StatisticsTable([8]), torch.Generator().manual_seed(0)
    for step in range(1, (STABLE_WINDOWS + 2) * WINDOW + 1):
        table.update(observation(step, torch.rand(300, 8, generator=draw) ** 3))
        if step == WINDOW + WINDOW // 2:
            before, table = table, StatisticsTable([8])
            table.carry(before, Origins.of([0], [np.arange(8)], np.array([0, 8])))
    assert table.arrays()["stable_since"].tolist() == [WINDOW + 1]
    smaller = StatisticsTable([7])
    smaller.carry(table, Origins.of([0], [np.arange(7)], np.array([0, 8])))
    assert smaller.arrays()["stable_since"].tolist() == [-1]
    assert np.isnan(smaller.arrays()["stability"]).all()


def test_rows_that_are_not_finite_are_not_undetected():
    a = torch.tensor([[float("nan"), float("nan")], [0.0, 0.0], [float("inf"), 1.0], [2.0, 1.0]])
    vector = reduce_activations(a, torch.zeros(()))
    instances, nan, infinite, *bins = vector[: 3 + PERPLEXITY_BINS + 1].tolist()
    assert (instances, nan, infinite) == (3, 2, 1)
    assert bins[-1] == 1
    assert sum(bins) == 3
