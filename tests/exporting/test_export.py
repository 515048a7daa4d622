"""`deepeyes export`: what was recorded comes back from every kind of file."""

import csv
import json
import math
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from deepeyes_tui import cli
from deepeyes_tui.history import History, Recorder, history_path
from deepeyes_tui.link.runs import claim_run
from deepeyes_tui.link.snapshot import LEAST_WINDOW, RunState, Status
from tests.history import states
from tests.history.states import SIZES, make_state
from tests.link.boards import make_arrays, make_writer

STEPS = (10, 20, 30)


@pytest.fixture
def run():
    """A run that is over, with a history of three states and two curves."""
    run = claim_run("demo")
    recorder = Recorder(history_path(run))
    for step in range(1, 31):
        recorder.scalar("loss", step, 1 / step if step != 7 else math.nan)
    recorder.scalar("val_loss", 30, 0.5)
    for step in STEPS:
        arrays = states.make_arrays(step, dead_window=np.full(len(SIZES), LEAST_WINDOW))
        recorder.offer(make_state(step, epoch=step / 10, arrays=arrays))
        while recorder._newest is not None or recorder._waiting.state is not None:
            pass
    recorder.close()
    run.update(exit_status=0)
    run.remove_live(keep_board=False)
    return run


def export(capsys, *arguments):
    status = cli.main(["export", "demo", *arguments])
    captured = capsys.readouterr()
    return status, captured.out.split(), captured.err


def read_csv(path):
    with open(path, newline="") as file:  # noqa: PTH123
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_tables_come_back(capsys, run, tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    status, paths, err = export(capsys, "--format", kind, "--output", str(tmp_path))
    assert (status, err) == (0, "")
    tables = {path.rpartition("demo-")[2].partition(".")[0]: read(path, kind) for path in paths}
    with History(history_path(run)) as history:
        curve, newest, events = history.curve("loss"), history.at(30), history.events
    loss = [row for row in tables["scalars"] if row["name"] == "loss"]
    assert [int(row["step"]) for row in loss] == list(range(1, 31))
    np.testing.assert_array_equal(np.float32([number(row["value"]) for row in loss]), curve.mean)
    assert [str(row["value"]) for row in loss][2:6:3] == ["0.33333334", "0.16666667"], "no digits that mean nothing"
    assert [int(row["nonfinite"]) for row in loss] == curve.nonfinite.tolist()
    assert [int(row["step"]) for row in tables["layers"]] == [step for step in STEPS for _ in SIZES]
    last = tables["layers"][-1]
    assert np.float32(number(last["undetected"])) == newest.layer(2).undetected
    assert np.float32(number(last["perplexity_07"])) == newest.layer(2).histogram[7]
    assert int(last["dead"]) == newest.layer(2).dead.sum()
    maxima = np.float32([number(row["maximum"]) for row in tables["filters"]])
    np.testing.assert_array_equal(maxima, newest.arrays["maximum"])
    assert [str(row["dead"]) for row in tables["filters"]] == [str(flag) for flag in newest.arrays["dead"].tolist()]
    assert [row["text"] for row in tables["events"]] == [event.text for event in events]


def read(path, kind):
    if kind == "csv":
        return read_csv(path)
    if kind == "json":
        return json.loads(open(path).read())  # noqa: PTH123
    from pyarrow import parquet

    return parquet.read_table(path).to_pylist()


def number(value):
    return math.nan if value in (None, "") else float(value)


def test_event_files_come_back(capsys, run, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert export(capsys, "--format", "tensorboard", "--output", str(tmp_path / "tb"))[0] == 0
    found = EventAccumulator(str(tmp_path / "tb"), size_guidance={"scalars": 0, "histograms": 0})
    found.Reload()
    with History(history_path(run)) as history:
        newest, loss = history.at(30), history.series("loss")
    np.testing.assert_array_equal([entry.value for entry in found.Scalars("loss")], loss.value)
    assert [entry.step for entry in found.Scalars("layers/layer1/undetected")] == list(STEPS)
    histogram = found.Histograms("perplexity/layer1")[-1].histogram_value
    np.testing.assert_allclose(sum(histogram.bucket), newest.layer(1).histogram.sum(), rtol=1e-5)
    first, last = found.Scalars("loss")[0].wall_time, found.Scalars("loss")[-1].wall_time
    assert 0 < last - newest.status.published_at + 1 < 2
    assert first <= last


@pytest.mark.process
def test_no_export_needs_torch(run, tmp_path):
    code = (
        "import sys; from deepeyes_tui import cli\n"
        f"status = cli.main(['export', 'demo', '--format', 'tensorboard', '--output', {str(tmp_path)!r}])\n"
        "sys.exit(status or 'torch' in sys.modules or 'textual' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0


def test_one_step_and_one_layer(capsys, run, tmp_path):
    arguments = ("--step", "25", "--layer", "layer1", "--output", str(tmp_path))
    assert export(capsys, *arguments)[0] == 0
    assert [row["step"] for row in read_csv(tmp_path / "demo-layers.csv")] == ["20"]
    rows = read_csv(tmp_path / "demo-filters.csv")
    assert len(rows) == SIZES[1]
    assert {(row["step"], row["layer"]) for row in rows} == {("20", "layer1")}
    assert max(int(row["step"]) for row in read_csv(tmp_path / "demo-scalars.csv")) == 25
    assert max(int(row["step"]) for row in read_csv(tmp_path / "demo-events.csv")) <= 25


@pytest.mark.parametrize("view", ["Layers", "filters", "1"])
def test_a_view_as_a_picture(capsys, run, tmp_path, view):
    for kind in ("svg", "png"):
        arguments = ("--view", view, "--format", kind, "--size", "100x30", "--output", str(tmp_path))
        status, (path,), _ = export(capsys, *arguments)
        assert status == 0
        content = open(path, "rb").read()  # noqa: PTH123, SIM115
        if kind == "svg":
            text = "".join(ElementTree.fromstring(content).itertext()).replace("\xa0", " ")
            assert "layer0" in text
            assert "step 30" in text
        else:
            assert struct.unpack(">II", content[16:24]) == (1000, 600)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "svg"), "a picture is of a view"),
        (("--view", "Layers", "--format", "csv"), "a view is a picture"),
        (("--view", "Nonsense"), "there is no pane"),
        (("--layer", "nonsense", "--what", "layers"), "there is no layer 'nonsense'"),
        (("--format", "tensorboard", "--what", "events"), "--what goes with"),
        (("--output", "/proc/nowhere"), "cannot write"),
    ],
)
def test_what_cannot_be_exported_is_said(capsys, run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    status, _, err = export(capsys, *arguments)
    assert status == 1
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("kind", "package"), [("parquet", "pyarrow"), ("tensorboard", "tensorboard")])
def test_what_is_missing_is_said(capsys, run, tmp_path, monkeypatch, kind, package):
    from deepeyes_tui.exporting import formats, tensorboard

    for module in (formats, tensorboard):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    status, _, err = export(capsys, "--format", kind, "--output", str(tmp_path))
    assert status == 1
    assert f"pip install {package}" in err


