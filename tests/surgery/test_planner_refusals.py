"""What the planner refuses, and how it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.closure import couple
from deepeyes_tui.surgery.removal import plan_removal

from .test_planner import Auxiliary, Coded, pictures


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        yield


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))


def refusal(model: nn.Module, layer: Any, filters: Any, sample: Any) -> str:
    """Return the sentence; the network's values, modes and random state are as before."""
    before = [(one.data_ptr(), one._version) for one in (*model.parameters(), *model.buffers()) if not _lazy(one)]
    modes, chance = [module.training for module in model.modules()], torch.get_rng_state()
    with pytest.raises(SurgeryError) as raised:
        plan_removal(model, layer, filters, sample)
    after = [(one.data_ptr(), one._version) for one in (*model.parameters(), *model.buffers()) if not _lazy(one)]
    assert before == after
    assert modes == [module.training for module in model.modules()]
    assert torch.equal(chance, torch.get_rng_state())
    said = str(raised.value)
    assert "\n" not in said
    return said


def _lazy(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.parameter.UninitializedParameter) or tensor.is_meta


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ([6], "0 has no filter 6: its filters are 0 to 5"),
        ([-1], "0 has no filter -1: its filters are 0 to 5"),
        ([1, 1], "filter 1 of 0 is named twice"),
        ([], "no filters of 0 are named"),
        ([1.5], "filters of 0 are named by whole numbers, not by 1.5"),
        ([True], "filters of 0 are named by whole numbers, not by True"),
        ("12", "filters of 0 are named by a list of numbers, not by '12'"),
        (3, "filters of 0 are named by a list of numbers, not by 3"),
        (range(6), "all filters of 0 would go"),
    ],
)
def test_filters_that_there_are_not(filters: Any, sentence: str) -> None:
    assert refusal(small(), "0", filters, torch.randn(4, 5)) == sentence


def test_filters_may_come_as_a_tensor() -> None:
    assert plan_removal(small(), "0", torch.tensor([2, 0]), torch.randn(4, 5)).filters == (0, 2)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("7", "the network has no layer '7'"),
        (0, "a layer is named by its path, not by 0"),
        ("", "the network itself is a Sequential, which has no filters of its own"),
        ("1", "1 is a BatchNorm1d, which has no filters of its own"),
        ("2", "2 is a ReLU, which has no filters of its own"),
        ("3", "3 makes the network's output, with no layer in between: its units are fixed"),
    ],
)
def test_layers_without_filters_that_could_go(layer: Any, sentence: str) -> None:
    assert refusal(small(), layer, [1], torch.randn(4, 5)) == sentence


@pytest.mark.parametrize("sample", [torch.randn(4, 7), torch.zeros(4, 5, dtype=torch.long), (), {"y": torch.randn(4)}])
def test_samples_on_which_the_network_does_not_run(sample: Any) -> None:
    assert refusal(small(), "0", [1], sample).startswith("the network does not run on the sample: ")


def test_a_layer_that_does_not_run() -> None:
    model = small()
    model.add_module("4", nn.Identity())
    model.extra = nn.Linear(3, 4)
    model.forward = lambda x: model[:4](x)  # type: ignore[method-assign]
    assert "extra does not run on the sample" in refusal(model, "extra", [1], torch.randn(4, 5))


@pytest.mark.parametrize(
    "code",
    [
        lambda net, one, two: one.softmax(1),
        lambda net, one, two: F.normalize(one, dim=1),
        lambda net, one, two: one - one.mean(1, keepdim=True),
        lambda net, one, two: F.layer_norm(one, one.shape[1:]),
        lambda net, one, two: torch.einsum("nchw,cd->ndhw", one, torch.ones(6, 6)),
    ],
)
def test_code_that_mixes_channels(code: Callable[..., Tensor]) -> None:
    said = refusal(Coded(code), "one", [3], pictures())
    assert "all channels of out would go: they are mixed on the way, by code outside of the layers" in said


@pytest.mark.parametrize(
    "code", [lambda net, one, two: one.cumsum(1) + two, lambda net, one, two: F.local_response_norm(one, 3)]
)
def test_code_that_mixes_neighbours(code: Callable[..., Tensor]) -> None:
    assert "all channels of one would have to go" in refusal(Coded(code), "one", [3], pictures())


@pytest.mark.parametrize(
    "code",
    [
        lambda net, one, two: one.reshape(-1, 6, 36).unflatten(2, (6, 6)),
        lambda net, one, two: one + torch.ones(6, 1, 1),
        lambda net, one, two: one + F.pad(two[:, :3], (0, 0, 0, 0, 0, 3)),
        lambda net, one, two: torch.cat(one.split(2, 1)[:3], 1)[:, :6] + torch.ones(6, 6, 6)[None],
    ],
)
def test_sizes_that_the_code_fixes(code: Callable[..., Tensor]) -> None:
    assert "the forward pass fixes a size" in refusal(Coded(code), "one", [3], pictures())


def test_the_networks_own_input_cannot_lose_channels() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.out = nn.Linear(5, 5), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.one(x) + x)

    assert "joined with the network's own input" in refusal(Residual(), "one", [2], torch.randn(4, 5))


