"""Tokens, stretches and rows through a ring, and the texts of tokens beside it."""

import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.link.errors import RingError
from deepeyes_tui.link.excerpts import CURVE, NOTHING, TOKENS, InputKind
from deepeyes_tui.link.instances import KEPT_LABELS, MANY_LABELS, OTHER_LABEL
from deepeyes_tui.link.ring import RingReader, RingSpec, RingWriter, ring_path
from deepeyes_tui.link.ring_layout import HEADER
from deepeyes_tui.link.words import WORDS, encode_words, read_words

TEXT = RingSpec("fc", 1, 3, 2, kind=InputKind.TEXT, tokens=TOKENS)
TABLE = RingSpec("fc", 1, 3, 2, kind=InputKind.TABLE, values=(1, 4), names=("age", "größe"))


@pytest.fixture
def path(tmp_path):
    return ring_path(tmp_path, 0)


def write(path, spec, count=4, **given):
    blank = {"activations": np.ones((count, spec.filters)), "patches": 0, "thumbnails": 0, "labels": -1}
    RingWriter(path, spec, 8192).append(**(blank | {"steps": 1, "inputs": 0, "positions": 0, "boxes": 0} | given))
    return RingReader(path).read()


def test_tokens_come_back_with_the_texts_that_are_known(path):
    path.with_name(WORDS).write_bytes(encode_words([(5, "fünf", False), (0, "<pad>", True), (99, "unmet", False)]))
    tokens = np.tile(np.arange(TOKENS), (4, 1))
    shown = write(path, TEXT, tokens=tokens, spans=[3, 20, 11, 12, 64]).excerpts
    assert (shown.kind, shown.names, shown.named_labels) == (InputKind.TEXT, (), False)
    assert np.array_equal(shown.tokens, tokens)
    assert shown.spans.tolist() == [[3, 20, 11, 12, 64]] * 4
    assert (shown.pieces, shown.special) == ({5: "fünf", 0: "<pad>"}, {0})
    assert not shown.tokens.flags.writeable


def test_rows_come_back_with_the_names_of_their_columns(path):
    shown = write(path, TABLE, values=np.arange(16).reshape(4, 1, 4), spans=[0, 4, 0, 4, 4]).excerpts
    assert (shown.kind, shown.names, shown.tokens.shape) == (InputKind.TABLE, ("age", "größe"), (4, 0))
    assert shown.values[2, 0].tolist() == [8, 9, 10, 11]


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=5, max_size=5))
@settings(deadline=None, max_examples=60)
def test_spans_are_in_order_whatever_was_written(tmp_path_factory, span):
    shown = write(ring_path(tmp_path_factory.mktemp("ring"), 0), TEXT, spans=span).excerpts
    start, stop, first, last, length = shown.spans[0].tolist()
    assert 0 <= start <= stop <= length
    assert 0 <= first <= last <= length


def test_rare_labels_of_a_vocabulary_are_one(path):
    labels = np.concatenate([np.arange(KEPT_LABELS) * 500 + MANY_LABELS, np.arange(KEPT_LABELS) * 500 + MANY_LABELS])
    labels = np.concatenate([labels, np.arange(2000) + 40_000, [-1]])
    kept = write(path, TEXT, len(labels), labels=labels).labels
    assert np.array_equal(kept[: 2 * KEPT_LABELS], labels[: 2 * KEPT_LABELS])
    assert (kept[2 * KEPT_LABELS : -1] == OTHER_LABEL).all()
    assert kept[-1] == -1


def test_a_thousand_classes_stay_as_they_are(path):
    labels = np.arange(1000)
    assert np.array_equal(write(path, TEXT, 1000, labels=labels).labels, labels)


def test_a_ring_of_an_older_layout_is_told(path):
    write(path, TEXT)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 8, 1)
    path.write_bytes(data)
    with pytest.raises(RingError, match="has layout 1 and this viewer reads layout 2: use the same version"):
        RingReader(path)


@pytest.mark.parametrize(
    "changed",
    [{"tokens": 3}, {"values": [4, CURVE]}, {"values": [1]}, {"kind": "smell"}, {"names": [3]}, {"names": None}],
)
def test_damaged_descriptions_are_told(path, changed):
    write(path, TEXT)
    data = path.read_bytes()
    parts = list(HEADER.unpack_from(data))
    plain = json.loads(data[128 : 128 + parts[4]]) | changed
    text = json.dumps(plain).encode()
    parts[4:6] = len(text), zlib.crc32(text)
    path.write_bytes(HEADER.pack(*parts).ljust(128, b"\0") + text.ljust(2048, b"\0"))
    with pytest.raises(RingError, match="damaged"):
        RingReader(path)


def test_damaged_lines_of_words_are_left_out(tmp_path):
    path = tmp_path / WORDS
    good = encode_words([(1, "one", False), (2, "two\n\x1b[2J", True)])
    path.write_bytes(b'nonsense\n[1]\n["x", "y", false]\n' + b"\xff\xfe\n" + good + b'"labels"\n[3, "half wri')
    words = read_words(path)
    assert words.pieces == {1: "one", 2: "two\n\x1b[2J"}
    assert (words.special, words.named_labels) == ({2}, True)
    assert read_words(tmp_path / "none").pieces == {}
    assert NOTHING not in words.pieces
