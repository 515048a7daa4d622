"""Small networks of every kind, as people write them."""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence


class Perceptron(nn.Module):
    def __init__(self, width=8, activation=nn.GELU):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(width, 4 * width), activation(), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class SwiGlu(nn.Module):
    """The MLP of LLaMA."""

    def __init__(self, width=8, inner=12):
        super().__init__()
        self.gate, self.up = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Fused(nn.Module):
    """GEGLU, both halves in one layer."""

    def __init__(self, width=8, inner=6):
        super().__init__()
        self.proj, self.out = nn.Linear(width, 2 * inner), nn.Linear(inner, width)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, dim=-1)
        return self.out(value * functional.gelu(gate))


class Attention(nn.Module):
    """As in nanoGPT: one layer for queries, keys and values."""

    def __init__(self, width=8, heads=2, flash=True, causal=True):
        super().__init__()
        self.heads, self.flash, self.causal = heads, flash, causal
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)

    def attend(self, x):
        n, t, c = x.shape
        q, k, v = (part.view(n, t, self.heads, c // self.heads).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        if self.flash:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            weights = (q @ k.transpose(-2, -1)) / (c // self.heads) ** 0.5
            if self.causal:
                weights = weights.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
            y = self.drop(functional.softmax(weights, dim=-1)) @ v
        return y.transpose(1, 2).contiguous().view(n, t, c)

    def forward(self, x):
        return self.proj(self.attend(x))


class ByEinsum(nn.Module):
    """Attention without any reshaping to `(N, heads, T, d)`."""

    def __init__(self, width=6, heads=3):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def attend(self, x):
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)) for layer in (self.q, self.k, self.v))
        return torch.einsum("nhqk,nkhd->nqhd", torch.einsum("nqhd,nkhd->nhqk", q, k).softmax(-1), v).flatten(2)

    def forward(self, x):
        return self.out(self.attend(x))


class Block(nn.Module):
    def __init__(self, width=8, mlp=Perceptron, **options):
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(width), Attention(width, **options)
        self.ln2, self.mlp = nn.LayerNorm(width), mlp(width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Gpt(nn.Module):
    """Tokens in, the next token of each out, or a class of the whole text."""

    def __init__(self, words=11, width=8, blocks=2, length=16, classes=0, **options):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, **options) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes or words, bias=False)
        self.classes = classes

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(x.mean(1) if self.classes else x)


class Encoder(nn.Module):
    """Torch's own transformer over vectors."""

    def __init__(self, width=8, heads=2, batch_first=True, classes=3):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, batch_first=batch_first, dropout=0.1)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head, self.axis = nn.Linear(width, classes), 1 if batch_first else 0

    def forward(self, x):
        return self.head(self.encoder(x).mean(self.axis))


class Recurrent(nn.Module):
    def __init__(self, kind=nn.LSTM, classes=3, **options):
        super().__init__()
        self.rnn = kind(5, 6, **{"batch_first": True, **options})
        ways = 2 if options.get("bidirectional") else 1
        self.head, self.first = nn.Linear(ways * (options.get("proj_size") or 6), classes), self.rnn.batch_first

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1] if self.first else output[-1])


class Packed(nn.Module):
    """Sequences of different lengths, packed."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        lengths = torch.arange(len(x)) % x.shape[1] + 1
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.rnn(packed)[1][-1])


class Cells(nn.Module):
    def __init__(self, kind=nn.GRUCell):
        super().__init__()
        self.cell, self.head = kind(5, 6), nn.Linear(6, 3)

    def forward(self, x):
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.head(state[0] if isinstance(state, tuple) else state)


class Patches(nn.Module):
    """A small ViT."""

    def __init__(self, width=8, heads=2, classes=3):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, width, 4, stride=4)
        self.encoder = nn.TransformerEncoderLayer(width, heads, 16, batch_first=True, norm_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.encoder(self.conv_proj(x).flatten(2).transpose(1, 2)).mean(1))


class Dense(nn.Module):
    """Two layers of a DenseNet."""

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm1, self.conv1 = nn.BatchNorm2d(8), nn.Conv2d(8, 16, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(16), nn.Conv2d(16, 4, 3, padding=1, bias=False)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        x = self.conv0(x)
        y = self.conv1(functional.relu(self.norm1(x)))
        y = self.conv2(functional.relu(self.norm2(y)))
        return self.head(torch.cat((x, y), 1).mean((2, 3)))


class Inverted(nn.Module):
    """A block of MobileNetV3, with squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.depth = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.squeeze, self.excite = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.project = nn.Sequential(nn.Conv2d(8, 3, 1, bias=False), nn.BatchNorm2d(3))
        self.head = nn.Linear(3, 3)

    def forward(self, x):
        y = self.depth(self.expand(x))
        scale = functional.hardsigmoid(self.excite(functional.relu(self.squeeze(y.mean((2, 3), keepdim=True)))))
        return self.head((self.project(y * scale) + x).mean((2, 3)))


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU()
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3))

    def forward(self, x):
        return self.classifier(self.features(x))
