"""A model built anew gets the shape that a journal's surgery gave another."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn

import deepeyes_tui
from deepeyes_tui.link.journal import JOURNAL, Entry, append
from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growth import plan_growth
from deepeyes_tui.surgery.plan import Kind, Plan, Replacement
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.replay import replay


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 6, 3)
        self.fc1, self.fc2 = nn.Linear(6 * 16, 12), nn.Linear(12, 3)

    def forward(self, x):
        x = self.conv2(self.norm(self.conv1(x)).relu()).relu().flatten(1)
        return self.fc2(self.fc1(x).relu())


SAMPLE = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def operate(model):
    """Return the plans of a session on the model: two cuts with a growth in between."""
    plans = []
    for make in (
        lambda: plan_removal(model, "conv1", [1, 5], SAMPLE),
        lambda: plan_growth(model, "conv2", 2, SAMPLE),
        lambda: plan_removal(model, "fc1", [0, 3, 4], SAMPLE),
    ):
        plans.append(make())
        apply(plans[-1], model, sample=SAMPLE)
    return plans


def entry(number, plans=(), **more):
    plain = tuple(plan.to_json() for plan in plans)
    return Entry(number, "prune", 10 * number, 0.0, "me", "done", plans=plain, **more)


def shapes(model):
    return {name: tuple(one.shape) for name, one in model.state_dict().items()}


@pytest.fixture
def operated():
    torch.manual_seed(0)
    model = Net()
    return model, operate(model)


@pytest.mark.parametrize("where", ["folder", "file", "text", "entries", "plans", "json"])
def test_a_state_dict_of_the_operated_model_loads(operated, where, tmp_path):
    model, plans = operated
    entries = [entry(number, [plan]) for number, plan in enumerate(plans)]
    for one in entries:
        append(tmp_path / JOURNAL, one)
    journals = {
        "folder": tmp_path,
        "file": tmp_path / JOURNAL,
        "text": str(tmp_path),
        "entries": entries,
        "plans": plans,
        "json": [plan.to_json() for plan in plans],
    }
    fresh = Net()
    parameters = list(fresh.parameters())
    done = deepeyes_tui.replay(fresh, journals[where])
    assert [dataclasses.replace(plan, change=0.0) for plan in done] == [
        dataclasses.replace(plan, change=0.0) for plan in plans
    ]
    fresh.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(fresh.eval()(SAMPLE), model.eval()(SAMPLE))
    assert all(one is other for one, other in zip(parameters, fresh.parameters(), strict=True))


def test_the_new_model_trains(operated):
    fresh = Net()
    replay(fresh, operated[1])
    optimizer = torch.optim.SGD(fresh.parameters(), lr=0.1)
    before = [one.detach().clone() for one in fresh.parameters()]
    fresh(SAMPLE).square().mean().backward()
    optimizer.step()
    assert fresh.training
    assert any(not torch.equal(one, other) for one, other in zip(before, fresh.parameters(), strict=True))


def test_what_was_undone_is_left_out(operated):
    plans = operated[1]
    entries = [
        entry(1, plans[:1]),
        entry(2, plans[2:]),
        entry(3, undoes=2),
        Entry(4, "set", 4, 0.0, "me", "lr 0.1 -> 0.01"),
    ]
    fresh = Net()
    assert len(replay(fresh, entries)) == 1
    assert shapes(fresh)["conv1.weight"] == (6, 1, 3, 3)
    assert shapes(fresh)["fc1.weight"] == (12, 96)


def test_an_act_with_several_plans(operated):
    model, plans = operated
    fresh = Net()
    replay(fresh, [entry(1, plans)])
    assert shapes(fresh) == shapes(model)


def test_an_empty_journal_changes_nothing():
    fresh = Net()
    assert replay(fresh, []) == []
    assert shapes(fresh) == shapes(Net())


def with_a_new_layer():
    """Return plans that put a layer behind another, cut the filters of both, and take the other one out."""
    model = Net()
    behind = [{"kind": "Linear", "features": 12}, {"kind": "ReLU"}]
    added = Plan(
        Kind.ADD_LAYER,
        "fc1",
        replacement=Replacement("fc1", "followed", {"like": "fc1", "behind": behind}),
        exact=False,
    )
    apply(added, model, inexact=True)
    plans = [added]
    for layer in ("fc1.0", "fc1.1"):
        plans.append(plan_removal(model, layer, [2, 7], SAMPLE))
        apply(plans[-1], model)
    return model, plans


def test_layers_that_were_added():
    model, plans = with_a_new_layer()
    fresh = Net()
    replay(fresh, [entry(number, [plan]) for number, plan in enumerate(plans)])
    fresh.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(fresh.eval()(SAMPLE), model.eval()(SAMPLE))


def test_layers_that_were_added_go_again_where_a_later_plan_does_not_fit():
    fresh, plans = Net(), with_a_new_layer()[1]
    before = copy.deepcopy(fresh.state_dict())
    first = fresh.fc1
    with pytest.raises(SurgeryError, match="another model"):
        replay(fresh, [*plans, plans[-1]])
    assert fresh.fc1 is first
    assert list(fresh.state_dict()) == list(before)
    assert all(torch.equal(one, before[name]) for name, one in fresh.state_dict().items())
    with pytest.raises(SurgeryError, match="fc1"):
        replay(nn.Linear(3, 3), plans)


def broken(change):
    model = Net()
    change(model)
    return model


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (broken(lambda m: setattr(m, "conv1", nn.Conv2d(1, 9, 3))), "conv1.weight is 9 long along axis 0, not 8"),
        (broken(lambda m: setattr(m, "fc1", nn.Linear(96, 13))), "fc1.weight is 13 long along axis 0, not 12"),
        (broken(lambda m: setattr(m, "fc2", nn.Linear(7, 3))), "fc2.weight is 7 long along axis 1, not 12"),
        (broken(lambda m: delattr(m, "fc2")), "the model has no fc2.weight"),
        (nn.Linear(3, 3), "the model has no conv1.weight"),
    ],
)
def test_another_model_is_left_as_it_was(operated, model, sentence):
    """Also where only the last plan does not fit."""
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(SurgeryError, match=sentence):
        replay(model, operated[1])
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert shapes(model) == {name: tuple(one.shape) for name, one in before.items()}
    assert all(getattr(one, "out_channels", 0) in (0, one.weight.shape[0]) for one in model.children())


def test_a_journal_replayed_twice_does_not_fit_the_second_time(operated):
    fresh = Net()
    replay(fresh, operated[1])
    with pytest.raises(SurgeryError, match="another model"):
        replay(fresh, operated[1])
    assert shapes(fresh) == shapes(operated[0])


def test_what_is_no_journal(tmp_path, operated):
    with pytest.raises(SurgeryError, match="there is no journal at"):
        replay(Net(), tmp_path)
    (tmp_path / JOURNAL).write_text("nonsense\n")
    with pytest.raises(SurgeryError, match="no entry of a journal"):
        replay(Net(), tmp_path)
    with pytest.raises(SurgeryError, match="no plan of surgery"):
        replay(Net(), [{"kind": "prune"}])
    with pytest.raises(SurgeryError, match="not of both"):
        replay(Net(), [entry(1, operated[1]), operated[1][0]])
