"""Names, places and sizes of the layers of whole networks: shared, frozen, silent ones; sequences and tokens."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_sequence

from deepeyes_tui.probe.discovery import MOST_TOKENS, discover
from deepeyes_tui.probe.heads import head_size
from deepeyes_tui.probe.instances import Sampler
from deepeyes_tui.probe.layers import find_layers
from deepeyes_tui.probe.publishing import describe
from deepeyes_tui.probe.receptive_fields import TooSlowError, find_receptive_fields

from . import networks
from .seeing import see


def asked(model, *args, patterns=None, **kwargs):
    found = discover(model, find_layers(model, patterns), args, kwargs, patterns)
    infos = describe(found.layers, [found.points[layer.name] for layer in found.layers])
    return found, {info.name: info for info in infos}


class Shares(nn.Module):
    """One layer used twice, under two names; another never."""

    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.again, self.never = self.steps[1], nn.Linear(4, 9)
        self.steps[0].requires_grad_(False)

    def forward(self, x):
        return self.again(torch.tanh(self.steps[1](self.steps[0](x))))


def test_a_module_with_two_names_is_one_layer_with_both():
    _, infos = asked(Shares(), torch.rand(2, 4))
    assert list(infos) == ["steps.0", "steps.1", "never"]
    assert infos["steps.1"].also == ("again",)
    assert [infos[name].calls for name in infos] == [1, 2, 0]
    assert [infos[name].frozen for name in infos] == [True, False, False]
    assert infos["steps.1"].output_point == "absolute values of tanh"
    assert infos["steps.1"].signed
    assert {info.unit for info in infos.values()} == {"units"}


def test_a_pattern_chooses_the_name_of_a_shared_module():
    found, infos = asked(Shares(), torch.rand(2, 4), patterns=["again"])
    assert list(infos) == ["again"]
    assert infos["again"].also == ("steps.1",)
    assert found.points["again"].calls == 2


def test_patterns_choose_heads_and_gated_products_too():
    model, tokens = networks.Gpt(mlp=networks.Fused), torch.randint(11, (2, 6))
    assert list(asked(model, tokens, patterns=["blocks.*"])[1])[:2] == ["blocks.0.attn", "blocks.0.attn.qkv"]
    assert list(asked(model, tokens, patterns=["*.proj", "blocks.1.attn"])[1]) == [
        "blocks.0.attn.proj",
        "blocks.0.mlp.proj",
        "blocks.1.attn",
        "blocks.1.attn.proj",
        "blocks.1.mlp.proj",
    ]


def test_a_block_used_twice_has_its_heads_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = networks.Block(mlp=networks.Fused)

        def forward(self, x):
            return self.block(self.block(x))

    _, infos = asked(Twice(), torch.rand(2, 5, 8))
    assert [infos[name].calls for name in ("block.attn", "block.mlp")] == [2, 2]
    assert len(infos) == 6


class Freehand(nn.Module):
    """Weights of its own, in a function of torch."""

    def __init__(self):
        super().__init__()
        self.fc, self.own = nn.Linear(4, 4), nn.ModuleList(Weighted() for _ in range(5))

    def forward(self, x):
        for layer in self.own:
            x = layer(x)
        return functional.linear(self.fc(x), self.fc.weight)


class Weighted(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 4))

    def forward(self, x):
        return functional.linear(x, self.weight)


def test_weights_outside_of_layers_are_told_of_once():
    found, infos = asked(Freehand(), torch.rand(2, 4))
    assert found.notice == "not shown, weights outside of any layer: own.0, own.1, own.2 and 2 more"
    assert list(infos) == ["fc"]
    assert not asked(networks.Gpt(), torch.randint(11, (2, 6)), patterns=["head"])[0].notice


def test_lazy_layers_have_the_size_that_they_get():
    model = networks.Vgg()
    found, infos = asked(model, torch.rand(2, 3, 16, 16))
    assert infos["classifier.1"].kind == "Linear"
    assert infos["classifier.1"].receptive_field == (16, 16)
    assert not found.notice
    assert isinstance(model.classifier[1], nn.LazyLinear)


@pytest.mark.parametrize("batch", [2, 5])
def test_tokens_are_the_positions_of_a_language_model(batch):
    _, infos = asked(networks.Gpt(), torch.randint(11, (batch, 10)))
    assert {info.grid for name, info in infos.items() if name != "wpe"} == {(10,)}
    assert infos["wte"].receptive_field == infos["blocks.0.attn.qkv"].receptive_field == (1,)
    assert infos["blocks.0.attn"].receptive_field == infos["head"].receptive_field == (10,)
    assert {info.positions_per_input for name, info in infos.items() if name != "wpe"} == {7}


def test_long_texts_leave_room_for_others():
    _, infos = asked(nn.Sequential(nn.Embedding(9, 2), nn.Linear(2, 2)), torch.randint(9, (2, 1000)))
    assert infos["1"].positions_per_input == MOST_TOKENS


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(("batch", "length"), [(3, 9), (2, 5), (4, 4)])
def test_positions_are_steps_wherever_time_stands(batch_first, batch, length):
    model, x = networks.Encoder(batch_first=batch_first), torch.randn(batch, length, 8)
    _, infos = asked(model, x if batch_first else x.transpose(0, 1))
    assert {info.grid for name, info in infos.items() if name != "head"} == {(length,)}
    assert infos["encoder.layers.0.linear1"].receptive_field == (length,)


@pytest.mark.parametrize("batch_first", [True, False])
def test_time_first_layers_give_the_same_activations(batch_first):
    torch.manual_seed(0)
    model, x = networks.Encoder(batch_first=batch_first), torch.randn(3, 6, 8)
    seen = see(model, x if batch_first else x.transpose(0, 1))
    torch.manual_seed(0)
    other = see(networks.Encoder(), torch.randn(3, 6, 8))
    for name in ("encoder.layers.0.self_attn", "encoder.layers.1.linear1"):
        torch.testing.assert_close(seen[name], other[name])
        assert torch.equal(seen.instances[name].inputs, other.instances[name].inputs)


def test_recurrent_layers_see_all_that_came_before():
    _, infos = asked(networks.Recurrent(), torch.randn(3, 9, 5))
    assert infos["rnn"].receptive_field == (9,)
    assert infos["rnn"].positions_per_input == 6


def test_signals_have_places_along_their_last_axis():
    model = nn.Sequential(nn.Conv1d(5, 4, 3), nn.Flatten(), nn.Linear(28, 2))
    _, infos = asked(model, torch.rand(2, 5, 9))
    assert infos["0"].receptive_field == (3,)
    assert infos["0"].positions_per_input == 2


def test_masks_are_no_batches():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 2)

        def forward(self, x, mask):
            return self.head(self.attention(x, x, x, attn_mask=mask)[0])

    for batch in (3, 6):
        found, infos = asked(Masked(), torch.rand(batch, 6, 8), mask=torch.ones(6, 6).triu(1).bool())
        assert not found.notice
        assert infos["head"].grid == (6,)


def test_a_network_that_is_too_slow_is_not_asked_for_long(monkeypatch):
    monkeypatch.setattr("deepeyes_tui.probe.receptive_fields.MOST_SECONDS", 0.0)
    with pytest.raises(TooSlowError, match="one pass of the model takes"):
        find_receptive_fields(lambda x: {"a": x.isnan().any(1)}, torch.rand(1, 8))
    found, infos = asked(nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU()), torch.rand(2, 2, 9))
    assert found.notice.startswith("receptive fields unknown: one pass")
    assert infos["0"].positions_per_input == 2
    assert infos["0"].output_point == "relu"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(2, 4), st.integers(1, 5), st.integers(1, 4), st.sampled_from("abcd"))
def test_heads_side_by_side_are_recognised(batch, heads, places, size, layout):
    by_head = torch.randn(batch, heads, places, size)
    entering = by_head.transpose(1, 2).reshape(batch, places, heads * size)
    attended = {"b": by_head.transpose(1, 2), "c": by_head.reshape(batch * heads, places, size)}.get(layout, by_head)
    entering = entering.transpose(0, 1) if layout == "d" else entering
    assert head_size(attended, entering) == size
    assert head_size(attended + 1, entering) is None
    assert head_size(attended, entering[..., :-1]) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 9), st.integers(0, 99))
def test_rows_of_packed_sequences_are_found_again(lengths, each, seed):
    data = [torch.full((n, 3), 10.0 * i) + torch.arange(n).unsqueeze(1) for i, n in enumerate(lengths)]
    packed = pack_sequence(data, enforce_sorted=False)
    (layer,) = find_layers(nn.GRU(3, 3))
    seen = Sampler(seed).draw(layer, packed, each, None)
    assert len(seen.inputs) <= min(sum(lengths), len(lengths) * each)
    assert torch.equal(seen.activations[:, 0], 10.0 * seen.inputs + seen.positions)
    assert torch.equal(packed.data[seen.rows], seen.activations)
