"""Hyper-parameters of a training that goes on."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

from deepeyes_tui.link.messages import HYPERPARAMETERS
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.retuning.hyperparameters import read_settings, set_hyperparameter


def two_groups(kind=torch.optim.SGD, **options):
    first, second = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))
    return kind([{"params": [first]}, {"params": [second], **options.pop("second", {})}], **options)


def steps(optimizer, count):
    """Take steps on the sum of squares of the weights, and return the weights."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    for _ in range(count):
        optimizer.zero_grad()
        sum(one.square().sum() for one in parameters).backward()
        optimizer.step()
    return [one.detach().clone() for one in parameters]


def by_name(settings):
    return {one.name: one for one in settings}


def loader_of(size=4):
    return DataLoader(TensorDataset(torch.arange(20)), batch_size=size, shuffle=True)


def test_settings_of_an_optimizer():
    optimizer = two_groups(lr=0.1, second={"lr": 0.01})
    settings = read_settings(optimizer, [loader_of()])
    assert tuple(one.name for one in settings) == HYPERPARAMETERS
    known = by_name(settings)
    assert (known["lr"].values, known["lr"].refusal) == ((0.1, 0.01), "")
    assert known["momentum"].values == (0,)
    assert known["betas"].values == ()
    assert known["betas"].refusal == "SGD has no betas"
    assert known["batch_size"].values == (4,)


def test_settings_without_an_optimizer_or_a_loader_say_what_to_pass():
    for setting in read_settings(None):
        assert setting.values == ()
        assert "watch(" in setting.refusal


def test_settings_are_what_json_can_say():
    optimizer = torch.optim.Adam([nn.Parameter(torch.ones(2))], lr=torch.tensor(0.001))
    known = by_name(read_settings(optimizer))
    assert known["lr"].values == (0.001,)
    assert known["betas"].values == ([0.9, 0.999],)


@pytest.mark.parametrize("name", HYPERPARAMETERS)
@pytest.mark.parametrize(
    "value", ["much", None, True, [0.9], math.nan, math.inf, -1, [2.0, 0.9], {"a": 1}, [math.nan, 0.9]]
)
def test_nonsense_is_refused_and_changes_nothing(name, value):
    optimizer = torch.optim.Adam([nn.Parameter(torch.ones(2))], lr=0.1) if name == "betas" else two_groups(lr=0.1)
    loader = loader_of()
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(SurgeryError) as refusal:
        set_hyperparameter(optimizer, name, value, [loader])
    assert str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert optimizer.state_dict() == before
    assert loader.batch_size == 4


@pytest.mark.parametrize(("name", "value"), [("lr", 0), ("momentum", 1), ("betas", [0.9, 1.0]), ("batch_size", 0)])
def test_values_at_the_border_are_refused(name, value):
    optimizer = two_groups(torch.optim.Adam) if name == "betas" else two_groups(lr=0.1)
    with pytest.raises(SurgeryError):
        set_hyperparameter(optimizer, name, value, [loader_of()])


def test_an_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(SurgeryError, match="weight_decay"):
        set_hyperparameter(two_groups(lr=0.1), "dropout", 0.5)


def test_groups_that_agree_get_the_value_and_those_that_differ_keep_their_ratio():
    optimizer = two_groups(lr=0.1)
    change = set_hyperparameter(optimizer, "lr", 1e-4)
    assert (change.before, change.after, change.notes) == ((0.1,), (1e-4,), ())
    optimizer = two_groups(lr=0.1, second={"lr": 0.02})
    change = set_hyperparameter(optimizer, "lr", 1e-4)
    assert change.after == pytest.approx((1e-4, 2e-5))
    assert change.notes == ("the groups keep their ratios",)
    assert str(change) == "lr 0.1 | 0.02 -> 0.0001 | 2e-05"


def test_a_group_that_stands_still_does_so_further():
    optimizer = two_groups(lr=0.1, second={"lr": 0.0})
    assert set_hyperparameter(optimizer, "lr", 0.3).after == (0.3, 0.0)


def test_no_group_is_added():
    optimizer = two_groups(lr=0.1)
    set_hyperparameter(optimizer, "lr", 0.5)
    assert len(optimizer.param_groups) == 2


def test_a_rate_in_a_tensor_is_filled_where_it_is():
    rate = torch.tensor(0.01)
    optimizer = two_groups(torch.optim.Adam, lr=rate)
    set_hyperparameter(optimizer, "lr", 0.002)
    assert all(group["lr"] is rate for group in optimizer.param_groups)
    assert rate.item() == pytest.approx(0.002)


def test_the_rate_of_rprop_is_refused():
    with pytest.raises(SurgeryError, match="Rprop"):
        set_hyperparameter(two_groups(torch.optim.Rprop, lr=0.1), "lr", 0.2)


