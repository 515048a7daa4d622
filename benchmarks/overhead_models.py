"""The models whose training is timed: plain ones, as people write them, on inputs drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

WORDS, CLASSES = 1000, 10


class Residual(nn.Module):
    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(entering, leaving, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(leaving)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(leaving)
        same = stride == 1 and entering == leaving
        self.short = (
            nn.Sequential()
            if same
            else nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))
        )

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(inner + self.short(x))


class ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
        sizes, blocks = (64, 64, 128, 256, 512), []
        for entering, leaving in pairwise(sizes):
            blocks += [Residual(entering, leaving, 1 if entering == leaving else 2), Residual(leaving, leaving, 1)]
        self.blocks, self.fc = nn.Sequential(*blocks), nn.Linear(512, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.blocks(functional.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, layers: int = 4, width: int = 128, heads: int = 4, length: int = 64) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(WORDS, width), nn.Parameter(torch.zeros(length, width))
        self.layers = nn.Sequential(*[Layer(width, heads) for _ in range(layers)])
        self.out = nn.Linear(width, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.layers(self.embed(tokens) + self.place).mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.rnn = nn.Embedding(WORDS, 64), nn.LSTM(64, 128, num_layers=2, batch_first=True)
        self.out = nn.Linear(128, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.rnn(self.embed(tokens))[0][:, -1])


@dataclass(frozen=True)
class Task:
    """A model, what it is fed with, and a layer to be put in focus."""

    make: Callable[[], nn.Module]
    inputs: Callable[[int], Tensor]
    rows: int
    focus: str

    def batch(self) -> tuple[Tensor, Tensor]:
        return self.inputs(self.rows), torch.randint(CLASSES, (self.rows,))


def pictures(rows: int) -> Tensor:
    return torch.rand(rows, 3, 32, 32)


def text(rows: int) -> Tensor:
    return torch.randint(WORDS, (rows, 64))


MODELS = {
    "resnet": Task(ResNet18, pictures, 32, "blocks.2.conv1"),
    "transformer": Task(Transformer, text, 16, "layers.1.fc1"),
    "lstm": Task(Recurrent, text, 32, "rnn"),
}
