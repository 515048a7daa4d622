"""Vision transformers by hand and built in, cross-attention with queries, SwiGLU and its like."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .architectures_case import Case, Expect, exact, images, refused, tokens

PICTURES, ROWS = images(2, 3, 8, 8), images(2, 5, 12)
HEADS, WIDTH, HEAD = 3, 12, 4
QKV = "blocks.1.attention.qkv"


class Attention(nn.Module):
    """Self-attention by hand, q, k and v from one layer; `ways` of cutting these up."""

    def __init__(self, way: str = "reshape") -> None:
        super().__init__()
        self.heads, self.way = HEADS, way
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        if self.way == "reshape":
            q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        else:
            parts = self.qkv(x).chunk(3, -1)
            q, k, v = (part.view(n, t, self.heads, -1).transpose(1, 2) for part in parts)
        if self.way == "fused":
            out = functional.scaled_dot_product_attention(q, k, v)
        else:
            out = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(HEAD), -1) @ v
        return self.proj(out.transpose(1, 2).reshape(n, t, -1))


class Separate(nn.Module):
    """Attention whose queries, keys and values have layers of their own; the head's width is fixed in the code."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        q, k, v = (layer(x).view(n, t, -1, HEAD).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return self.proj((torch.softmax(q @ k.mT / 2, -1) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A transformer's block, norm first, with layer scale where asked."""

    def __init__(self, attention: nn.Module, mlp: nn.Module, norm: Callable[[], nn.Module], scale: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(), norm()
        self.attention, self.mlp = attention, mlp
        self.scale = nn.Parameter(torch.rand(WIDTH)) if scale else 1.0

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x)) * self.scale
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Patches, class token, position embedding, two blocks."""

    def __init__(
        self,
        attention: Callable[[], nn.Module] = Attention,
        norm: Callable[[], nn.Module] = lambda: nn.LayerNorm(WIDTH),
        scale: bool = False,
    ) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.position = nn.Parameter(torch.randn(1, 5, WIDTH))
        self.blocks = nn.Sequential(*(Block(attention(), mlp(), norm, scale) for _ in range(2)))
        self.norm, self.head = norm(), nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(len(x), -1, -1), x), 1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


class BuiltIn(nn.Module):
    """A block around torch's attention."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.attention = nn.Linear(12, WIDTH), nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.fc1, self.fc2, self.head = nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(x + self.fc2(functional.gelu(self.fc1(x))))


class Queries(nn.Module):
    """Learned queries look at an encoded picture, as DETR's do."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.project = nn.Conv2d(3, 10, 3, stride=2), nn.Conv2d(10, WIDTH, 1)
        self.queries = nn.Embedding(6, WIDTH)
        self.layer = nn.TransformerDecoderLayer(WIDTH, HEADS, 20, batch_first=True)
        self.classes, self.box = nn.Linear(WIDTH, 5), nn.Sequential(nn.Linear(WIDTH, 9), nn.ReLU(), nn.Linear(9, 4))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        memory = self.project(self.backbone(x).relu()).flatten(2).mT
        found = self.layer(self.queries.weight.expand(len(x), -1, -1), memory)
        return {"classes": self.classes(found), "boxes": self.box(found).sigmoid()}


class SwiGLU(nn.Module):
    """A gated unit from two layers, or from one that is cut in halves."""

    def __init__(self, halves: bool) -> None:
        super().__init__()
        self.enter, self.halves = nn.Linear(12, 8), halves
        self.up = nn.Linear(8, 20) if halves else nn.Linear(8, 10)
        self.gate = nn.Identity() if halves else nn.Linear(8, 10)
        self.down = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x).tanh()
        one, two = self.up(x).chunk(2, -1) if self.halves else (self.gate(x), self.up(x))
        return self.down(functional.silu(one) * two)


