"""Commands act on all ranks at the same step, and on all or none."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from deepeyes_tui.link.messages import Action

from .launching import RANKS, forked, names_of_runs, step_of
from .training import batch, network, normalised, trainer

AS_ONE = 1e-5
GONE = [1, 3]
States = dict[int, dict[str, Any]]


def masked_training(before: dict[str, Any], step: int, steps: int) -> dict[str, Tensor]:
    """Train on, in one process on the whole batches, with the filters `GONE` masked; return what is left."""
    model = network()
    model.load_state_dict(before["weights"])
    optimizer = trainer(model)
    optimizer.param_groups[0]["lr"] = before["lr"]
    for name, one in model.named_parameters():
        optimizer.state[one]["momentum_buffer"] = before["momenta"][name].clone()
    mask = torch.ones(12, dtype=torch.float64)
    mask[GONE] = 0
    for number in range(step + 1, step + 1 + steps):
        inputs, targets = batch(number)
        optimizer.zero_grad()
        cross_entropy(model[2:](model[:2](inputs) * mask), targets).backward()
        optimizer.step()
    kept = mask.bool()
    left = dict(model.named_parameters())
    return {"0.weight": left["0.weight"][kept], "0.bias": left["0.bias"][kept], "2.weight": left["2.weight"][:, kept]}


def masked_ranks(before: dict[str, Any], step: int, steps: int) -> tuple[dict[str, Tensor], list[float]]:
    """As `masked_training`, of the network that normalises: in one process, which goes through the ranks' shares in
    turn, and keeps the buffers of rank 0. Return all that is left, buffers and momenta among it, and the losses.
    """
    model = normalised()
    model.load_state_dict({**before["weights"], **before["buffers"]})
    optimizer, losses = trainer(model), []
    for name, one in model.named_parameters():
        optimizer.state[one]["momentum_buffer"] = before["momenta"][name].clone()
    mask = torch.ones(12, dtype=torch.float64)
    mask[GONE] = 0
    for number in range(step + 1, step + 1 + steps):
        optimizer.zero_grad()
        shares = list(zip(*(one.chunk(RANKS) for one in batch(number)), strict=True))
        for rank, (inputs, targets) in reversed(list(enumerate(shares))):
            found = {name: one.clone() for name, one in model.named_buffers()}
            loss = cross_entropy(model[3:](model[:3](inputs) * mask), targets)
            (loss / RANKS).backward()
            if rank:
                model.load_state_dict(found, strict=False)
        losses.append(loss.item())
        optimizer.step()
    return left(model, optimizer, mask.bool()), losses


def left(model: torch.nn.Module, optimizer: torch.optim.Optimizer, kept: Tensor) -> dict[str, Tensor]:
    """Return parameters, buffers and momenta without what belongs to filters of the first layer that are not kept."""
    values = {name: one.detach() for name, one in model.state_dict().items()}
    values |= {f"momentum {name}": optimizer.state[one]["momentum_buffer"] for name, one in model.named_parameters()}
    for name, one in values.items():
        if name.endswith("3.weight"):
            values[name] = one[:, kept]
        elif name.removeprefix("momentum ").startswith(("0.", "1.")) and one.dim():
            values[name] = one[kept]
    return values


def assert_as_masked(states: States, step: int) -> None:
    expected = masked_training(states[step], step, 6)
    for name, values in expected.items():
        torch.testing.assert_close(states[step + 6]["weights"][name], values.detach(), rtol=AS_ONE, atol=AS_ONE)


def assert_same_on_both(one: States, other: States) -> None:
    """The ranks have to hold the same bits after each step."""
    assert one.keys() == other.keys()
    for step, state in one.items():
        for name, values in state["weights"].items():
            assert torch.equal(values, other[step]["weights"][name]), (step, name)
        assert state["lr"] == other[step]["lr"]


def test_ranks_are_steered_together(tmp_path):
    with forked("steered", tmp_path) as training:
        training.until(lambda snapshot: snapshot.status.step > 5 and snapshot.layer(0).has_run)
        paused = step_of(training.done(Action.PAUSE))
        time.sleep(6)  # longer than a collective of the training may take
        held = training.snapshot().status
        assert held.step == paused
        training.done(Action.RESUME)
        slower = step_of(training.done(Action.SET, name="lr", value=0.05))
        frozen = step_of(training.done(Action.FREEZE, layer="2"))
        training.go_on()
        thawed = step_of(training.done(Action.UNFREEZE, layer="2"))
        training.go_on()
        cut = step_of(training.done(Action.PRUNE, filters={"0": GONE}))
        training.go_on()
        grown = step_of(training.done(Action.GROW, layer="2", count=2))
        training.go_on()
        undone = step_of(training.done(Action.UNDO))
        training.go_on()
        refused = training.ask(Action.PRUNE, filters={"0": [99]})
        assert not refused.ok
        assert [layer.filters for layer in training.snapshot().layers] == [10, 9, 4]
        training.done(Action.STOP)
        said = training.wait()
    ended = {int(step) for step in re.findall(r"rank \d ended at step (\d+)", said)}
    assert len(ended) == 1
    assert names_of_runs() == ["ranks"]
    assert said.count("deepeyes: paused") == 1
    one, other = (torch.load(tmp_path / str(rank)) for rank in range(2))
    assert_same_on_both(one, other)
    assert held.loss == pytest.approx(one[paused]["loss"])
    assert (one[slower]["lr"], one[slower + 1]["lr"]) == (0.1, 0.05)
    assert torch.equal(one[frozen]["weights"]["2.weight"], one[thawed]["weights"]["2.weight"])
    assert not torch.equal(one[thawed + 1]["weights"]["2.weight"], one[thawed]["weights"]["2.weight"])
    assert len(one[cut + 1]["weights"]["0.bias"]) == 10
    assert_as_masked(one, cut)
    assert (len(one[grown + 1]["weights"]["2.bias"]), len(one[undone + 1]["weights"]["2.bias"])) == (11, 9)


@pytest.mark.parametrize("options", ["static_graph,gradient_as_bucket_view", "find_unused_parameters"])
def test_wrappers_of_other_kinds_are_cut(tmp_path, options):
    with forked("steered", tmp_path, options) as training:
        training.until(lambda snapshot: snapshot.status.step > 5 and snapshot.layer(0).has_run)
        cut = step_of(training.done(Action.PRUNE, filters={"0": GONE}))
        training.go_on()
        training.done(Action.STOP)
        training.wait()
    losses = training.snapshot().series["loss"].step
    assert {*range(cut - 3, cut + 4)} <= {*losses.tolist()}
    assert losses[-1] == training.snapshot().status.step
    one, other = (torch.load(tmp_path / str(rank)) for rank in range(2))
    assert_same_on_both(one, other)
    assert_as_masked(one, cut)


def test_what_is_normalised_on_each_rank_is_cut_alike(tmp_path):
    with forked("steered", tmp_path, "", "normalised") as training:
        training.until(lambda snapshot: snapshot.status.step > 5 and snapshot.layer(0).has_run)
        cut = step_of(training.done(Action.PRUNE, filters={"0": GONE}))
        training.go_on()
        training.done(Action.STOP)
        training.wait()
    one, other = (torch.load(tmp_path / str(rank)) for rank in range(2))
    assert_same_on_both(one, other)
    assert {len(after["buffers"]["1.running_var"]) for after in (one[cut + 1], other[cut + 1])} == {10}
    expected, losses = masked_ranks(one[cut], cut, 6)
    after = one[cut + 6]
    found = {**after["weights"], **after["buffers"]}
    found |= {f"momentum {name}": values for name, values in after["momenta"].items()}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=AS_ONE, atol=AS_ONE, msg=name)
    assert [one[cut + number + 1]["loss"] for number in range(6)] == pytest.approx(losses, abs=AS_ONE)
