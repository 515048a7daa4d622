"""Instances of texts, signals and tables, from a training to the rings: what each sees of its own input."""

import functools
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.link.excerpts import BESIDE, CURVE, NOTHING, TOKENS, InputKind
from deepeyes_tui.link.ring import RingReader, ring_path
from deepeyes_tui.link.runs import find_run
from deepeyes_tui.link.words import WORDS, read_words
from deepeyes_tui.probe.words import WordBook

VOCABULARY, LENGTH = 90, 20


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    """Observe every step, whatever it costs."""
    monkeypatch.setattr("deepeyes_tui.probe.budget.Budget.affords_observation", lambda budget: True)


class Reader(nn.Module):
    """A small language model: attention over embedded tokens."""

    def __init__(self, flattens=False):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head, self.flattens = nn.Linear(16, VOCABULARY), flattens

    def forward(self, input_ids, attention_mask=None):
        state = self.block(self.embedding(input_ids))
        return self.head(state.flatten(0, 1) if self.flattens else state)


def texts(steps, batch=6, length=LENGTH):
    draw = torch.Generator().manual_seed(1)
    for _ in range(steps):
        ids = torch.randint(VOCABULARY, (batch, length + 1), generator=draw)
        yield ids[:, :-1], ids[:, 1:]


def read(name, layer):
    run = find_run(name)
    for number in range(40):
        reader = RingReader(ring_path(run.instances, number))
        try:
            if reader.layer == layer:
                return reader.read()
        finally:
            reader.close()
    raise AssertionError(layer)


def stream(model, data, name="test", focus=None, call=None, **options):
    """Train on data under the monitor; return the run's name."""
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    with deepeyes.watch(model, name=name, **options) as monitor:
        monitor._probe.focus(focus)
        for x, y in data:
            optimizer.zero_grad()
            output = call(model, x) if call else model(x)
            loss = output.square().mean()
            loss.backward()
            optimizer.step()
            monitor.step(loss, targets=y)
        assert monitor._border.errors == 0
        return monitor.name


def check_tokens(seen, ids, targets):
    own = seen.excerpts
    assert own.kind is InputKind.TEXT
    assert len(seen)
    for row in range(len(seen)):
        text = ids[seen.steps[row] - 1][seen.inputs[row]].tolist()
        start, stop, first, last, length = own.spans[row].tolist()
        assert (last - first, length) == (1, len(text))
        window = [text[i] if 0 <= i < length else NOTHING for i in range(first - BESIDE, first + BESIDE + 1)]
        assert own.tokens[row].tolist() == window
        assert (start, stop) == (max(first - BESIDE, 0), min(first + BESIDE + 1, length))
        assert seen.labels[row] == targets[seen.steps[row] - 1][seen.inputs[row]][first]


@pytest.mark.parametrize("layer", ["block.linear1", "block.linear2", "head"])
@pytest.mark.parametrize("flattens", [False, True])
@pytest.mark.parametrize("flat_targets", [False, True])
def test_an_instance_of_text_is_a_token_with_its_neighbours(layer, flattens, flat_targets):
    data = list(texts(3))
    given = [(x, y.flatten() if flat_targets else y) for x, y in data]
    seen = read(stream(Reader(flattens), given, focus=layer), layer)
    assert seen.excerpts.tokens.shape == (len(seen), TOKENS)
    check_tokens(seen, [x for x, _ in data], [y for _, y in data])


def test_texts_of_any_length_and_by_name_share_a_ring():
    data = list(texts(1)) + list(texts(1, length=9)) + list(texts(1, length=33))
    call = lambda model, x: model(attention_mask=torch.ones_like(x), input_ids=x)  # noqa: E731
    seen = read(stream(Reader(), data, focus="block.linear1", call=call), "block.linear1")
    assert set(seen.steps.tolist()) == {1, 2, 3}
    check_tokens(seen, [x for x, _ in data], [y for _, y in data])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.unit, self.head = nn.Embedding(VOCABULARY, 8), nn.Linear(8, 12), nn.Linear(12, 4)

    def forward(self, x):
        return self.head(torch.relu(self.unit(self.embedding(x))).mean(1))


