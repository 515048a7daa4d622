"""A learning rate that is set holds under every scheduler of torch: the rest of its trajectory is scaled."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as torch_schedulers
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import SWALR

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.retuning.hyperparameters import set_hyperparameter
from deepeyes_tui.surgery.retuning.schedulers import find_schedulers

STEPS, CHANGED_AT, RATIO = 30, 7, 0.1

MAKERS = {
    "LambdaLR": lambda o: torch_schedulers.LambdaLR(o, lambda step: 0.95**step),
    "MultiplicativeLR": lambda o: torch_schedulers.MultiplicativeLR(o, lambda step: 0.97),
    "StepLR": lambda o: torch_schedulers.StepLR(o, 9, 0.5),
    "MultiStepLR": lambda o: torch_schedulers.MultiStepLR(o, [5, 12, 20]),
    "ConstantLR": lambda o: torch_schedulers.ConstantLR(o, 0.3, total_iters=15),
    "LinearLR": lambda o: torch_schedulers.LinearLR(o, 0.2, total_iters=15),
    "ExponentialLR": lambda o: torch_schedulers.ExponentialLR(o, 0.9),
    "SequentialLR": lambda o: torch_schedulers.SequentialLR(
        o,
        [
            torch_schedulers.LinearLR(o, 0.1, total_iters=10),
            torch_schedulers.CosineAnnealingLR(o, 12, 1e-4),
            torch_schedulers.ExponentialLR(o, 0.9),
        ],
        [10, 22],
    ),
    "PolynomialLR": lambda o: torch_schedulers.PolynomialLR(o, 40, 2.0),
    "CosineAnnealingLR": lambda o: torch_schedulers.CosineAnnealingLR(o, 12, 1e-3),
    "ChainedScheduler": lambda o: torch_schedulers.ChainedScheduler(
        [torch_schedulers.ConstantLR(o, 0.5, 10), torch_schedulers.CosineAnnealingWarmRestarts(o, 8, eta_min=1e-3)]
    ),
    "ReduceLROnPlateau": lambda o: torch_schedulers.ReduceLROnPlateau(o, patience=2, min_lr=[0.02, 0.001], eps=2e-4),
    "CyclicLR": lambda o: torch_schedulers.CyclicLR(o, 0.01, 0.3, step_size_up=6),
    "CosineAnnealingWarmRestarts": lambda o: torch_schedulers.CosineAnnealingWarmRestarts(o, 7, 2, 1e-3),
    "OneCycleLR": lambda o: torch_schedulers.OneCycleLR(o, [0.3, 0.1], total_steps=60),
    "SWALR": lambda o: SWALR(o, swa_lr=0.02, anneal_epochs=15),
}
BASES = {"LRScheduler", "_LRScheduler"}


def optimizer_of(tensor_rate: bool = False) -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.ones(2))]}, {"params": [nn.Parameter(torch.ones(2))], "lr": 0.05}]
    if tensor_rate:
        groups[1].pop("lr")
        return torch.optim.Adam(groups, lr=torch.tensor(0.1))
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def trajectory(make, ratio: float | None, tensor_rate: bool = False) -> list[list[float]]:
    """Return the rates of the groups at each step; `ratio` is applied to the first group's rate in the middle."""
    optimizer = optimizer_of(tensor_rate)
    scheduler = make(optimizer)
    rates = []
    for step in range(STEPS + CHANGED_AT):
        if step == CHANGED_AT and ratio is not None:
            set_hyperparameter(optimizer, "lr", float(optimizer.param_groups[0]["lr"]) * ratio)
        rates.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        plateau = isinstance(scheduler, torch_schedulers.ReduceLROnPlateau)
        scheduler.step(1.0) if plateau else scheduler.step()
    return rates


