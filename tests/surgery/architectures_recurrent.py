"""LSTM, GRU and plain recurrent networks: their inputs, their units, cells, loops."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .architectures_case import Case, Expect, exact, images, refused, tokens

RNN = Callable[..., nn.RNNBase]


class Reader(nn.Module):
    """An embedding and a linear layer, a recurrent network, a head."""

    def __init__(self, kind: RNN, last: bool = False, **options: object) -> None:
        super().__init__()
        self.words, self.enter = nn.Embedding(11, 7), nn.Linear(7, 6)
        self.rnn = kind(6, 8, batch_first=True, **options)
        self.last = last
        both = 2 if options.get("bidirectional") else 1
        width = options.get("proj_size") or 8
        self.head = nn.Linear(width * both, 4)

    def forward(self, words: Tensor) -> Tensor:
        out, state = self.rnn(self.enter(self.words(words)).relu())
        if self.last:
            state = state[0] if isinstance(state, tuple) else state
            return self.head(state[-1])
        return self.head(out)


class Translator(nn.Module):
    """The state of one recurrent network starts another."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.GRU(5, 8, batch_first=True), nn.GRU(5, 8, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, one: Tensor, two: Tensor) -> Tensor:
        return self.head(self.decoder(two, self.encoder(one)[1])[0])


class Pictures(nn.Module):
    """Maps of each frame, flattened, go through an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn, self.head = nn.Conv2d(1, 5, 3, stride=2), nn.LSTM(45, 6), nn.Linear(6, 3)

    def forward(self, film: Tensor) -> Tensor:
        maps = self.conv(film.flatten(0, 1)).relu().unflatten(0, film.shape[:2])
        return self.head(self.rnn(maps.flatten(2).transpose(0, 1))[0][-1])


class Loop(nn.Module):
    """A recurrent network by hand: one layer called again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.again, self.head = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), self.again.out_features)
        for step in range(x.shape[1]):
            state = torch.tanh(self.enter(x[:, step]) + self.again(state))
        return self.head(state)


class Cell(nn.Module):
    """A cell of torch's, in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.cell, self.head = nn.Linear(5, 6), nn.GRUCell(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 8)
        for step in range(x.shape[1]):
            state = self.cell(self.enter(x[:, step]).relu(), state)
        return self.head(state)


def reader(kind: RNN, **options: object) -> Callable[[], nn.Module]:
    return lambda: Reader(kind, **options)


def two_sequences() -> tuple[Tensor, Tensor]:
    return torch.randn(2, 4, 5), torch.randn(2, 3, 5)


WORDS, STEPS = tokens(3, 6), images(3, 4, 5)
CASES: list[Case] = [
    exact("lstm, its input", reader(nn.LSTM), WORDS, "enter", (0, 2), ["enter"], goes=frozenset({"enter", "rnn"})),
    exact("lstm, embedding in front", reader(nn.LSTM), WORDS, "words", (6,), ["words"]),
    exact("lstm, units", reader(nn.LSTM), WORDS, "rnn", (1, 7), ["rnn"], goes=frozenset({"rnn", "head"})),
    exact(
        "lstm, units, the last state",
        reader(nn.LSTM, last=True),
        WORDS,
        "rnn",
        (1, 7),
        ["rnn"],
        goes=frozenset({"rnn", "head"}),
    ),
    exact("lstm of two layers, its input", reader(nn.LSTM, num_layers=2), WORDS, "enter", (3,), ["enter"]),
    Case("lstm of two layers, units", reader(nn.LSTM, num_layers=2), WORDS, "rnn", (0, 3), Expect.EITHER),
    exact("lstm both ways, its input", reader(nn.LSTM, bidirectional=True), WORDS, "enter", (3,), ["enter"]),
    Case("lstm both ways, units", reader(nn.LSTM, bidirectional=True), WORDS, "rnn", (0, 3), Expect.EITHER),
    Case("lstm with a projection, units", reader(nn.LSTM, proj_size=5), WORDS, "rnn", (0,), Expect.EITHER),
    exact("lstm with a projection, its input", reader(nn.LSTM, proj_size=5), WORDS, "enter", (0,), ["enter"]),
    refused("lstm, all units", reader(nn.LSTM), WORDS, "rnn", range(8), "all"),
    exact("gru, its input", reader(nn.GRU), WORDS, "enter", (0, 2), ["enter"]),
    exact("gru, units", reader(nn.GRU), WORDS, "rnn", (0, 5), ["rnn"], goes=frozenset({"rnn", "head"})),
    exact("gru without biases, units", reader(nn.GRU, bias=False), WORDS, "rnn", (2,), ["rnn"]),
    Case("gru of two layers, units", reader(nn.GRU, num_layers=2), WORDS, "rnn", (4,), Expect.EITHER),
    exact("plain recurrent network, units", reader(nn.RNN), WORDS, "rnn", (4,), ["rnn"]),
    exact("plain recurrent network, its input", reader(nn.RNN), WORDS, "enter", (5,), ["enter"]),
    Case("state that starts another network, units", Translator, two_sequences, "decoder", (1,), Expect.EITHER),
    Case(
        "state that starts another network, from its start", Translator, two_sequences, "encoder", (1,), Expect.EITHER
    ),
    exact("maps into an lstm", Pictures, images(2, 3, 1, 8, 8), "conv", (0, 4), ["conv"]),
    exact("loop by hand, units", Loop, STEPS, "again", (2, 7), ["enter", "again"]),
    exact("loop by hand, from its input", Loop, STEPS, "enter", (0,), ["enter", "again"]),
    exact("cell, its input", Cell, STEPS, "enter", (1, 5), ["enter"]),
    Case("cell, units", Cell, STEPS, "cell", (1,), Expect.EITHER),
]
