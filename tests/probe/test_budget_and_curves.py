"""The purse that sets how often to observe, and curves in bounded room."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import deepeyes_tui as deepeyes
from deepeyes_tui.link.watcher import SILENT_AFTER
from deepeyes_tui.probe.border import ERRORS_TOLERATED, Border
from deepeyes_tui.probe.budget import ADVANCE, EAGER_FOR, HEADROOM, LEAST_PORTION, Budget
from deepeyes_tui.probe.curves import ThinnedCurve
from deepeyes_tui.probe.publishing import EVERY, RAREST, Publisher
from deepeyes_tui.probe.scalars import MOST_CURVES, Scalars, batch_accuracy, curve_name


def simulate(budget, *, step, observing, idle=0.0, steps=4000):
    """Train for some steps of `step` seconds; return the share of time spent and the observed steps. An observation of
    all instances takes `observing` seconds.
    """
    spent, observed, look = 0.0, [], True
    for number in range(steps):
        cost = idle + (observing * budget.portion if look else 0.0)
        budget.elapse(step)
        budget.spend(cost)
        if look:
            budget.observed(cost)
            observed.append(number)
        spent += cost
        look = budget.affords_observation()
    return spent / (steps * step), observed


@pytest.mark.parametrize("step", [0.002, 0.04, 2.0])
@pytest.mark.parametrize("observing", [0.0005, 0.003, 0.5])
def test_cost_stays_within_the_budget(step, observing):
    budget = Budget(0.02)
    share, observed = simulate(budget, step=step, observing=observing, idle=2e-6)
    once = (ADVANCE + 3 * observing) / (4000 * step)
    eager = 0.02 * (1 - HEADROOM) * min(1, EAGER_FOR / (4000 * step))
    assert share <= 0.02 * HEADROOM + eager + once + 2e-6 / step
    assert observed[0] == 0
    gaps = np.diff(observed[len(observed) // 2 :])
    assert len(gaps) == 0 or gaps.max() <= 2 * gaps.min() + 1


def test_cheap_observations_are_not_made_more_often_than_anyone_looks():
    _, observed = simulate(Budget(0.5), step=0.001, observing=1e-6, steps=2000)
    assert 15 <= len(observed) <= 25


def test_a_training_is_looked_at_most_often_when_it_begins():
    _, observed = simulate(Budget(0.02), step=0.02, observing=0.01, steps=30_000)
    minute = round(EAGER_FOR / 0.02)
    first, last = (sum(start <= number < start + minute for number in observed) for start in (0, 30_000 - minute))
    assert 1.08 * last < first < 1.6 * last


def test_a_pause_saves_up_for_no_burst():
    budget = Budget(0.02)
    simulate(budget, step=0.01, observing=0.01, steps=200)
    budget.elapse(3600)
    _, observed = simulate(budget, step=0.01, observing=0.01, steps=100)
    assert len(observed) <= 5


def test_the_first_look_is_a_gift():
    budget = Budget(0.02)
    budget.elapse(0.01)
    budget.spend(30.0)
    budget.observed(30.0)
    budget.elapse(0.2)
    budget.spend(0.0)
    assert budget.affords_observation()
    assert budget.cost == 0


def test_what_is_expected_goes_down_with_the_instances_to_be_taken():
    budget = Budget(0.02)
    for seconds in (0.001, 8.0):
        budget.elapse(0.1)
        budget.spend(seconds)
        budget.observed(seconds)
    assert budget.portion == LEAST_PORTION
    assert budget.expected == 8 * LEAST_PORTION


def test_dear_observations_take_fewer_instances_and_cheap_ones_all_again():
    budget = Budget(0.02)
    _, observed = simulate(budget, step=0.13, observing=0.15, steps=400)
    assert budget.portion == LEAST_PORTION
    assert len(observed) >= 2 * 400 * 0.13 * 0.02 * HEADROOM / 0.15
    simulate(budget, step=0.13, observing=0.001, steps=400)
    assert budget.portion == 1
    patient = Budget(1.0)
    simulate(patient, step=0.01, observing=5.0, steps=20)
    assert patient.portion == 1


@given(st.lists(st.floats(-100, 100) | st.just(math.nan) | st.just(math.inf), max_size=200), st.integers(2, 20))
def test_a_thinned_curve_loses_nothing_but_detail(values, capacity):
    curve = ThinnedCurve("loss", capacity)
    for step, value in enumerate(values):
        curve.add(step, value)
    series = curve.series()
    assert len(series.step) <= capacity
    assert series.nonfinite.sum() == sum(not math.isfinite(v) for v in values)
    assert (np.diff(series.step) > 0).all()
    finite = [v for v in values if math.isfinite(v)]
    assert curve._sum.sum() == pytest.approx(sum(finite), abs=1e-6)
    assert curve._finite.sum() == len(finite)
    if values:
        assert series.step[-1] == len(values) - 1
    shown = series.value[np.isfinite(series.value)]
    if finite:
        assert shown.min() >= min(finite) - 1e-4
        assert shown.max() <= max(finite) + 1e-4


def test_border_swallows_counts_and_ends():
    border, calls = Border(), []

    def broken():
        calls.append(1)
        raise RuntimeError("odd")

    for _ in range(ERRORS_TOLERATED + 4):
        assert border.call(broken) is None
    assert len(calls) == ERRORS_TOLERATED
    assert border.off
    assert "odd" in border.last_error
    with pytest.raises(KeyboardInterrupt):
        Border().call(lambda: (_ for _ in ()).throw(KeyboardInterrupt))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("val_acc", "val_accuracy"),
        ("test_loss", "val_loss"),
        ("valid/acc", "val_accuracy"),
        ("Acc", "accuracy"),
        ("lr", "lr"),
    ],
)
def test_names_of_curves(given, kept):
    assert curve_name(given) == kept


def test_scalars_take_what_people_log():
    scalars = Scalars()
    for value in (1, 2.0, torch.tensor(3.0, requires_grad=True), torch.tensor([4.0, 6.0]), np.float32(7), math.nan):
        scalars.put("loss", 1, value)
    for value in ("text", None, [1]):
        scalars.put("other", 1, value)
    assert scalars.series()[0].value.tolist()[:5] == [1, 2, 3, 5, 7]
    assert set(scalars.curves) == {"loss"}
    for number in range(20):
        scalars.put(f"curve {number}", 1, 0.0)
    assert len(scalars.curves) == MOST_CURVES
    assert "curve 19" in scalars.refused


def test_accuracy_only_where_output_and_targets_fit():
    output, targets = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1])
    assert float(batch_accuracy(output, targets)) == 0.5
    for wrong in (None, targets.float(), targets[:1], "labels", torch.tensor([[0, 1], [1, 0]])):
        assert batch_accuracy(output, wrong) is None
    assert batch_accuracy(None, targets) is None
    assert batch_accuracy(output[:0], targets[:0]) is None
    assert batch_accuracy(output[:, :1], targets) is None


def test_what_is_published_is_never_older_than_viewers_have_patience(tmp_path):
    publisher = Publisher(tmp_path / "board", "run", (), 0.02)
    for _ in range(3):
        publisher.took(1e-5)
    publisher.took(10.0)
    assert publisher._every == EVERY  # one that was held up says nothing of the next
    for _ in range(3):
        publisher.took(10.0)
    assert publisher._every == RAREST < SILENT_AFTER


def test_a_network_of_a_new_shape_is_looked_at_as_cheaply_as_before():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with deepeyes.watch(model, name="portion", control="off") as monitor:
        probe = monitor._probe
        probe._budget.portion = 0.25
        probe._start_anew()
        assert probe._observer._sampler.portion == 0.25