class Maxout(nn.Module):
    """The larger of two linear answers; a gated linear unit after it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces, self.glu, self.out = nn.Linear(12, 16), nn.Linear(8, 14), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pieces(x).unflatten(-1, (-1, 2)).amax(-1)
        return self.out(functional.glu(self.glu(x), -1))


class Language(nn.Module):
    """Words, positions, one encoder layer, words again; the last layer is tied to the first where asked."""

    def __init__(self, tied: bool, norm: bool = False) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(11, 8), nn.Embedding(6, 8)
        self.fc1, self.fc2 = nn.Linear(8, 14), nn.Linear(14, 8)
        self.norm = nn.LayerNorm(8) if norm else nn.Identity()
        self.head = nn.Linear(8, 11, bias=False)
        if tied:
            self.head.weight = self.words.weight

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words) + self.positions(torch.arange(words.shape[1], device=words.device))
        return self.head(self.norm(x + self.fc2(self.fc1(x).relu())))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(WIDTH, 20), nn.GELU(), nn.Linear(20, WIDTH))


def encoder(first: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 18, batch_first=True, norm_first=first)
    return nn.Sequential(nn.Linear(12, WIDTH), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
                         nn.Linear(WIDTH, 3))  # fmt: skip


def plain_vit() -> nn.Module:
    """Without a norm, so that its width can be cut exactly."""
    return ViT(norm=nn.Identity)


def values(*heads: int) -> dict[str, tuple[int, ...]]:
    """Return that the heads' values are silent."""
    return {QKV: tuple(2 * WIDTH + head * HEAD + row for head in heads for row in range(HEAD))}


def head_rows(*heads: int) -> tuple[int, ...]:
    """Return the rows of q, k and v of these heads."""
    return tuple(part * WIDTH + head * HEAD + row for part in range(3) for head in heads for row in range(HEAD))


