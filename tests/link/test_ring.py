"""Rings of instances: what goes in comes out, whatever the bytes and the moment."""

import os
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.link.errors import RingError
from deepeyes_tui.link.ring import RingReader, RingSpec, RingWriter, ring_path
from deepeyes_tui.link.ring_layout import BEGUN_AT, DONE_AT, HEADER, MOST_ROWS

SPEC = RingSpec("conv2", 3, 4, 6, (5, 7, 1), (28, 30))


def rows(numbers, spec=SPEC):
    """Rows whose every value follows from their number."""
    n = np.asarray(numbers)
    return {
        "activations": (n[:, None] + np.arange(spec.filters)) % 2048,
        "patches": -((n[:, None] + np.arange(spec.patch)) % 2048),
        "thumbnails": np.broadcast_to((n % 256)[:, None, None, None], (len(n), *spec.thumbnail)),
        "labels": n % 10,
        "steps": n,
        "inputs": n % 64,
        "positions": np.stack([n % 24, n % 23], axis=1),
        "boxes": np.stack([n % 20, n % 21, np.full(len(n), 5), np.full(len(n), 7)], axis=1),
    }


def check(seen, numbers):
    expected = rows(numbers)
    assert seen.ids.tolist() == list(numbers)
    for name, values in expected.items():
        assert np.array_equal(getattr(seen, name), values), name


@pytest.fixture
def path(tmp_path):
    return ring_path(tmp_path, 1)


def test_rows_come_back_with_their_types(path):
    writer = RingWriter(path, SPEC, 10, focused=True)
    writer.append(**rows(range(4)))
    seen = RingReader(path).read()
    check(seen, range(4))
    assert (seen.layer, seen.generation, seen.focused, seen.written) == ("conv2", 3, True, 4)
    assert (seen.input_size, seen.nonfinite, len(seen)) == ((28, 30), 0, 4)
    types = {"ids": "i8", "activations": "f2", "patches": "f2", "labels": "i4", "steps": "i8", "inputs": "i4"}
    types |= {"positions": "i2", "boxes": "i2", "thumbnails": "u1"}
    assert {name: getattr(seen, name).dtype for name in types} == {name: np.dtype(t) for name, t in types.items()}
    assert not any(getattr(seen, name).flags.writeable for name in types)
    assert path.stat().st_mode & 0o777 == 0o600


@given(st.lists(st.integers(0, 17), max_size=12), st.integers(1, 12), st.integers(0, 14))
@settings(deadline=None, max_examples=60)
def test_the_newest_rows_in_their_order(tmp_path_factory, batches, capacity, most):
    path = ring_path(tmp_path_factory.mktemp("ring"), 0)
    writer, written = RingWriter(path, SPEC, capacity), 0
    reader = RingReader(path)
    for count in batches:
        kept = min(count, capacity)
        writer.append(**rows(range(written - (count - kept), written + kept)))
        written += kept
    assert reader.written == writer.written == written
    held = min(written, capacity)
    for asked, count in ((None, held), (most, min(most, held))):
        seen = reader.read(asked)
        if count == 0:
            assert seen is None
        else:
            check(seen, range(written - count, written))
    assert path.stat().st_size <= 1024 + capacity * SPEC.row_bytes


def test_nothing_yet(path):
    with pytest.raises(RingError, match="there are no instances of this layer yet"):
        RingReader(path)
    RingWriter(path, SPEC, 3)
    reader = RingReader(path)
    assert reader.read() is None
    assert reader.written == 0


def test_layers_without_pictures(path):
    spec = RingSpec("fc", 1, 3, 2)
    RingWriter(path, spec, 5).append(**rows(range(2), spec))
    seen = RingReader(path).read()
    assert seen.thumbnails.shape == (2, 0, 0, 0)
    assert seen.input_size == ()
    assert not seen.boxes.any()


def test_a_number_given_once_counts_for_all_rows(path):
    given = rows(range(3)) | {"steps": 9, "labels": -1}
    RingWriter(path, SPEC, 5).append(**given)
    seen = RingReader(path).read()
    assert seen.steps.tolist() == [9, 9, 9]
    assert seen.labels.tolist() == [-1, -1, -1]