def test_a_text_has_the_label_of_its_input_where_it_has_one():
    data = [(x, torch.arange(len(x)) % 4) for x, _ in texts(2)]
    name = stream(Classifier(), data, focus="unit")
    for layer in ("unit", "head"):
        seen = read(name, layer)
        assert np.array_equal(seen.labels, seen.inputs % 4)
    spans = seen.excerpts.spans  # of the head: the whole text
    assert (spans[:, 2:] == [0, LENGTH, LENGTH]).all()
    assert seen.excerpts.tokens[0].tolist() == data[seen.steps[0] - 1][0][seen.inputs[0], :TOKENS].tolist()


def test_a_stretch_of_a_signal_about_what_the_filter_sees():
    net = nn.Sequential(nn.Conv1d(2, 6, 9, stride=3), nn.ReLU(), nn.Conv1d(6, 5, 5), nn.ReLU(), nn.Flatten())
    net.append(nn.Linear(5 * 160, 3))
    signal = torch.randn(2, 5, 2, 500).cumsum(3)
    name = stream(net, [(x, torch.zeros(5)) for x in signal], focus="2")
    for layer, field, step in (("0", 9, 3), ("2", 21, 3)):
        seen = read(name, layer)
        start, stop, first, last, length = seen.excerpts.spans.T
        band = 8  # of long inputs, fields are found in bands
        assert (np.abs(first - seen.positions[:, 1] * step) <= band).all()
        assert (np.abs((last - first)[last < 500] - field) <= 2 * band).all()
        assert ((start <= first) & (last <= stop) & (length == 500) & (stop - start == CURVE)).all()
        for row in range(len(seen)):
            own = signal[seen.steps[row] - 1, seen.inputs[row], :, start[row] : stop[row]]
            assert np.allclose(seen.excerpts.values[row], own)
    whole = read(name, "5").excerpts
    assert whole.spans[0].tolist() == [0, 500, 0, 500, 500]
    means = torch.stack([functional.avg_pool1d(x, 8, ceil_mode=True) for x in signal])
    seen = read(name, "5")
    assert np.allclose(whole.values[0, :, :63], means[seen.steps[0] - 1, seen.inputs[0]], atol=1e-5)
    assert np.isnan(whole.values[0, :, 63:]).all()


def test_what_a_filter_sees_of_a_short_signal_is_exact():
    net = nn.Sequential(nn.Conv1d(2, 6, 9, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))
    signal = torch.randn(5, 2, 32)
    seen = read(stream(net, [(signal, torch.zeros(5))], focus="0"), "0")
    places = seen.positions[:, 1].astype(int) * 3
    expected = np.stack([0 * places, 0 * places + 32, places, places + 9, 0 * places + 32], axis=1)
    assert np.array_equal(seen.excerpts.spans, expected)


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.unit = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 6)

    def forward(self, x):
        return self.unit(self.lstm(x)[0])


def test_a_sequence_of_vectors_is_a_signal():
    data = torch.randn(2, 3, 30, 4)
    seen = read(stream(Steps(), [(x, torch.arange(90).view(3, 30)) for x in data], focus="unit"), "unit")
    assert np.array_equal(seen.labels, seen.inputs * 30 + seen.positions[:, 1])
    assert seen.excerpts.spans[:, 2].tolist() == seen.positions[:, 1].tolist()
    own = data[seen.steps[0] - 1, seen.inputs[0], :, :3].T
    assert np.allclose(seen.excerpts.values[0, :, :30], own)


def test_a_row_of_a_table_with_the_names_that_were_told():
    rows = torch.randn(2, 8, 5)
    net = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
    for names in (None, list("abcde")):
        name = stream(net, [(x, torch.zeros(8)) for x in rows], name=f"t{names is None}", inputs=names)
        seen = read(name, "2")
        assert seen.excerpts.names == tuple(names or ())
        assert np.allclose(seen.excerpts.values[:, 0], rows.numpy()[seen.steps - 1, seen.inputs])


def test_the_middle_slice_of_a_volume():
    net = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 6 * 8, 2))
    volume = torch.rand(4, 1, 6, 8, 10)
    seen = read(stream(net, [(volume, torch.zeros(4))]), "0")
    assert (seen.input_size, seen.thumbnails.shape[1:]) == ((8, 10), (3, 3, 1))
    slices = volume[:, 0, 3]
    shades = (slices - slices.min()) / (slices.max() - slices.min()) * 255
    for box, number, picture in zip(seen.boxes, seen.inputs, seen.thumbnails, strict=True):
        y, x, height, width = box
        assert np.abs(shades[number, y : y + height, x : x + width].numpy() - picture[..., 0]).max() <= 1