def test_a_run_without_a_history_exports_its_last_picture(capsys, tmp_path):
    run = claim_run("demo")
    make_writer(run.board).publish(Status(state=RunState.TRAINING, step=12), make_arrays())
    run.remove_live()
    status, _, err = export(capsys, "--output", str(tmp_path))
    assert status == 0
    assert "there is no history of this run" in err
    assert len(read_csv(tmp_path / "demo-filters.csv")) == 30


def test_a_run_of_which_nothing_is_known_is_said(capsys, tmp_path):
    claim_run("demo").remove_live()
    status, _, err = export(capsys, "--output", str(tmp_path))
    assert status == 1
    assert "nothing is known of demo" in err


def test_what_was_not_measured_is_unknown_and_types_are_those_of_every_file(capsys, tmp_path):
    pytest.importorskip("pyarrow")
    from pyarrow import concat_tables, parquet

    paths = []
    for name, stable in (("unseen", -1), ("seen", 4)):
        run = claim_run("demo")
        arrays = make_arrays(fill=0)
        arrays["stable_since"][:], arrays["window_instances"][:] = stable, 100 * (name == "seen")
        arrays["dead_window"][:] = 100 * (name == "seen")
        make_writer(run.board).publish(Status(step=3), arrays)
        folder = str(tmp_path / name)
        assert cli.main(["export", run.name, "--format", "parquet", "--what", "layers", "--output", folder]) == 0
        paths += capsys.readouterr().out.split()
    unseen, seen = map(parquet.read_table, paths)
    assert concat_tables([unseen, seen]).num_rows == 2 * unseen.num_rows
    for name in ("undetected", "dead", "always_on", "perplexity_00", "stable_since"):
        assert unseen[name].null_count == unseen.num_rows
        assert seen[name].null_count == 0
    assert not any(value is not None and math.isnan(value) for value in unseen["stability"].to_pylist())
    assert set(unseen["unit"].to_pylist()) <= {"filters", "units", "heads", "dimensions"}