STREAM = ["patch", *(f"blocks.{i}.{name}" for i in (0, 1) for name in ("attention.proj", "mlp.2"))]
CASES: list[Case] = [
    exact(
        "vit, units of the perceptron",
        ViT,
        PICTURES,
        "blocks.0.mlp.0",
        (0, 3, 19),
        ["blocks.0.mlp.0"],
        goes=frozenset({"blocks.0.mlp.0", "blocks.0.mlp.2"}),
    ),
    exact("vit, a whole head", ViT, PICTURES, QKV, head_rows(1), values(1)),
    exact("vit, two whole heads", ViT, PICTURES, QKV, head_rows(0, 2), values(0, 2)),
    exact(
        "vit, a whole head, by chunk", lambda: ViT(lambda: Attention("chunk")), PICTURES, QKV, head_rows(2), values(2)
    ),
    exact(
        "vit, a whole head, fused attention",
        lambda: ViT(lambda: Attention("fused")),
        PICTURES,
        QKV,
        head_rows(0),
        values(0),
    ),
    Case("vit, one row of q", ViT, PICTURES, QKV, (1,), Expect.EITHER),
    Case("vit, one row of v", ViT, PICTURES, QKV, (2 * WIDTH + 5,), Expect.EITHER),
    Case(
        "vit, one row of v, fused attention",
        lambda: ViT(lambda: Attention("fused")),
        PICTURES,
        QKV,
        (2 * WIDTH + 5,),
        Expect.EITHER,
    ),
    Case(
        "vit, one row of each head's v", ViT, PICTURES, QKV, tuple(2 * WIDTH + 4 * h for h in range(3)), Expect.EITHER
    ),
    exact(
        "vit with separate layers, a head's values",
        lambda: ViT(Separate),
        PICTURES,
        "blocks.0.attention.v",
        range(4, 8),
        ["blocks.0.attention.v"],
    ),
    Case(
        "vit with separate layers, one row of k",
        lambda: ViT(Separate),
        PICTURES,
        "blocks.0.attention.k",
        (5,),
        Expect.EITHER,
    ),
    exact("vit, width through layer norms", ViT, PICTURES, "patch", (3,), expect=Expect.INEXACT),
    exact("vit without norms, width", plain_vit, PICTURES, "patch", (0, 7)),
    exact("vit without norms, width from a projection", plain_vit, PICTURES, "blocks.1.attention.proj", (2,)),
    exact("vit with layer scale, width", lambda: ViT(norm=nn.Identity, scale=True), PICTURES, "patch", (0, 7)),
    exact(
        "vit with layer scale, perceptron",
        lambda: ViT(scale=True),
        PICTURES,
        "blocks.1.mlp.0",
        (4,),
        ["blocks.1.mlp.0"],
    ),
    exact("built-in attention, units of the perceptron", BuiltIn, ROWS, "fc1", (0, 15), ["fc1"]),
    refused("built-in attention, width", BuiltIn, ROWS, "enter", (1,), "attention"),
    refused("built-in attention, its projection", BuiltIn, ROWS, "attention.out_proj", (1,), "attention"),
    exact(
        "encoder layer, units of the perceptron",
        lambda: encoder(False),
        ROWS,
        "1.layers.0.linear1",
        (0, 17),
        ["1.layers.0.linear1"],
    ),
    exact(
        "encoder layer with norms first, perceptron",
        lambda: encoder(True),
        ROWS,
        "1.layers.1.linear1",
        range(9),
        ["1.layers.1.linear1"],
    ),
    refused("encoder layer, width", lambda: encoder(False), ROWS, "0", (1,), "attention"),
    refused("encoder layer, perceptron's end", lambda: encoder(True), ROWS, "1.layers.1.linear2", (3,), "attention"),
    exact("queries, perceptron of the decoder", Queries, PICTURES, "layer.linear1", (0, 19), ["layer.linear1"]),
    exact("queries, backbone", Queries, PICTURES, "backbone", (0, 9), ["backbone"]),
    exact("queries, head of the boxes", Queries, PICTURES, "box.0", (2,), ["box.0"]),
    refused("queries, width", Queries, PICTURES, "project", (2,), "attention"),
    refused("queries, the queries themselves", Queries, PICTURES, "queries", (2,), "run"),
    exact(
        "swiglu by two layers, gate",
        lambda: SwiGLU(False),
        ROWS,
        "gate",
        (0, 9),
        ["gate", "up"],
        goes=frozenset({"gate", "up", "down"}),
    ),
    exact("swiglu by two layers, up", lambda: SwiGLU(False), ROWS, "up", (5,), ["gate", "up"]),
    exact("swiglu by halves", lambda: SwiGLU(True), ROWS, "up", (1, 11), ["up"]),
    exact("swiglu by halves, one half drags the other", lambda: SwiGLU(True), ROWS, "up", (4,), {"up": (4, 14)}),
    exact("swiglu, in front of it", lambda: SwiGLU(True), ROWS, "enter", (7,), ["enter"]),
    exact("maxout, both pieces", Maxout, ROWS, "pieces", (4, 5), ["pieces"]),
    exact("maxout, one drags the other", Maxout, ROWS, "pieces", (4,), {"pieces": (4, 5)}),
    exact("gated linear unit", Maxout, ROWS, "glu", (0,), {"glu": (0, 7)}),
    exact("words, perceptron", lambda: Language(True), tokens(3, 6), "fc1", (0, 13), ["fc1"]),
    exact("words, width", lambda: Language(False), tokens(3, 6), "words", (1, 6), ["words", "positions", "fc2"]),
    exact(
        "words tied to the output, width",
        lambda: Language(True),
        tokens(3, 6),
        "words",
        (1, 6),
        ["words", "positions", "fc2"],
    ),
    exact(
        "words tied to the output, width from within",
        lambda: Language(True),
        tokens(3, 6),
        "fc2",
        (3,),
        ["words", "positions", "fc2"],
    ),
    exact(
        "words tied to the output, with a norm",
        lambda: Language(True, True),
        tokens(3, 6),
        "words",
        (1, 6),
        expect=Expect.INEXACT,
    ),
    refused("words tied to the output, words", lambda: Language(True), tokens(3, 6), "head", (4,), "output"),
]