@pytest.mark.parametrize("options", [{}, {"foreach": True}, {"fused": True}])
def test_momentum_from_nought_trains_as_if_it_began_then(options):
    late, reference = two_groups(lr=0.1, **options), two_groups(lr=0.1, **options)
    steps(late, 2)
    set_hyperparameter(late, "momentum", 0.9)
    steps(reference, 2)
    fresh = two_groups(lr=0.1, momentum=0.9, **options)
    for mine, theirs in zip(fresh.param_groups, reference.param_groups, strict=True):
        mine["params"][0].data.copy_(theirs["params"][0].data)
    for got, wanted in zip(steps(late, 4), steps(fresh, 4), strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("foreach", [False, True])
def test_momentum_of_rmsprop_from_nought(foreach):
    """Its buffers are made in the first step alone: without them the next step would fail."""
    optimizer = two_groups(torch.optim.RMSprop, lr=0.01, foreach=foreach)
    plain = steps(copy.deepcopy(optimizer), 6)
    steps(optimizer, 2)
    set_hyperparameter(optimizer, "momentum", 0.9)
    moved = steps(optimizer, 4)
    assert all((one < other).all() for one, other in zip(moved, plain, strict=True))


def test_momentum_of_nought_under_nesterov_is_refused():
    with pytest.raises(SurgeryError, match="Nesterov"):
        set_hyperparameter(two_groups(lr=0.1, momentum=0.9, nesterov=True), "momentum", 0)


def test_momentum_that_a_scheduler_cycles_is_refused():
    optimizer = two_groups(lr=0.1, momentum=0.9)
    scheduler = OneCycleLR(optimizer, 0.1, total_steps=50)
    assert "OneCycleLR" in by_name(read_settings(optimizer))["momentum"].refusal
    with pytest.raises(SurgeryError, match="OneCycleLR"):
        set_hyperparameter(optimizer, "momentum", 0.5)
    assert scheduler.cycle_momentum


def test_momentum_that_a_scheduler_leaves_alone_stays():
    optimizer = two_groups(lr=0.1, momentum=0.9)
    scheduler = CyclicLR(optimizer, 0.01, 0.1, cycle_momentum=False)
    set_hyperparameter(optimizer, "momentum", 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["momentum"] == 0.5


def test_betas_under_a_cycle_keep_the_first():
    optimizer = two_groups(torch.optim.AdamW, lr=0.1)
    scheduler = OneCycleLR(optimizer, 0.1, total_steps=50)
    first = optimizer.param_groups[0]["betas"][0]
    with pytest.raises(SurgeryError, match="first beta follows OneCycleLR"):
        set_hyperparameter(optimizer, "betas", [0.5, 0.99])
    set_hyperparameter(optimizer, "betas", [first, 0.99])
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["betas"][1] == 0.99


@pytest.mark.parametrize(
    "kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Adamax]
)
def test_betas(kind):
    optimizer = two_groups(kind, lr=0.1)
    steps(optimizer, 2)
    assert set_hyperparameter(optimizer, "betas", [0.8, 0.99]).after == ([0.8, 0.99],)
    assert all(torch.isfinite(one).all() for one in steps(optimizer, 3))


def test_the_alpha_of_rmsprop_is_no_beta():
    with pytest.raises(SurgeryError, match="RMSprop has no betas"):
        set_hyperparameter(two_groups(torch.optim.RMSprop, lr=0.1), "betas", [0.9, 0.99])


def test_weight_decay_stays_away_from_groups_without_any():
    optimizer = two_groups(torch.optim.AdamW, lr=0.1, weight_decay=0.01, second={"weight_decay": 0.0})
    assert set_hyperparameter(optimizer, "weight_decay", 0.05).after == (0.05, 0.0)
    change = set_hyperparameter(optimizer, "weight_decay", 0)
    assert change.after == (0,)
    assert "alike" in change.notes[0]


def test_weight_decay_shrinks_the_weights():
    plain, decayed = two_groups(lr=0.01), two_groups(lr=0.01)
    set_hyperparameter(decayed, "weight_decay", 0.5)
    assert all((one < other).all() for one, other in zip(steps(decayed, 3), steps(plain, 3), strict=True))


def test_lbfgs_has_a_learning_rate_and_nothing_else():
    optimizer = torch.optim.LBFGS([nn.Parameter(torch.ones(3))], lr=1.0)
    assert set_hyperparameter(optimizer, "lr", 0.5).after == (0.5,)
    refusals = [one.refusal for one in read_settings(optimizer)[1:4]]
    assert refusals == ["LBFGS has no momentum", "LBFGS has no betas", "LBFGS has no weight decay"]
