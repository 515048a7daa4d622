"""A script's output, line by line, whatever it writes."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes_tui.link.log import LONGEST_LINE, MOST_AT_ONCE, LogFollower, clean_line


@pytest.fixture
def path(tmp_path):
    return tmp_path / "output.log"


def write(path, data):
    with path.open("ab") as file:
        file.write(data)


def test_lines_as_they_come(path):
    follower = LogFollower(path)
    assert follower.read_new() == []
    write(path, b"one\ntw")
    assert follower.read_new() == ["one"]
    assert follower.unfinished() == "tw"
    write(path, b"o\n\nthree\n")
    assert follower.read_new() == ["two", "", "three"]
    assert follower.unfinished() == ""
    assert follower.read_new() == []


def test_a_character_in_two_pieces(path):
    follower = LogFollower(path)
    write(path, "é".encode()[:1])
    follower.read_new()
    write(path, "é".encode()[1:] + b"\n")
    assert follower.read_new() == ["é"]


def test_a_progress_bar_is_its_last_state(path):
    follower = LogFollower(path)
    for share in range(5000):
        write(path, f"\r {share}%|####".encode())
    assert follower.read_new() == []
    assert follower.unfinished() == " 4999%|####"
    write(path, b"\r done\n")
    assert follower.read_new() == [" done"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07x", "x"),
        (b"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b(B\x1b7a\x1b8", "a"),
        (b"a\tb", "a    b"),
        (b"windows\r", "windows"),
        (b"\xff\x00\x07!", "\ufffd!"),
        (b"\x1b", ""),
        (b"\x1b[", ""),
        (b"a\x9bb", "a\ufffdb"),
        ("a\u202eb\u2066c\u200f".encode(), "abc"),
        ("👩\u200d🔬".encode(), "👩\u200d🔬"),
    ],
)
def test_what_a_terminal_would_not_show(line, shown):
    assert clean_line(line) == shown


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_no_control_character_gets_through(line):
    text = clean_line(line)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\r", b"")), max_size=20), st.data())
def test_pieces_make_the_same_lines_as_the_whole(tmp_path_factory, pieces, data):
    folder = tmp_path_factory.mktemp("log")
    follower = LogFollower(folder / "pieces")
    found = []
    for piece in pieces:
        write(folder / "pieces", piece)
        found += follower.read_new()
    assert found == [clean_line(line) for line in b"".join(pieces).split(b"\n")[:-1]]


def test_a_huge_line(path):
    follower = LogFollower(path)
    for _ in range(40):
        write(path, b"x" * 100_000)
        follower.read_new()
        assert len(follower.unfinished()) <= LONGEST_LINE
        assert len(follower._rest) < 1 << 20
    write(path, b"\nnext\n")
    lines = follower.read_new()
    assert len(lines[0]) <= LONGEST_LINE
    assert lines[-1] == "next"


def test_a_huge_log_is_read_from_its_end(path):
    write(path, b"".join(b"line %d\n" % number for number in range(200_000)))
    follower = LogFollower(path)
    lines = follower.read_new()
    assert lines[-1] == "line 199999"
    assert lines[0].startswith("line ")
    assert sum(map(len, lines)) <= MOST_AT_ONCE
    assert follower.read_new() == []


def test_a_log_that_was_cut(path):
    follower = LogFollower(path)
    write(path, b"one\ntwo\nhal")
    follower.read_new()
    os.truncate(path, 0)
    assert follower.read_new() == []
    write(path, b"new\n")
    assert follower.read_new() == ["new"]


def test_a_log_that_cannot_be_read(tmp_path):
    assert LogFollower(tmp_path).read_new() == []
    assert LogFollower(tmp_path / "a" / "b").read_new() == []
