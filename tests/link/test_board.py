"""What is written comes back; what is not a board says so."""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes_tui.link import layout
from deepeyes_tui.link.board import BoardError, BoardReader
from deepeyes_tui.link.layout import STATUS_ROOM
from deepeyes_tui.link.shared_file import WORD
from deepeyes_tui.link.snapshot import LayerInfo, RunState, Status, layer_arrays
from deepeyes_tui.link.status import decode_status, encode_status
from tests.link.boards import LAYERS, make_arrays, make_series, make_status, make_writer

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "board"


def test_a_state_comes_back_as_it_was(path):
    writer = make_writer(path, generation=3)
    arrays = make_arrays()
    rng = np.random.default_rng(0)
    arrays["maximum"] = rng.random(30, np.float32) * 1e6
    arrays["histogram"] = rng.random((2, 30), np.float32)
    arrays["dead"] = rng.random(30) < 0.5
    status = make_status(7, epoch=0.5, loss=1.25, device="cuda:0", notices=("a", "ü \x1b[31m"), gpu_memory=2**40)
    writer.publish(
        status, arrays, [make_series(), make_series("val_loss", 1024, float("nan")), make_series("empty", 0)]
    )
    snapshot = BoardReader(path).read()
    assert (snapshot.run, snapshot.generation, snapshot.sequence) == ("demo", 3, 1)
    assert snapshot.layers == LAYERS
    assert snapshot.labels == ("0", "1")
    assert str(snapshot.status) == str(status)
    for name, array in arrays.items():
        np.testing.assert_array_equal(snapshot.arrays[name], array)
        assert snapshot.arrays[name].dtype == array.dtype
    assert list(snapshot.series) == ["loss", "val_loss", "empty"]
    assert [len(curve.step) for curve in snapshot.series.values()] == [3, 1024, 0]
    np.testing.assert_array_equal(snapshot.series["loss"].value, [1, 1, 1])
    assert np.isnan(snapshot.series["val_loss"].value).all()
    assert snapshot.layer(1).maximum.shape == (10,)


def test_arrays_are_frozen_and_their_own(path):
    writer = make_writer(path)
    reader = BoardReader(path)
    writer.publish(make_status(1), make_arrays(0.25))
    first = reader.read()
    writer.publish(make_status(2), make_arrays(0.75))
    reader.read()
    assert (first.arrays["frequency"] == 0.25).all()
    with pytest.raises(ValueError, match="read-only"):
        first.arrays["frequency"][0] = 1
    with pytest.raises(TypeError):
        first.arrays["frequency"] = None


def test_nothing_new_is_none(path):
    writer = make_writer(path)
    reader = BoardReader(path)
    assert reader.read() is None
    for step in range(1, 12):
        writer.publish(make_status(step), make_arrays())
        assert reader.read().status.step == step
        assert reader.read() is None
    assert BoardReader(path).read().status.step == 11


def test_values_without_a_meaning_are_clipped(path):
    writer = make_writer(path)
    arrays = make_arrays()
    arrays["histogram"][0, :3] = np.nan, np.inf, -1
    arrays["stability"][0, :3] = np.nan, np.inf, -np.inf
    arrays["stable_since"][:] = -(2**62)
    arrays["reached_step"][:] = 2**62
    writer.publish(make_status(1), arrays)
    found = BoardReader(path).read().arrays
    assert found["histogram"][0, :3].tolist() == [0, 1, 0]
    assert np.isnan(found["stability"][0, 0])
    assert found["stability"][0, 1:3].tolist() == [1, 0]
    assert (found["stable_since"] == -1).all()
    assert (found["reached_step"] == 2**53).all()


def test_a_wrong_array_leaves_the_state_before(path):
    writer = make_writer(path)
    writer.publish(make_status(1), make_arrays())
    with pytest.raises(ValueError, match="broadcast"):
        writer.publish(make_status(2), {**make_arrays(), "maximum": np.zeros(31, np.float32)})
    with pytest.raises(KeyError):
        writer.publish(make_status(2), {})
    reader = BoardReader(path)
    assert reader.read().status.step == 1
    writer.publish(make_status(3), make_arrays())
    assert reader.read().status.step == 3


def test_more_curves_and_points_than_there_is_room_for(path):
    writer = make_writer(path)
    writer.publish(make_status(1), make_arrays(), [make_series(f"c{n}", 1100) for n in range(12)])
    series = BoardReader(path).read().series
    assert list(series) == [f"c{n}" for n in range(8)]
    assert series["c7"].step.tolist() == list(range(76, 1100))


def test_a_model_of_300_layers_and_200000_filters(path):
    layers = [LayerInfo(f"block.{n}", "conv", 667, n * 667) for n in range(300)]
    writer = make_writer(path, layers=layers)
    writer.publish(make_status(1), make_arrays(layers=300, filters=667 * 300))
    assert BoardReader(path).read().arrays["maximum"].shape == (200_100,)


def test_a_model_without_layers(path):
    writer = make_writer(path, layers=(), labels=())
    writer.publish(make_status(1), make_arrays(layers=0, filters=0))
    assert BoardReader(path).read().layers == ()


def test_layers_that_do_not_follow_each_other_are_refused(path):
    with pytest.raises(ValueError, match="should be at 20"):
        make_writer(path, layers=[LAYERS[0], replace(LAYERS[1], offset=21)])
    assert not path.exists()


