"""What is seen of each kind of layer, against what is worked out by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepeyes_tui.probe.attention import AttentionCall

from . import networks
from .seeing import see


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(3)


def close(one, other):
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


class Then(nn.Module):
    """A linear layer, and something behind it."""

    def __init__(self, behind):
        super().__init__()
        self.fc, self.behind = nn.Linear(4, 6), behind

    def forward(self, x):
        return self.behind(self.fc(x))


def handwritten_gelu(x):
    return 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3)))


class HandwrittenGelu(nn.Module):
    def forward(self, x):
        return handwritten_gelu(x)


class Odd(nn.Module):
    """An odd function of each value, which torch does not have."""

    def forward(self, x):
        return x / (1 + x**2)


CUT, SIZE = (lambda y: y.clamp_min(0)), torch.abs


@pytest.mark.parametrize(
    ("behind", "word", "rectified"),
    [
        (functional.relu, "relu", CUT),
        (torch.relu_, "relu", CUT),
        (lambda y: y.relu(), "relu", CUT),
        (lambda y: y.clamp(min=0), "relu", CUT),
        (lambda y: torch.clamp_min(y, 0), "relu", CUT),
        (nn.ReLU6(), "relu6", CUT),
        (nn.LeakyReLU(0.2, inplace=True), "leaky_relu", CUT),
        (nn.GELU(approximate="tanh"), "gelu", CUT),
        (functional.silu, "silu", CUT),
        (nn.Mish(), "mish", CUT),
        (nn.ELU(), "elu", CUT),
        (nn.SELU(), "selu", CUT),
        (nn.Hardswish(), "hardswish", CUT),
        (functional.softplus, "softplus", CUT),
        (torch.sigmoid, "sigmoid", CUT),
        (lambda y: y.tanh_(), "tanh", SIZE),
        (nn.Softsign(), "softsign", SIZE),
        (nn.Softmax(dim=-1), "softmax", CUT),
        (HandwrittenGelu(), "HandwrittenGelu", CUT),
        (Odd(), "Odd", SIZE),
        (nn.PReLU(6), "PReLU", CUT),
    ],
)
def test_nonlinearities_as_functions_modules_methods_and_in_place(behind, word, rectified):
    model = Then(behind if isinstance(behind, nn.Module) else _module_of(behind))
    x = 3 * torch.randn(5, 4)
    seen = see(model, x)
    assert seen.found.points["fc"].words == (word,)
    close(seen["fc"], rectified(model(x)).detach())


def _module_of(function):
    class Calls(nn.Sequential):
        def forward(self, x):
            return function(x)

    return Calls()


def test_softmax_over_channels_and_over_places():
    x = torch.randn(2, 3, 4, 4)
    for axis, words in ((1, ("softmax",)), (2, ())):
        model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.Softmax(dim=axis))
        seen = see(model, x)
        assert seen.found.points["0"].words == words
        expected = model(x) if words else model[0](x).clamp_min(0)
        close(seen["0"], expected.detach().movedim(1, -1))


@pytest.mark.parametrize(
    "function",
    [lambda y: y - y.mean(), lambda y: y.flip(1), lambda y: y[:, :3].relu(), lambda y: y + 0, lambda y: (y,)],
)
def test_what_does_not_treat_each_value_alone_is_no_nonlinearity(function):
    assert see(Then(_module_of(function)), torch.randn(5, 4)).found.points["fc"].words == ()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    "options",
    [{}, {"batch_first": False}, {"bidirectional": True, "num_layers": 2}, {"batch_first": False, "bias": False}],
)
def test_hidden_states_of_recurrent_layers(kind, options):
    model = networks.Recurrent(kind, **options)
    first = model.rnn.batch_first
    x = torch.randn(4, 7, 5)
    seen = see(model, x if first else x.transpose(0, 1))
    expected = model.rnn(x if first else x.transpose(0, 1))[0].detach()
    close(seen["rnn"], (expected if first else expected.transpose(0, 1)).abs())
    close(seen.patches["rnn"], x.reshape(28, 5))
    layer = seen.layer("rnn")
    assert (layer.unit, layer.filters) == ("units", 12 if options.get("bidirectional") else 6)
    assert ("both directions" in layer.words) == ("bidirectional" in options)
    assert ("last of 2 layers" in layer.words) == ("num_layers" in options)


def test_projected_lstm_has_fewer_units():
    model, x = networks.Recurrent(proj_size=2), torch.randn(3, 4, 5)
    close(see(model, x)["rnn"], model.rnn(x)[0].detach().abs())


def test_unbatched_sequence():
    rnn, x = nn.LSTM(5, 6), torch.randn(7, 5)
    close(see(rnn, x)["LSTM"], rnn(x)[0].detach().abs().unsqueeze(0))


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_show_their_hidden_state(kind):
    model, x = networks.Cells(kind), torch.randn(3, 4, 5)
    state = model.cell(x[:, 0])
    seen = see(model, x)
    close(seen["cell"], (state[0] if isinstance(state, tuple) else state).detach().abs())
    assert seen.found.points["cell"].calls == 4
    close(seen.patches["cell"], x[:, 0])


@pytest.mark.parametrize("lengths", [[5, 3, 1], [2, 6, 4, 6]])
def test_packed_sequences_have_no_padding(lengths):
    rnn = nn.GRU(5, 6, batch_first=True)
    x = torch.randn(len(lengths), max(lengths), 5)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    seen = see(rnn, packed)
    instances = seen.instances["GRU"]
    padded = pad_packed_sequence(rnn(packed)[0], batch_first=True)[0].detach().abs()
    assert instances.batch == len(lengths)
    assert (instances.positions < torch.tensor(lengths)[instances.inputs]).all()
    close(instances.activations, padded[instances.inputs, instances.positions])
    close(seen.patches["GRU"], x[instances.inputs, instances.positions])


def heads_of(module, query, key, value, mask=None):
    """Mean absolute values `(N, T, heads)` of multi-head attention, written out. Inputs are `(N, T, E)`."""
    weights, biases = module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3)
    size, parts = module.head_dim, []
    q, k, v = (functional.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
    for head in range(module.num_heads):
        own = slice(head * size, (head + 1) * size)
        scores = q[..., own] @ k[..., own].transpose(1, 2) / size**0.5
        scores = scores if mask is None else scores.masked_fill(mask, float("-inf"))
        parts.append((scores.softmax(-1) @ v[..., own]).abs().mean(-1))
    return torch.stack(parts, -1).detach()


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("by_name", [False, True])
def test_heads_of_torchs_attention(batch_first, masked, by_name):
    class Crossing(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=batch_first)

        def forward(self, x, memory):
            mask = torch.ones(x.shape[batch_first], memory.shape[batch_first]).triu(1).bool() if masked else None
            if by_name:
                return self.attention(query=x, key=memory, value=memory, attn_mask=mask, need_weights=True)[0]
            return self.attention(x, memory, memory, None, False, mask)[0]

    model, x, memory = Crossing(), torch.randn(3, 5, 8), torch.randn(3, 6, 8)
    inputs = (x, memory) if batch_first else (x.transpose(0, 1), memory.transpose(0, 1))
    seen = see(model, *inputs)
    mask = torch.ones(5, 6).triu(1).bool() if masked else None
    close(seen["attention"], heads_of(model.attention, x, memory, memory, mask))
    assert (seen.layer("attention").unit, seen.layer("attention").filters) == ("heads", 2)
    close(seen.patches["attention"], x.reshape(15, 8))


def test_attention_with_a_pass_of_its_own_is_seen_in_its_parts():
    class Own(nn.MultiheadAttention):
        def forward(self, x):
            return self.out_proj(torch.tanh(x)).relu()

    model, x = nn.Sequential(Own(8, 2), nn.Linear(8, 2)), torch.randn(3, 5, 8)
    seen = see(model, x)
    assert [layer.name for layer in seen.found.layers] == ["0.out_proj", "1"]
    close(seen["0.out_proj"], model[0](x).detach())


def test_attention_whose_pass_was_wrapped_is_asked_past_the_wrapper():
    attention, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(3, 5, 8)
    plain, calls = attention.forward, []
    expected = heads_of(attention, x, x, x)
    attention.forward = lambda *args, **kwargs: (calls.append(1), plain(*args, **kwargs))[1]
    close(AttentionCall(attention, (x, x, x), {}).attended().unflatten(2, (2, 4)).abs().mean(3), expected)
    assert not calls


@pytest.mark.parametrize("flash", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_heads_of_handwritten_attention(flash, causal):
    model, x = networks.Attention(12, heads=3, flash=flash, causal=causal), torch.randn(2, 5, 12)
    model = nn.Sequential(model, nn.Linear(12, 2))
    seen = see(model, x)
    close(seen["0"], model[0].attend(x).unflatten(-1, (3, 4)).abs().mean(-1).detach())
    layer = seen.layer("0")
    assert (layer.unit, layer.kind, layer.parameters) == ("heads", "Attention", 0)
    assert [one.name for one in seen.found.layers] == ["0", "0.qkv", "0.proj", "1"]
    close(seen["0.proj"], model[0](x).clamp_min(0).detach())
    close(seen.patches["0"], model[0].attend(x).reshape(10, 12).detach())


def test_heads_by_einsum_at_the_root_have_a_name_of_their_own():
    model, x = networks.ByEinsum(), torch.randn(2, 4, 6)
    close(see(model, x)["out.heads"], model.attend(x).unflatten(-1, (3, 2)).abs().mean(-1).detach())


def test_attention_with_one_head_has_its_units_alone():
    assert [layer.name for layer in see(networks.Attention(8, heads=1), torch.randn(2, 5, 8)).found.layers] == [
        "qkv",
        "proj",
    ]


def test_gated_product_goes_on():
    model, x = networks.SwiGlu(), torch.randn(3, 5, 8)
    seen = see(model, x)
    close(seen["gate"], (functional.silu(model.gate(x)) * model.up(x)).abs().detach())
    assert seen.found.points["gate"].words == ("silu", "times up")
    close(seen["up"], model.up(x).clamp_min(0).detach())
    close(seen.patches["gate"], x.reshape(15, 8))


def test_gated_halves_of_one_layer():
    model, x = nn.Sequential(networks.Fused(), nn.Linear(8, 2)), torch.randn(3, 5, 8)
    value, gate = model[0].proj(x).chunk(2, -1)
    seen = see(model, x)
    close(seen["0"], (value * functional.gelu(gate)).abs().detach())
    assert (seen.layer("0").filters, seen.layer("0").kind) == (6, "Fused")


def test_gated_convolution():
    model, x = nn.Sequential(nn.Conv1d(2, 8, 3), nn.GLU(1), nn.Conv1d(4, 3, 1)), torch.randn(3, 2, 9)
    seen = see(model, x)
    close(seen["1"], functional.glu(model[0](x), 1).abs().detach().transpose(1, 2))
    assert seen.layer("1").kind == "GLU"
    assert seen.found.points["1"].receptive_field == (3,)


def test_embeddings_show_their_dimensions():
    model, tokens = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2)), torch.randint(9, (3, 5))
    seen = see(model, tokens)
    close(seen["0"], model[0](tokens).abs().detach())
    assert seen.layer("0").unit == "dimensions"
    close(seen.patches["0"], tokens.reshape(15, 1).float())


def test_bags_of_words():
    bag, tokens = nn.EmbeddingBag(9, 4), torch.randint(9, (3, 5))
    close(see(bag, tokens)["EmbeddingBag"], bag(tokens).abs().detach())


@pytest.mark.parametrize(
    ("convolution", "shape"), [(nn.Conv1d, (2, 9)), (nn.Conv3d, (2, 5, 6, 7)), (nn.ConvTranspose3d, (2, 3, 4, 3))]
)
def test_convolutions_of_any_number_of_axes(convolution, shape):
    layer, x = convolution(2, 4, 3), torch.randn(2, *shape)
    close(see(layer, x)[convolution.__name__], layer(x).clamp_min(0).detach().movedim(1, -1))


def test_sum_behind_a_normalisation_is_not_the_layers():
    model = networks.Inverted()
    points = see(model, torch.rand(2, 3, 8, 8)).found.points
    assert points["project.0"].module == "project.1"
    assert points["project.0"].nonlinearity is None
    assert points["expand.0"].words == ("BatchNorm2d", "hardswish")
    assert points["depth.0"].words == ("BatchNorm2d", "relu6")
    assert points["squeeze"].words == ("relu",)
    assert points["excite"].words == ("hardsigmoid",)
    dense = see(networks.Dense(), torch.rand(2, 3, 8, 8)).found.points
    assert [dense[name].words for name in ("conv1", "conv2")] == [("BatchNorm2d", "relu"), ()]
