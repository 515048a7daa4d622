"""Two runs side by side, and which of several models is watched."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from deepeyes_tui.app.beside import BoardBeside, RecordBeside, beside_of
from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.keeping import view_text
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.cli import main
from tests.app.driving import screen, source, viewer
from tests.app.recorded import recorded_run
from tests.app.synthetic import curves, infos, scene, snapshot


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("HOME", "LIVE"):
        monkeypatch.setenv(f"DEEPEYES_{name}", str(tmp_path / name.lower()))
    return tmp_path


def other(**changes):
    made = snapshot(step=900, seed=5, loss=0.456, accuracy=0.5)
    return beside_of("other-run", "training", replace(made, series=curves(900, 9), **changes))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_curves_and_numbers_of_both_are_seen_and_named(size):
    text = as_text(replace(scene(), beside=other()).with_desk(full=size[0] == 80), *size)
    legend = next(line for line in text.splitlines() if line.startswith("loss"))
    assert "+ " in legend
    assert any(line.startswith(" + other-run") and "0.456" in line and "50.0%" in line for line in text.splitlines())
    assert any(line.startswith(" ━ lenet-mnist") and "0.123" in line for line in text.splitlines())


def test_numbers_of_both_are_in_the_text_twin():
    text = view_text(replace(scene(), beside=other()).with_desk(focus=PaneName.TRAINING))
    rows = [line.split() for line in text.splitlines() if line.startswith(("lenet-mnist ", "other-run "))]
    assert [row[1] for row in rows if len(row) == 7] == ["1,203", "900"]


def test_another_run_without_any_state_says_why():
    shown = replace(scene(), beside=beside_of("gone", "gone: the training process ended without a word", None))
    assert "gone: the training" in as_text(shown, 120, 40)


def test_a_record_beside_is_read_at_the_step_that_is_shown(home):
    run = recorded_run("kept", steps=range(40, 801, 40))
    source = RecordBeside(run)
    assert source.read(400).status.step == 400
    assert source.read(2000).status.step == 800
    assert source.read(40).series["loss"].step[-1] > 700


def test_a_run_without_a_record_is_read_from_its_board(home):
    run = recorded_run("kept")
    (run.folder / "history.sqlite").unlink()
    for made in (RecordBeside(run), BoardBeside(run)):
        read = made.read(400)
        assert read.status is None
        assert "ended" in read.sentence
    assert RecordBeside(run).read(400) is not None


def test_a_run_beside_is_asked_for_by_its_name(home, capsys):
    recorded_run("kept")
    recorded_run("other")
    assert main(["replay", "kept", "--once", "--beside", "other", "--step", "400", "--size", "120x40"]) == 0
    assert "+ other" in capsys.readouterr().out
    for name, said in (("kept", "cannot be seen beside itself"), ("nobody", "there is no run 'nobody'")):
        assert main(["replay", "kept", "--once", "--beside", name]) == 1
        assert said in capsys.readouterr().err


async def test_a_run_beside_is_chosen_from_a_list(home):
    recorded_run("first")
    recorded_run("second")
    given = source()
    app = viewer(given)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("B")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "Choose a run" in screen(app)
        assert {"first", "second"} <= {item.name for item in app.scene.desk.chooser.items}
        await pilot.press("j", "enter")
        assert given.feed.beside.run.name in ("first", "second")
        await pilot.press("B")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.scene.desk.chooser.item.name == given.feed.beside.run.name
        await pilot.press("g", "enter")
        assert given.feed.beside is None


ROOTS = {"roots": ("generator", "discriminator"), "root": "generator", "ranks": 2, "summary": "watches generator"}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_the_header_names_the_model_and_the_ranks(size):
    text = as_text(scene(snapshot(**ROOTS)), *size)
    assert "model generator" in text
    assert "2 ranks" in text
    assert "model" not in as_text(scene(), *size).splitlines()[0]


async def test_another_model_is_chosen(monkeypatch):
    sent = []
    app = viewer(source(snapshot(**ROOTS)))
    monkeypatch.setattr(app, "_send", lambda command, then_exit: sent.append(command))
    async with app.run_test(size=(120, 40)) as pilot:
        assert "watches generator" in screen(app)
        await pilot.press("M")
        assert "Choose the model" in screen(app)
        await pilot.press("escape")
        assert app.scene.desk.chooser is None
        await pilot.press("M", "j", "enter")
    assert [(command.action, dict(command.arguments)) for command in sent] == [("root", {"root": "discriminator"})]


def test_what_layers_are_is_said_in_words():
    heads = replace(infos()[0], unit="heads", frozen=True, calls=3, also=("tied",), signed=True)
    made = snapshot()
    text = as_text(scene(replace(made, layers=(heads, *made.layers[1:]))).with_desk(focus=PaneName.LAYER), 120, 40)
    for words in ("20 heads", "frozen", "used 3 times in a pass", "also tied", "conv1 heads"):
        assert words in text


@pytest.mark.parametrize("size", [(80, 24), (160, 30)])
async def test_tabs_are_clicked_where_they_stand(size):
    app = viewer()
    async with app.run_test(size=size) as pilot:
        await pilot.press("f")
        rule = screen(app).splitlines()[app.surface.arrangement.header.height]
        for key, name in (("0", PaneName.FINDINGS), ("5", PaneName.FILTERS), ("1", PaneName.TRAINING)):
            await pilot.click(offset=(rule.index(f" {key} ") + 1, app.surface.arrangement.header.height))
            assert app.scene.desk.focus is name
            rule = screen(app).splitlines()[app.surface.arrangement.header.height]


def test_the_share_of_dead_filters_waits_until_all_layers_are_judged():
    made = snapshot()
    assert beside_of("run", "training", made).dead > 0
    made = snapshot()
    made.arrays["dead_window"][1] = 0
    assert math.isnan(beside_of("run", "training", made).dead)
    made.arrays["observed"][1] = 0
    assert beside_of("run", "training", replace(made)).dead > 0
