"""Copies of a network are found, and nothing else."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from deepeyes_tui.surgery import find_copies

from .architectures_lenet import LeNet


class Student(LeNet):
    """A class that nobody else has."""


class Touchy:
    """An object that does not like to be looked at."""

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise RuntimeError("hands off")


def test_averages_and_deep_copies_are_found() -> None:
    model = Student()
    average, twin = AveragedModel(model), copy.deepcopy(model)
    unlike = [Student(), Student.__new__(Student), LeNet()]
    unlike[0].conv1 = nn.Conv2d(1, 7, 3)
    touchy = [Touchy()]
    assert {id(one) for one in find_copies(model)} == {id(average.module), id(twin)}
    assert touchy


def test_averages_that_have_gone_far_are_followed() -> None:
    model = Student()
    average = AveragedModel(model)
    with torch.no_grad():
        for parameter in average.parameters():
            parameter.neg_()
    assert find_copies(model) == [average.module]


def test_networks_that_learn_beside_it_and_teachers_are_left_alone() -> None:
    model = Student()
    rival, teacher, twin = Student(), Student().requires_grad_(False), copy.deepcopy(model)
    optimizers = [torch.optim.SGD(one.parameters(), lr=0.1) for one in (model, rival, twin)]
    averages = AveragedModel(model), AveragedModel(rival)
    assert find_copies(model) == [averages[0].module]
    assert find_copies(rival) == [averages[1].module]
    del averages
    assert find_copies(model) == []
    del optimizers[2]
    assert find_copies(model) == [twin]
    assert teacher


def test_what_shares_tensors_is_no_copy() -> None:
    model, other = Student(), Student()
    other.fc2 = model.fc2
    assert find_copies(model) == []
    assert find_copies(nn.DataParallel(other)) == []


def test_networks_without_tensors_have_none() -> None:
    idle = nn.Identity()
    assert find_copies(nn.Identity()) == []
    assert torch.equal(idle(torch.ones(1)), torch.ones(1))