def test_every_scheduler_of_torch_is_tried():
    classes = {
        name
        for name, one in vars(torch_schedulers).items()
        if inspect.isclass(one) and one.__module__ == LRScheduler.__module__
    }
    schedulers = {name for name in classes if issubclass(getattr(torch_schedulers, name), LRScheduler)}
    assert schedulers - BASES == set(MAKERS) - {"SWALR"}


@pytest.mark.parametrize("name", MAKERS)
def test_the_trajectory_is_scaled(name):
    as_it_was, changed = (torch.tensor(trajectory(MAKERS[name], ratio), dtype=torch.float64) for ratio in (None, RATIO))
    torch.testing.assert_close(changed[:CHANGED_AT], as_it_was[:CHANGED_AT], rtol=0, atol=0)
    torch.testing.assert_close(changed[CHANGED_AT:], RATIO * as_it_was[CHANGED_AT:], rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in {"OneCycleLR", "CyclicLR", "SWALR"}])
def test_the_trajectory_of_a_rate_in_a_tensor_that_groups_share_is_scaled(name):
    as_it_was, changed = (torch.tensor(trajectory(MAKERS[name], ratio, tensor_rate=True)) for ratio in (None, RATIO))
    torch.testing.assert_close(changed[CHANGED_AT:], RATIO * as_it_was[CHANGED_AT:], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", ["LambdaLR", "OneCycleLR", "CyclicLR", "CosineAnnealingWarmRestarts"])
def test_the_rate_alone_would_be_set_back(name):
    """The reason for all this: what these four do with a rate that is written into the group alone."""
    optimizer = optimizer_of()
    scheduler = MAKERS[name](optimizer)
    for _ in range(3):
        scheduler.optimizer.step()
        scheduler.step()
    before = optimizer.param_groups[0]["lr"]
    optimizer.param_groups[0]["lr"] = before * 1e-3
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] > 0.1 * before


def test_last_rates_and_a_second_change():
    optimizer = optimizer_of()
    scheduler = MAKERS["SequentialLR"](optimizer)
    set_hyperparameter(optimizer, "lr", 0.004)
    set_hyperparameter(optimizer, "lr", 0.002)
    assert scheduler.get_last_lr()[0] == pytest.approx(0.002)
    assert optimizer.param_groups[1]["lr"] == pytest.approx(0.001)


def test_schedulers_of_the_optimizer_alone_are_found():
    mine, other = optimizer_of(), optimizer_of()
    chained, strange = MAKERS["ChainedScheduler"](mine), MAKERS["StepLR"](other)
    found = {id(one) for one in find_schedulers(mine)}
    assert found == {id(chained), *(id(one) for one in chained._schedulers)}
    assert id(strange) not in found


def test_a_wrapped_optimizer_has_the_schedulers_of_the_inner_one():
    inner = optimizer_of()
    scheduler = MAKERS["ExponentialLR"](inner)

    class Wrapper:
        def __init__(self):
            self.optimizer = inner

        @property
        def param_groups(self):
            return inner.param_groups

    assert find_schedulers(Wrapper()) == [scheduler]


def test_a_rate_of_nought_under_a_scheduler_is_refused():
    optimizer = optimizer_of()
    scheduler = torch_schedulers.LambdaLR(optimizer, lambda step: step / 10)
    with pytest.raises(SurgeryError, match="LambdaLR holds the learning rate at 0"):
        set_hyperparameter(optimizer, "lr", 0.01)
    assert scheduler.base_lrs == [0.1, 0.05]


def test_a_scheduler_of_the_scripts_own_is_said():
    class Halving(LRScheduler):
        def get_lr(self):
            return [0.5 * group["lr"] for group in self.optimizer.param_groups]

    optimizer = optimizer_of()
    scheduler = Halving(optimizer)
    change = set_hyperparameter(optimizer, "lr", 0.01)
    assert any("Halving is not torch's own" in note for note in change.notes)
    optimizer.step()
    scheduler.step()
    assert math.isclose(optimizer.param_groups[0]["lr"], 0.005)
