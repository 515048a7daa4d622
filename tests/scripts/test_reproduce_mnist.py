"""The example that prunes a LeNet while it trains, in short, with the digits that ship."""

import re
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import reproduce_deepeyes_mnist as example

from deepeyes_tui.demo.data import load_digits

PARAMETERS = {"untouched": 431_080, "pruned": 10 * 26 + 50 * (10 * 25 + 1) + 100 * 801 + 10 * 101}


@pytest.fixture(scope="module")
def data():
    return example.prepare(load_digits(), "cpu")


def test_dead_filters_go_first_then_weak_and_redundant_ones():
    answers = torch.rand(500, 8, generator=torch.Generator().manual_seed(0)) + 1
    answers[:, 2] = 0
    answers[:, 5] = answers[:, 1] * 1.01
    answers[:, 6] *= 0.01
    assert example.choose(answers, 7) == [2]
    assert example.choose(answers, 5) == [1, 2, 6] or example.choose(answers, 5) == [2, 5, 6]
    assert len(example.choose(answers, 1)) == 7


def test_activations_are_those_behind_the_nonlinearity(data):
    training = example.Training(data, 0)
    answers = example.activations(training.model, "fc1", data.pixels[:10])
    assert answers.shape == (10, 500)
    assert float(answers.min()) == 0
    assert example.activations(training.model, "conv1", data.pixels[:10]).shape == (10 * 24 * 24, 20)
    assert not training.model.conv1._forward_hooks


def test_both_networks_see_the_same_batches_until_the_cut(data):
    one, other = example.Training(data, 3), example.Training(data, 3)
    one.run(5)
    other.run(2)
    other.run(3)
    assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))


def test_the_pruned_network_trains_on_with_its_momentum(data):
    training = example.Training(data, 0)
    training.run(5)
    momentum = training.optimizer.state[training.model.fc2.bias]["momentum_buffer"].clone()
    parameters, _ = example.cut(training)
    assert parameters == tuple(PARAMETERS.values())
    assert [training.model.conv1.out_channels, training.model.fc1.out_features] == [10, 100]
    assert torch.equal(training.optimizer.state[training.model.fc2.bias]["momentum_buffer"], momentum)
    before = training.model.conv1.weight.detach().clone()
    training.run(1)
    assert not torch.equal(training.model.conv1.weight, before)


def test_the_table(capsys, monkeypatch):
    monkeypatch.setattr(example, "ROUNDS", 1)
    monkeypatch.setattr(example, "STEPS_A_ROUND", 1)
    assert example.main(["--steps", "40", "--prune-at", "30", "--seed", "0", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The 10,000 digits that ship")
    rows = {row[0]: row[1:] for line in out.splitlines() if line[:2] == "| " for row in [_cells(line)]}
    assert rows["parameters"][:2] == [f"{count:,}" for count in PARAMETERS.values()]
    assert rows["multiply-adds a digit"][0] == "2,293,000"
    assert all(float(cell.split()[0]) > 40 for cell in rows["test accuracy after 40 steps, %"][:2])
    assert float(rows["file with the weights, bytes"][2]) < 0.3
    assert re.search(r"At the cut: test accuracy [\d.]+ ± [\d.]+ % before", out)


def _cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--data", "/nowhere"), "there is no data"),
        (("--steps", "100", "--prune-at", "100"), "--prune-at has to lie before --steps"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(capsys, arguments, sentence):
    assert example.main(list(arguments)) == 1
    assert sentence in capsys.readouterr().err