def test_what_is_not_finite_is_mended_and_counted(path):
    given = rows(range(4))
    given["activations"] = given["activations"].astype(float)
    given["patches"] = given["patches"].astype(float)
    given["activations"][1, 2] = np.nan
    given["activations"][1, 3] = 1e6
    given["patches"][3, 0] = -np.inf
    given["activations"][2, 0] = -1.0
    RingWriter(path, SPEC, 5).append(**given)
    seen = RingReader(path).read()
    assert seen.nonfinite == 2
    assert seen.activations[1].tolist() == [1, 2, 0, 65504]
    assert seen.patches[3, 0] == -65504
    assert seen.activations[2, 0] == 0
    assert seen.patches[0].tolist() == [0, -1, -2, -3, -4, -5]


def test_a_new_ring_in_its_place(path):
    old = RingWriter(path, SPEC, 4)
    old.append(**rows(range(4)))
    reader = RingReader(path)
    assert not reader.superseded
    new = RingWriter(path, SPEC, 8, focused=True)
    old.supersede()
    old.close()
    old.close()
    assert reader.superseded
    check(reader.read(), range(4))
    fresh = RingReader(path)
    assert fresh.read() is None
    assert fresh.inode != reader.inode
    new.append(**rows(range(1)))
    new.focus(False)
    assert not fresh.read().focused
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_an_unlinked_ring_can_still_be_read(path):
    writer = RingWriter(path, SPEC, 4)
    reader = RingReader(path)
    path.unlink()
    writer.append(**rows(range(3)))
    check(reader.read(), range(3))
    reader.close()
    reader.close()
    assert reader.superseded
    with pytest.raises(RingError):
        reader.read()


@pytest.mark.parametrize(
    ("spec", "capacity"),
    [
        (SPEC, 0),
        (SPEC, MOST_ROWS + 1),
        (RingSpec("wide", 1, 40_000, 40_000), 4096),
        (RingSpec("wide", 1, 40_000_000, 0), 1),
        (RingSpec("conv", 1, 2, 2, (33, 5, 1), (40, 40)), 4),
        (RingSpec("conv", 1, 2, 2, (5, 5, 2), (40, 40)), 4),
        (RingSpec("conv", 1, 2, 2, (5, 5, 1), (40,)), 4),
        (RingSpec("conv", -1, 2, 2), 4),
    ],
)
def test_sizes_that_no_ring_has(path, spec, capacity):
    with pytest.raises(ValueError, match=r"\w"):
        RingWriter(path, spec, capacity)
    assert not path.exists()


