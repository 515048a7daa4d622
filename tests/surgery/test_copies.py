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


def test_what_shares_tensors_is_no_copy() -> None:
    model, other = Student(), Student()
    other.fc2 = model.fc2
    assert find_copies(model) == []
    assert find_copies(nn.DataParallel(other)) == []


def test_networks_without_tensors_have_none() -> None:
    idle = nn.Identity()
    assert find_copies(nn.Identity()) == []
    assert torch.equal(idle(torch.ones(1)), torch.ones(1))
