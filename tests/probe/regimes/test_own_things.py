"""What hangs on a model beside its tensors is neither copied where that is dear or seen, nor changed."""

import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from deepeyes_tui.probe import asking, sharing
from deepeyes_tui.probe.discovery import discover
from deepeyes_tui.probe.layers import find_layers


class Store:
    """Tells of every copy and of its end."""

    told: list[str] = []

    def __deepcopy__(self, memo):
        self.told.append("copied")
        return Store()

    def __del__(self):
        self.told.append("ended")


class Holder(nn.Module):
    """Holds data, and counts its passes in several ways."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.weights = [self.fc.weight]
        self.data, self.store, self.lock = np.ones(3 * sharing.ROOM // 16), Store(), threading.Lock()
        self.rows = [self.data[: len(self.data) // 2].copy() for _ in range(2)]
        self.passes, self.counter, self.chance = [], {"passes": np.zeros(1)}, np.random.default_rng(0)

    def forward(self, x):
        with self.lock:
            self.passes.append(self.chance.random())
            self.counter["passes"] += 1
        return self.fc(x)


@pytest.fixture
def holder():
    model = Holder()
    yield model
    del model.store
    Store.told.clear()


def test_a_copy_shares_what_is_large_or_has_ways_of_its_own(holder):
    twin = asking.cpu_copy(holder)
    assert twin.data is holder.data
    assert twin.store is holder.store
    assert [mine is its for mine, its in zip(holder.rows, twin.rows, strict=True)] == [False, True]
    assert twin.weights[0] is twin.fc.weight is not holder.fc.weight
    assert twin.passes is not holder.passes
    del twin
    assert Store.told == []


def test_looking_at_a_model_leaves_what_it_counts_as_it_is(holder):
    calls = []
    hook = register_module_forward_hook(lambda *call: calls.append(call))
    found = discover(holder, find_layers(holder), (torch.rand(8, 4),), {})
    hook.remove()
    assert found.notice == ""
    assert found.points["fc"].grid == ()
    assert (holder.passes, holder.counter["passes"].item(), calls) == ([], 0, [])
    assert holder.chance.random() == np.random.default_rng(0).random()


def test_hooks_that_are_being_taken_off_in_another_thread_may_be_called_without_keywords():
    from deepeyes_tui.probe.compiled.graph_taps import GraphEntry, GraphExit, GraphTap
    from deepeyes_tui.probe.taps import EntryTap, InputTap, Tap

    seen, module, output = [], torch.nn.Linear(2, 2), torch.zeros(3, 2)
    keep = lambda *values: seen.append(values)  # noqa: E731
    for hook in (Tap(1, keep), InputTap(2, keep), GraphTap(0), GraphExit(0)):
        hook(module, (output,), output)
    for hook in (EntryTap(keep), GraphEntry(0)):
        hook(module, (output,))
    assert [values[0] for values in seen[:2]] == [1, 2]
    assert all(values[1] is output for values in seen[:2])
    assert seen[2] == ((output,), {})
