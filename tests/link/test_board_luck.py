"""Boards with random bytes, and boards that change while they are read."""

import os
import random
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest

from deepeyes_tui.link.board import BoardError, BoardReader
from deepeyes_tui.link.layout import CHECKED_FROM, SLOT
from deepeyes_tui.link.snapshot import LayerInfo, Snapshot
from tests.link.boards import make_arrays, make_series, make_status, make_writer

MUTATIONS = 10_000


def small_board(path):
    writer = make_writer(path, layers=[LayerInfo("a", "conv", 3)])
    arrays = make_arrays(layers=1, filters=3)
    for step in range(5):
        writer.publish(make_status(step), arrays, [make_series(points=20)])
    writer.close()
    return bytearray(path.read_bytes())


def look(path):
    """Open and read as a viewer does; only a BoardError may come."""
    try:
        reader = BoardReader(path)
    except BoardError:
        return "refused"
    try:
        snapshot = reader.read()
        assert reader.superseded in (True, False)
    except BoardError:
        return "refused"
    finally:
        reader.close()
    if snapshot is None:
        return "not yet"
    check(snapshot)
    return "read"


def check(snapshot: Snapshot):
    assert (np.isfinite(snapshot.arrays["histogram"])).all()
    assert snapshot.arrays["histogram"].min() >= 0
    assert snapshot.arrays["histogram"].max() <= 1
    assert isinstance(snapshot.status.step, int)
    for curve in snapshot.series.values():
        assert len(curve.step) == len(curve.value) == len(curve.nonfinite) <= 1024
    for index in range(len(snapshot.layers)):
        snapshot.layer(index)


def test_ten_thousand_mutations(tmp_path):
    path = tmp_path / "board"
    sound = small_board(path)
    interesting = [*range(128), *range(128, 500), *range(4096, 4096 + 400)]
    luck = random.Random(1)
    found = {"refused": 0, "not yet": 0, "read": 0}
    fd = os.open(path, os.O_RDWR)
    started = time.process_time()
    for _ in range(MUTATIONS):
        changed = {}
        for _ in range(luck.choice((1, 1, 2, 8))):
            at = luck.choice(interesting) if luck.random() < 0.7 else luck.randrange(len(sound))
            changed[at] = luck.choice((0, 255, luck.randrange(256)))
        for at, value in changed.items():
            os.pwrite(fd, bytes([value]), at)
        found[look(path)] += 1
        for at in changed:
            os.pwrite(fd, sound[at : at + 1], at)
    os.close(fd)
    assert time.process_time() - started < 60
    assert look(path) == "read"
    assert min(found.values()) > 100, found


def test_random_bytes_and_random_cuts(tmp_path):
    path = tmp_path / "board"
    sound = small_board(path)
    luck = random.Random(2)
    for _ in range(300):
        data = bytearray(sound[: luck.randrange(len(sound))])
        for _ in range(luck.randrange(4)):
            at = luck.randrange(128, len(sound))
            data[at : at + 64] = luck.randbytes(64)
        path.write_bytes(data)
        look(path)
        path.write_bytes(luck.randbytes(luck.randrange(20_000)))
        assert look(path) == "refused"


@pytest.mark.parametrize(
    "status",
    [
        b"",
        b"[]",
        b"{}",
        b'{"status": 3, "series": []}',
        b'{"status": {}, "series": [["x", 5000]]}',
        b'{"status": {}, "series": [["x", -1]]}',
        b'{"status": {}, "series": "abc"}',
        b"[" * 16000,
        b"\xff" * 200,
        b'{"status": {"step": "many", "loss": {}, "notices": [1, [], "ok"], "state": 5}, "series": []}',
        b'{"status": {"step": 1e999, "epoch": 10e400, "state": "dancing", "notices": {}}, "series": []}',
    ],
)
def test_a_sound_checksum_over_a_strange_status(tmp_path, status):
    path = tmp_path / "board"
    data = small_board(path)
    slot_at, (sequence, _, _, used) = max(
        ((at, SLOT.unpack_from(data, at)) for at in slot_offsets(path)), key=lambda entry: entry[1][0]
    )
    data[slot_at + SLOT.size : slot_at + SLOT.size + len(status)] = status
    SLOT.pack_into(data, slot_at, sequence, 0, len(status), used)
    checksum = zlib.crc32(data[slot_at + CHECKED_FROM : slot_at + used], sequence)
    SLOT.pack_into(data, slot_at, sequence, checksum, len(status), used)
    path.write_bytes(data)
    assert look(path) in ("not yet", "read")


def slot_offsets(path):
    reader = BoardReader(path)
    header = reader._header
    reader.close()
    return [header.slots_at + number * header.slot_bytes for number in range(4)]


WRITER = """
import sys, time
from pathlib import Path
from tests.link.boards import make_arrays, make_series, make_status, make_writer
from deepeyes_tui.link.snapshot import LayerInfo
writer = make_writer(Path(sys.argv[1]), layers=[LayerInfo("a", "conv", 20_000)])
states = [make_arrays(n / 64, 1, 20_000) for n in range(65)]
end = time.monotonic() + 3
step = 0
while time.monotonic() < end:
    writer.publish(make_status(step), states[step % 65], [make_series(value=step % 65)])
    step += 1
"""


@pytest.mark.process
def test_no_torn_read_beside_a_writer_at_full_speed(tmp_path):
    path = tmp_path / "board"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path])
    reads = misses = 0
    last = -1
    try:
        while not path.exists():
            assert writer.poll() is None
            time.sleep(0.01)
        reader = BoardReader(path)
        while writer.poll() is None:
            snapshot = reader.read()
            if snapshot is None:
                misses += 1
                continue
            reads += 1
            number = snapshot.status.step % 65
            assert snapshot.status.step > last
            last = snapshot.status.step
            assert (snapshot.arrays["frequency"] == np.float32(number / 64)).all()
            assert (snapshot.arrays["histogram"] == np.float32(number / 64)).all()
            assert (snapshot.series["loss"].value == number).all()
    finally:
        writer.kill()
        writer.wait()
    assert reads > 100
    assert last > 100
