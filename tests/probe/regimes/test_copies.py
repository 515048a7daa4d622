"""Copies, files, traces and transforms of a watched model work as without the monitor, and it sees none of them."""

import copy
import io
import pickle
import subprocess
import sys

import pytest
import torch
from torch.func import functional_call, grad, jacrev, vmap

import deepeyes_tui as deepeyes

from .twins import Small, batches, plain, same

LOADS = """
import sys
sys.modules["deepeyes_tui"] = None
import torch
model = torch.load(sys.argv[1], weights_only=False)
print(type(model).__name__, tuple(model(torch.ones(2, 8)).shape))
"""


def small_rows():
    return torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))


def test_a_saved_model_loads_where_the_package_is_not(tmp_path):
    model, file = small_rows(), tmp_path / "model.pt"
    with deepeyes.watch(model, name="saved") as monitor:
        plain(model, monitor, batches(2, shape=(8,)))
        torch.save(model, file)
    done = subprocess.run([sys.executable, "-c", LOADS, file], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["Sequential", "(2, 3)\n"]


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_file(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("way", [copy.deepcopy, through_pickle, through_file])
def test_copies_are_not_watched_and_train_alike(way):
    def train(model, monitor):
        plain(model, monitor, batches(2))
        twin = way(model)
        twin(batches(1, batch=64)[0][0]).sum().backward()
        return plain(model, monitor, batches(2)), [p.grad.sum().item() for p in twin.parameters()]

    _, seen = same(train)
    assert seen.snapshot.layer(0).observed == 4


def test_state_knows_nothing_of_the_monitor():
    def train(model, monitor):
        plain(model, monitor)
        return list(model.state_dict()), [name for name, _ in model.named_modules()]

    same(train)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_traced_for_torchscript():
    def train(model, monitor):
        plain(model, monitor, batches(2))
        model.eval()
        traced = torch.jit.trace(model, batches(1)[0][0])
        told = traced(batches(1)[0][0]).sum().item(), str(traced.graph).count("deepeyes")
        model.train()
        return told, plain(model, monitor, batches(2))

    alone, _ = same(train)
    assert alone.told[0][1] == 0


def test_fx_traces():
    def train(model, monitor):
        plain(model, monitor, batches(2))
        return str(torch.fx.symbolic_trace(model).graph)

    same(train)


def transforms(model, x):
    """Calls of a model as a function of its parameters, in training mode."""
    held = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters, row):
        return functional_call(model, parameters, (row.unsqueeze(0),)).square().sum()

    each = vmap(grad(loss), in_dims=(None, 0))(held, x)
    jacobian = jacrev(lambda row: functional_call(model, held, (row,)))(x[0])
    return [value.sum().item() for value in each.values()], jacobian.sum().item(), grad(loss)(held, x[0])["0.bias"]


def test_transforms_of_functions():
    def train(model, monitor):
        told = []
        for x, y in batches(5, shape=(8,)):
            plain(model, monitor, [(x, y)])
            told.append(transforms(model, x))
            monitor.step()
        return told

    same(train, small_rows)


def test_a_functional_call_is_seen_as_a_pass():
    def train(model, monitor):
        held = {name: value.detach().clone().requires_grad_() for name, value in model.named_parameters()}
        for x, _ in batches(3):
            functional_call(model, held, (x,)).sum().backward()
            monitor.step()

    same(train)


def test_first_pass_within_a_transform():
    """What is asked of the layers first is asked in the middle of a transform."""

    def train(model, monitor):
        told = [transforms(model, x) for x, _ in batches(2, shape=(8,))]
        monitor.step()
        return told, plain(model, monitor, batches(3, shape=(8,)))

    same(train, small_rows)


@pytest.mark.parametrize("way", [torch.jit.is_tracing, torch.compiler.is_compiling])
def test_nothing_is_left_switched_on(way):
    same(lambda model, monitor: (plain(model, monitor), way(), Small().training))