@pytest.mark.parametrize("name", ["\x1b[2J", "[bold]x[/]", "é🙂\u202e", "x" * 500, "\ud800", "a\nb", ""])
def test_any_name_is_carried(path, name):
    writer = make_writer(path, layers=[replace(LAYERS[0], name=name)], labels=[name])
    writer.publish(make_status(1), make_arrays(layers=1, filters=20), [make_series(name or "x")])
    snapshot = BoardReader(path).read()
    assert snapshot.layers[0].name == name
    assert snapshot.labels == (name,)


@given(
    notices=st.lists(st.text(max_size=300).map(lambda text: text * 40), max_size=30),
    device=st.text(max_size=50),
    names=st.lists(st.text(max_size=400), max_size=8),
)
def test_a_status_always_fits_its_room(notices, device, names):
    status = Status(notices=tuple(notices), device=device, root=device, roots=(device * 9,) * 20, summary=device * 20)
    data = encode_status(status, tuple((name, 3) for name in names), STATUS_ROOM)
    assert len(data) <= STATUS_ROOM
    back, curves = decode_status(data, 8, 1024)
    assert len(curves) == len(names)
    assert back.state == RunState.STARTING


def test_numbers_of_numpy_are_numbers(path):
    writer = make_writer(path)
    writer.publish(make_status(np.int64(5), loss=np.float32(0.5), accuracy=np.float64("nan")), make_arrays())
    status = BoardReader(path).read().status
    assert (status.step, status.loss) == (5, 0.5)
    assert np.isnan(status.accuracy)


def test_superseded(path):
    old = make_writer(path)
    reader = BoardReader(path)
    new = make_writer(path, generation=2)
    assert not reader.superseded
    old.supersede()
    old.close()
    old.supersede()
    assert reader.superseded
    new.publish(make_status(1), make_arrays())
    assert BoardReader(path).read().generation == 2


def test_the_file_is_private_and_nothing_else_is_left(path):
    make_writer(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_link_in_the_place_of_the_board_is_not_followed(path, tmp_path):
    target = tmp_path / "victim"
    target.write_text("precious")
    path.symlink_to(target)
    with pytest.raises(BoardError):
        BoardReader(path)
    make_writer(path).close()
    assert target.read_text() == "precious"
    BoardReader(path).close()


@root_only
def test_another_owner_is_refused(path):
    make_writer(path).close()
    os.chown(path, 12345, 12345)
    with pytest.raises(BoardError, match="another user"):
        BoardReader(path)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "not a board"), (b"x" * 5000, "not a board"), (b"DEEPEYES", "not a board")]
)
def test_a_file_that_is_no_board(path, content, words):
    path.write_bytes(content)
    with pytest.raises(BoardError, match=words):
        BoardReader(path)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_board(path, make):
    make(path)
    with pytest.raises(BoardError):
        BoardReader(path)


def test_no_board_at_all(path):
    with pytest.raises(BoardError, match="no board yet"):
        BoardReader(path)


def test_another_version_is_named(path, monkeypatch):
    monkeypatch.setattr(layout, "VERSION", 9)
    make_writer(path).close()
    monkeypatch.undo()
    with pytest.raises(BoardError, match=r"layout 9 .* reads layout 2"):
        BoardReader(path)


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.1, 0.5, 0.99])
def test_truncated_before_it_is_opened(path, share):
    writer = make_writer(path)
    writer.publish(make_status(1), make_arrays())
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(BoardError):
        BoardReader(path)


@pytest.mark.parametrize("size", [0, 10, 70, 4100, 30000])
def test_truncated_while_it_is_read(path, size):
    writer = make_writer(path)
    reader = BoardReader(path)
    writer.publish(make_status(1), make_arrays())
    os.truncate(path, size)
    with suppress(BoardError):
        assert reader.read() is None
    writer.publish(make_status(2), make_arrays())


def test_a_half_written_slot_is_not_yet(path):
    writer = make_writer(path)
    reader = BoardReader(path)
    writer.publish(make_status(1), make_arrays())
    with path.open("r+b") as file:
        at = reader._header.slots_at + reader._header.slot_bytes
        file.seek(at)
        file.write(WORD.pack(1))
    assert reader.read() is None
    writer.publish(make_status(2), make_arrays())
    assert reader.read().status.step == 2


def test_a_full_disk_is_an_error_when_the_board_is_made(tmp_path):
    script = (
        "import resource, signal, sys; from pathlib import Path; from tests.link.boards import make_writer\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: make_writer(Path(sys.argv[1]))\n"
        "except OSError as error: print('OSError', error.errno)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "board"], capture_output=True, text=True)
    assert done.stdout.startswith("OSError"), done.stderr
    assert not list(tmp_path.iterdir())


def test_the_layout_holds_every_array_apart():
    places = list(layout.place_arrays(7, 1001))
    assert [spec for spec, _ in places] == list(layer_arrays(7, 1001))
    ends = [at + layout.array_bytes(spec) for spec, at in places]
    assert all(at % 8 == 0 for _, at in places)
    assert all(end <= at for end, (_, at) in zip(ends, places[1:], strict=False))
    assert ends[-1] <= layout.series_at(7, 1001) < layout.slot_size(7, 1001)