def test_groups_have_to_stay_alike() -> None:
    grouped = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3, groups=4), nn.GroupNorm(4, 8), nn.Conv2d(8, 3, 1))
    said = refusal(grouped, "1", [0, 1, 5], pictures())
    assert "1 has 4 groups of 2 channels and would lose 3: as many must go from each group, 4, 8 and so on" in said
    said = refusal(grouped, "0", [0, 2, 4, 7], pictures())
    assert said.endswith("channels must go from the same place of each group, such as 0, 2, 4, 6")
    normed = nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(4, 8), nn.Conv2d(8, 3, 1))
    assert "or whole groups of 2" in refusal(normed, "0", [1], pictures())
    assert plan_removal(normed, "0", [2, 3], pictures()).exact
    assert not plan_removal(normed, "0", [1, 2, 4, 6], pictures()).exact


def test_attention_of_torch_is_fixed() -> None:
    class Attentive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter, self.attend, self.out = nn.Linear(5, 8), nn.MultiheadAttention(8, 2), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.enter(x)
            return self.out(x + self.attend(x, x, x)[0])

    model, sample = Attentive(), torch.randn(4, 6, 5)
    assert "attend is torch's own attention, whose width and heads are fixed" in refusal(model, "enter", [1], sample)
    assert "attend is torch's own attention" in refusal(model, "attend", [1], sample)
    assert "attend.out_proj cannot go: it is a part of attend" in refusal(model, "attend.out_proj", [1], sample)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Bilinear(5, 5, 6), "bilinear"),
        (nn.utils.spectral_norm(nn.Linear(5, 6)), "spectral norm"),
        (nn.utils.parametrizations.spectral_norm(nn.Linear(5, 6)), "SpectralNorm"),
        (orthogonal(nn.Linear(5, 6)), "Orthogonal"),
        (nn.Embedding(9, 6, max_norm=1.0), "limits the norm"),
    ],
)
def test_layers_whose_weights_are_made_otherwise(layer: nn.Module, reason: str) -> None:
    class Only(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.out = layer, nn.Linear(6, 3)

        def forward(self, *x: Tensor) -> Tensor:
            return self.out(self.layer(*x))

    embeds, two = isinstance(layer, nn.Embedding), isinstance(layer, nn.Bilinear)
    sample = torch.randint(9, (4,)) if embeds else (torch.randn(4, 5),) * (2 if two else 1)
    assert reason in refusal(Only(), "layer", [1], sample)


def test_networks_that_cannot_be_asked() -> None:
    sample = torch.randn(4, 5)
    assert "scripted" in refusal(torch.jit.script(small()), "0", [1], sample)
    assert "0 is scripted" in refusal(nn.Sequential(torch.jit.script(nn.Linear(5, 6)), small()[3]), "1", [1], sample)
    assert "not there yet" in refusal(nn.Sequential(nn.LazyLinear(6), nn.Linear(6, 3)), "0", [1], sample)
    assert "meta device" in refusal(small().to("meta"), "0", [1], sample)


def test_a_size_that_only_training_needs() -> None:
    class Fixed(Auxiliary):
        def forward(self, x: Tensor) -> Any:
            x = self.one(x).relu()
            return (self.out(x), self.second(x.view(-1, 6))) if self.training else self.out(x)

    assert "does not run in training" in refusal(Fixed(), "one", [3], torch.randn(4, 5))


def test_a_coupling_refuses_alike() -> None:
    with pytest.raises(SurgeryError, match="all filters of 0 would go"):
        couple(small(), "0", range(6), torch.randn(4, 5))


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        (torch.zeros(0, 5), "the sample has no rows"),
        (torch.full((4, 5), float("nan")), "the sample holds NaN, with which nothing can be told"),
    ],
)
def test_samples_that_tell_nothing(sample: Tensor, sentence: str) -> None:
    assert refusal(small(), "0", [1], sample) == sentence


def test_nobody_is_led_to_where_torch_crashes() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1, stride=2), nn.Flatten(), nn.LazyLinear(2))
    rows = torch.randn(4, 3, 8, 8)
    model(rows)
    last = rows.contiguous(memory_format=torch.channels_last)
    reason = refusal(model, "0", [1, 2], last)
    assert "torch crashes in the backward pass of 2, a strided 1x1 convolution that would have 6 channels" in reason
    assert plan_removal(model, "0", [1, 2], rows).filters == (1, 2)
    assert plan_removal(model, "2", [1], last).filters == (1,)
    assert plan_removal(model.eval(), "0", [1, 2], last).filters == (1, 2)


def test_where_torch_crashes_is_told_by_channels_strides_and_weights() -> None:
    rows = torch.randn(4, 3, 8, 8)
    last = rows.contiguous(memory_format=torch.channels_last)
    for stride in ((2, 2), (1, 2)):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1, stride=stride))
        assert "2, a strided 1x1 convolution that would have 7 channels" in refusal(model, "0", [1], last)
        assert "would have 2 channels" in refusal(model, "0", [0, 1, 2, 3, 4, 5], last)
        assert plan_removal(model, "0", [1], rows).filters == (1,)
        model.to(memory_format=torch.channels_last)
        assert "would have 7 channels" in refusal(model, "0", [1], rows)