def test_inputs_that_the_layers_do_not_say_the_place_of():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.unit = nn.Linear(5, 3)

        def forward(self, x):
            return self.unit(torch.ones(7, 5)).mean() * x.float().mean()

    seen = read(stream(Odd(), [(torch.randint(9, (4, 11)), None)]), "unit")
    assert not seen.excerpts.spans.any()
    assert (seen.excerpts.tokens == NOTHING).all()


@functools.cache
def trained_alone():
    return trained(watching=False)


def trained(tokenizer=None, watching=True):
    torch.manual_seed(3)
    model = Reader()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    with deepeyes.watch(model, name="test", enabled=watching, tokenizer=tokenizer) as monitor:
        for x, y in texts(12):
            optimizer.zero_grad()
            functional.cross_entropy(model(x).flatten(0, 1), y.flatten()).backward()
            optimizer.step()
            monitor.step(targets=y)
        assert monitor._border.errors == 0
    return model


class Raising:
    def convert_ids_to_tokens(self, number):
        raise RuntimeError("no such token")


class Slow:
    def decode(self, numbers):
        time.sleep(2)
        return "late"


@pytest.mark.parametrize("tokenizer", [Raising(), Slow(), [str(i) for i in range(5)]])
def test_a_tokenizer_never_changes_or_stops_a_training(tokenizer):
    plain, watched = trained_alone(), trained(tokenizer)
    for one, other in zip(plain.state_dict().values(), watched.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def waited(book, found):
    """Wait until a book says something, or has found what it should."""
    end = time.monotonic() + 20
    while not (book.notice or found()) and time.monotonic() < end:
        book.meet(MET)
        time.sleep(0.01)
    return book.notice


MET = np.tile(np.arange(TOKENS, dtype=np.int32), (3, 1))


class Hanging:
    def __init__(self):
        self.free = threading.Event()

    def decode(self, numbers):
        self.free.wait(30)


@pytest.mark.parametrize(
    ("tokenizer", "reason"),
    [
        (Raising(), "RuntimeError: no such token"),
        (Slow(), "it is slow"),
        (3.5, "float is no tokenizer"),
        (Hanging(), "slow"),
    ],
)
def test_what_is_wrong_with_a_tokenizer_is_said(tmp_path, tokenizer, reason):
    book = WordBook(tokenizer, tmp_path)
    assert reason in waited(book, lambda: False)
    assert book.notice.startswith("tokens are shown by their numbers")
    if isinstance(tokenizer, Hanging):
        tokenizer.free.set()


class Decoder:
    all_special_ids = (0,)

    def decode(self, numbers):
        return f" w{numbers[0]}"


WHOLE = {number: f"w{number}" for number in range(TOKENS)}


@pytest.mark.parametrize(
    ("tokenizer", "pieces", "special"),
    [
        (Decoder(), {number: f" w{number}" for number in range(TOKENS)}, {0}),
        (list(WHOLE.values()), WHOLE, set()),
        (WHOLE, WHOLE, set()),
        ({text: number for number, text in WHOLE.items()}, WHOLE, set()),
        (WHOLE.__getitem__, WHOLE, set()),
        (list(WHOLE.values())[:4], {number: f"w{number}" for number in range(4)}, set()),
        (lambda number: f"w{number}".encode(), WHOLE, set()),
    ],
)
def test_whatever_tells_the_text_of_a_token(tmp_path, tokenizer, pieces, special):
    book = WordBook(tokenizer, tmp_path)
    assert waited(book, lambda: len(read_words(tmp_path / WORDS).pieces) >= len(pieces)) == ""
    book.close()
    words = read_words(tmp_path / WORDS)
    assert (words.pieces, words.special) == (pieces, special)


def test_labels_that_are_tokens_get_their_texts_too(tmp_path):
    book = WordBook(lambda number: f"w{number}", tmp_path)
    book.meet(MET, MET[:, BESIDE + 1])
    assert waited(book, lambda: read_words(tmp_path / WORDS).named_labels) == ""
    book.close()
    tags = WordBook(lambda number: f"w{number}", tmp_path / "none")
    tags.meet(MET, np.array([1, 2, 0], np.int32))
    assert not tags._labels_are_tokens
    tags.close()