def test_rows_of_another_shape_are_refused(path):
    writer = RingWriter(path, SPEC, 4)
    writer.append(**rows(range(2)))
    with pytest.raises(ValueError, match="broadcast"):
        writer.append(**(rows(range(2)) | {"patches": np.zeros((2, 5))}))
    check(RingReader(path).read(), range(2))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"", "not a ring"),
        (lambda data: data[:100], "not a ring"),
        (lambda data: b"X" + data[1:], "not a ring"),
        (lambda data: data[:8] + struct.pack("<I", 99) + data[12:], "same version"),
        (lambda data: data[:130] + b"?" + data[131:], "damaged"),
        (lambda data: data[:140], "damaged"),
        (lambda data: data[:12] + struct.pack("<I", 0) + data[16:], "damaged"),
        (lambda data: data[: HEADER.size - 8] + struct.pack("<Q", 1) + data[HEADER.size :], "does not fit"),
    ],
)
def test_files_that_are_no_rings(path, damage, words):
    RingWriter(path, SPEC, 4).append(**rows(range(2)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RingError, match=words) as caught:
        RingReader(path)
    assert "\n" not in str(caught.value)


def test_a_ring_that_is_cut_off_under_way(path):
    RingWriter(path, SPEC, 4).append(**rows(range(4)))
    reader = RingReader(path)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(RingError, match="cut off"):
        reader.read()
    os.truncate(path, 10)
    with pytest.raises(RingError, match="cut off"):
        reader.read()
    assert reader.superseded
    assert reader.written == 0


def test_links_folders_and_pipes_are_refused(path, tmp_path):
    other = tmp_path / "other"
    RingWriter(other, SPEC, 4)
    path.symlink_to(other)
    with pytest.raises(RingError, match="cannot be opened"):
        RingReader(path)
    with pytest.raises(RingError, match="no regular file"):
        RingReader(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RingError, match="no regular file"):
        RingReader(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_ring_of_another_user_is_refused(path):
    RingWriter(path, SPEC, 4)
    os.chown(path, 12345, 12345)
    with pytest.raises(RingError, match="another user"):
        RingReader(path)


@pytest.mark.parametrize(("begun", "done"), [(3, 4), (100, 4), (2**63, 2**63)])
def test_counters_that_make_no_sense(path, begun, done):
    writer = RingWriter(path, SPEC, 4)
    writer.append(**rows(range(4)))
    os.pwrite(writer._file.fileno(), struct.pack("<QQ", begun, done), BEGUN_AT)
    with pytest.raises(RingError, match="counters"):
        RingReader(path).read()


def test_rows_under_the_writers_pen_are_left_out(path):
    writer = RingWriter(path, SPEC, 6)
    writer.append(**rows(range(9)))
    os.pwrite(writer._file.fileno(), struct.pack("<Q", 6 + 4), BEGUN_AT)
    seen = RingReader(path).read()
    assert seen.ids.tolist() == [4, 5]
    os.pwrite(writer._file.fileno(), struct.pack("<Q", 6 + 6), BEGUN_AT)
    assert RingReader(path).read() is None


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=40), st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_damage_is_an_error_or_sound_data(tmp_path_factory, flips, in_header):
    path = ring_path(tmp_path_factory.getbasetemp(), 7)
    RingWriter(path, SPEC, 6).append(**rows(range(9)))
    data = bytearray(path.read_bytes())
    for place, bits in flips:
        data[place % (256 if in_header else len(data))] ^= bits
    path.write_bytes(data)
    try:
        seen = RingReader(path).read()
    except RingError:
        return
    if seen is None:
        return
    n = len(seen)
    assert seen.activations.shape == (n, 4)
    assert seen.patches.shape == (n, 6)
    assert seen.thumbnails.shape == (n, 5, 7, 1)
    assert np.isfinite(seen.activations).all()
    assert np.isfinite(seen.patches).all()
    assert (seen.activations >= 0).all()
    assert (np.diff(seen.ids) > 0).all()
    assert (seen.ids >= 0).all()
    assert (seen.labels >= -1).all()
    assert (seen.positions >= 0).all()
    assert (seen.steps >= 0).all()
    assert (seen.boxes[:, 2:] >= 1).all()
    assert (seen.boxes[:, :2] + seen.boxes[:, 2:] <= seen.input_size).all()


WRITE_FOR_EVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.link.test_ring import SPEC, rows
from deepeyes_tui.link.ring import RingWriter
writer = RingWriter(Path(sys.argv[1]), SPEC, 50)
print(flush=True)
while True:
    writer.append(**rows(range(writer.written, writer.written + 17)))
"""


@pytest.mark.process
def test_no_row_is_torn_while_a_process_writes(path):
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(path), str(Path.cwd())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writing:
        try:
            writing.stdout.readline()
            reader, looks, last = RingReader(path), 0, 0
            while looks < 2000 or last < 5000:
                seen = reader.read()
                looks += 1
                if seen is not None:
                    check(seen, seen.ids)
                    assert seen.ids[-1] >= last
                    last = int(seen.ids[-1])
        finally:
            writing.kill()
    assert reader.read() is not None


@pytest.mark.process
def test_a_full_disk_is_an_error_and_leaves_the_rows_before(path):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            writer = RingWriter(path, SPEC, 100)
            writer.append(**rows(range(10)))
            size = path.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
            try:
                writer.append(**rows(range(10, 20)))
            except OSError:
                check(RingReader(path).read(), range(10))
                code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_the_counters_lie_where_they_are_said_to(path):
    writer = RingWriter(path, SPEC, 4)
    writer.append(**rows(range(9)))
    begun, done = (struct.unpack("<Q", os.pread(writer._file.fileno(), 8, at))[0] for at in (BEGUN_AT, DONE_AT))
    assert begun == done == writer.written == 4
