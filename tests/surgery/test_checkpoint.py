"""Checkpoints are whole or not there, and a training goes on from them as if nothing had been."""

from __future__ import annotations

import copy
import itertools
import os
import resource
import stat
import statistics
import time

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.keeping import checkpoint
from deepeyes_tui.surgery.keeping.checkpoint import KEPT, checkpoints, write_checkpoint
from deepeyes_tui.surgery.keeping.loading import load_checkpoint


class Tied(nn.Module):
    """Tied weights, a channels-last convolution, a view among the buffers, a buffer without elements."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3).to(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm1d(4)
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight
        whole = torch.arange(6.0)
        self.register_buffer("whole", whole)
        self.register_buffer("part", whole[2:4])
        self.register_buffer("empty", torch.empty(0))

    def forward(self, x):
        return self.second(self.first(self.norm(self.conv(x).mean((2, 3)))))


def train(model, optimizer, count=3):
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(8, 2, 6, 6, generator=generator)).square().mean().backward()
        optimizer.step()


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Tied()


def equal(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adafactor, torch.optim.SGD])
def test_training_goes_on_from_a_checkpoint_bit_for_bit(model, kind, tmp_path):
    optimizer = kind(model.parameters(), lr=0.01, **({"momentum": 0.9} if kind is torch.optim.SGD else {}))
    train(model, optimizer)
    path = write_checkpoint(tmp_path, model, [optimizer], 17)
    train(model, optimizer)
    wanted = copy.deepcopy(model.state_dict())
    torch.manual_seed(5)
    fresh = Tied()
    anew = kind(fresh.parameters(), lr=0.5)
    assert load_checkpoint(path, fresh, anew) == 17
    assert fresh.second.weight is fresh.first.weight
    train(fresh, anew)
    assert equal(wanted, fresh.state_dict())


def test_the_files_open_with_what_everybody_has(model, tmp_path):
    optimizer = torch.optim.Adam(model.parameters())
    train(model, optimizer)
    path = write_checkpoint(tmp_path, model, optimizer, 3)
    weights = load_file(path / "weights.safetensors")
    assert "second.weight" not in weights
    assert torch.equal(weights["conv.weight"], model.conv.weight)
    rest = torch.load(path / "optimizers.pt", weights_only=True)
    assert rest["step"] == 3
    assert len(rest["optimizers"]) == 1


def test_the_training_is_not_touched(model, tmp_path):
    optimizer = torch.optim.Adam(model.parameters())
    train(model, optimizer)
    places = {name: one.data_ptr() for name, one in model.state_dict().items()}
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    write_checkpoint(tmp_path, model, optimizer, 3)
    assert {name: one.data_ptr() for name, one in model.state_dict().items()} == places
    assert equal(before, model.state_dict())
    assert torch.equal(torch.get_rng_state(), random)
    assert model.conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_without_an_optimizer(model, tmp_path):
    path = write_checkpoint(tmp_path / "new" / "folder", model, [], 1)
    assert load_checkpoint(path, Tied()) == 1


def test_several_optimizers(model, tmp_path):
    two = [torch.optim.Adam(model.conv.parameters()), torch.optim.SGD(model.first.parameters(), lr=0.1, momentum=0.9)]
    for one in two:
        train(model, one, 1)
    path = write_checkpoint(tmp_path, model, two, 1)
    anew = [torch.optim.Adam(model.conv.parameters()), torch.optim.SGD(model.first.parameters(), lr=0.9)]
    load_checkpoint(path, model, anew)
    assert anew[1].param_groups[0]["lr"] == 0.1
    with pytest.raises(SurgeryError, match="other optimizers"):
        load_checkpoint(path, model, anew[::-1])


def test_the_newest_stay_also_of_one_step(model, tmp_path):
    written = [write_checkpoint(tmp_path, model, [], step) for step in (5, 5, 90, 100, 7)]
    assert checkpoints(tmp_path) == written[-KEPT:]
    assert len(set(written)) == 5


def test_only_the_owner_reads_it(model, tmp_path):
    path = write_checkpoint(tmp_path, model, [], 0)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in [path, *path.iterdir()]}
    assert modes == {path.name: 0o700, "weights.safetensors": 0o600, "optimizers.pt": 0o600}


@pytest.mark.parametrize("limit", [200, 20_000])
def test_a_full_disk_leaves_nothing_half_written(limit, tmp_path):
    """Files of this process cannot grow beyond the limit: within the weights, and within the optimizer's state."""
    model = nn.Linear(32, 32)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 32)).sum().backward()
    optimizer.step()
    optimizer.state[model.weight]["exp_avg_sq"] = torch.rand(100, 100)
    first = write_checkpoint(tmp_path, model, optimizer, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match=r".+"):
            write_checkpoint(tmp_path, model, optimizer, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == [first]
    assert load_checkpoint(first, nn.Linear(32, 32)) == 1


def test_more_than_the_disk_has_is_refused_before_anything_is_written(tmp_path):
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    huge = nn.Linear(1, 1)
    huge.register_buffer("much", torch.zeros(1).expand(free // 2))
    with pytest.raises(OSError, match="the disk has"):
        write_checkpoint(tmp_path, huge, [], 1)
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_cleared(model, tmp_path):
    (tmp_path / checkpoint.UNFINISHED).mkdir()
    (tmp_path / checkpoint.UNFINISHED / "weights.safetensors").write_bytes(b"half")
    path = write_checkpoint(tmp_path, model, [], 1)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_checkpoint(tmp_path / "file", model, [], 1)


def test_another_model_is_refused_with_the_first_tensor_that_differs(model, tmp_path):
    path = write_checkpoint(tmp_path, model, [], 1)
    other = Tied()
    other.norm = nn.BatchNorm1d(5)
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(SurgeryError, match=r"norm\.weight is \(5,\) in the model and \(4,\)"):
        load_checkpoint(path, other)
    assert equal(before, other.state_dict())
    with pytest.raises(SurgeryError, match="the checkpoint has no 0"):
        load_checkpoint(path, nn.Sequential(nn.Linear(2, 2)))


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizers.pt"])
def test_a_damaged_file_is_one_sentence(name, model, tmp_path):
    path = write_checkpoint(tmp_path, model, [], 1)
    with (path / name).open("r+b") as file:
        file.truncate(30)
    with pytest.raises(SurgeryError, match="no checkpoint that can be read"):
        load_checkpoint(path, model)
    with pytest.raises(SurgeryError, match="no checkpoint"):
        load_checkpoint(tmp_path / "nowhere", model)


def test_state_that_is_no_tensor(tmp_path):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.count = nn.Linear(2, 2), 0
            self.register_buffer("sparse", torch.eye(3).to_sparse())

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    model, fresh = Counting(), Counting()
    model.count = 7
    load_checkpoint(write_checkpoint(tmp_path, model, [], 1), fresh)
    assert fresh.count == 7
    assert torch.equal(fresh.sparse.to_dense(), torch.eye(3))


def as_large_as_resnet_18():
    """Return the 3 x 3 convolutions and normalisations of a ResNet-18: 11 million parameters."""
    widths = [64] * 5 + [128] * 4 + [256] * 4 + [512] * 4
    pairs = itertools.pairwise(widths)
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(a, b, 3), nn.BatchNorm2d(b)) for a, b in pairs))


def test_a_resnet_18_with_momentum_takes_less_than_its_time(tmp_path):
    model = as_large_as_resnet_18()
    assert 10.9e6 < sum(one.numel() for one in model.parameters()) < 11.7e6
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    times = []
    for step in range(5):
        begin = time.process_time()
        write_checkpoint(tmp_path, model, optimizer, step)
        times.append(time.process_time() - begin)
    assert statistics.median(times) < 1.0
