"""Maps that are kept with a key, and shown again in a replay of the run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from deepeyes_tui.app.bindings import MAPS, PaneName, find
from deepeyes_tui.app.kept import keep_shown, with_kept
from deepeyes_tui.app.moves import to_pane
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.cli import main
from deepeyes_tui.history import HistoryError
from deepeyes_tui.history.kept import list_kept
from tests.app import synthetic, synthetic_maps
from tests.app.driving import screen, viewer
from tests.app.recorded import recorded_run
from tests.app.test_replay import home as home  # a fixture
from tests.app.test_replay import replay_of

LATEST = 400


def mapped(latest=LATEST):
    """A scene with maps of fc1 whose newest instance is of a step."""
    of = synthetic_maps.sample()
    of = replace(of, steps=of.steps + (latest - int(of.steps.max())))
    maps = synthetic_maps.maps(sample=of, input=synthetic_maps.input_map(of))
    return replace(synthetic_maps.mapped(), maps=maps)


def replayed(step):
    shown = replay_of(step)
    return to_pane(replace(shown, selection=replace(shown.selection, layer=synthetic_maps.FC1)), PaneName.INPUT_MAP)


def test_a_replay_shows_what_was_kept_last_up_to_there(tmp_path):
    said = [keep_shown(mapped(latest), tmp_path) for latest in (LATEST, 800)]
    assert said[0].startswith("kept: the maps of fc1 at step 400 (")
    for step, kept in ((440, 400), (760, 400), (1000, 800)):
        shown = with_kept(replayed(step), tmp_path)
        for pane in MAPS:
            assert f"kept at step {kept}" in as_text(to_pane(shown, pane).with_desk(full=True), 120, 40)
        assert with_kept(shown, tmp_path) is shown
    before = with_kept(with_kept(replayed(440), tmp_path), tmp_path)
    before = with_kept(replace(before, snapshot=replayed(360).snapshot), tmp_path)
    assert before.input_map is None
    assert "no map of fc1 was kept up to here" in " ".join(as_text(before, 120, 40).split())


def test_maps_of_other_layers_are_not_shown(tmp_path):
    keep_shown(mapped(), tmp_path)
    shown = replayed(440)
    other = replace(shown, selection=replace(shown.selection, layer=0))
    assert with_kept(other, tmp_path).input_map is None


def test_what_is_not_there_is_not_kept(tmp_path):
    with pytest.raises(HistoryError, match="no whole map of conv1"):
        keep_shown(synthetic.scene(), tmp_path)
    assert list_kept(tmp_path) == ()


def test_the_key_is_there_where_a_map_is():
    assert [find("K", "K", to_pane(mapped(), pane).context) is not None for pane in MAPS] == [True] * len(MAPS)
    assert find("K", "K", to_pane(mapped(), PaneName.LAYERS).context) is None
    assert find("K", "K", to_pane(synthetic.scene(), PaneName.INPUT_MAP).context) is None


async def test_the_key_keeps_it_and_says_where_it_cannot(tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.scene = to_pane(mapped(), PaneName.INPUT_MAP)
        await pilot.press("K")
        await app.workers.wait_for_complete()
        assert "kept: the maps of fc1 at step 400" in screen(app)
        assert [known.layer for known in list_kept(tmp_path)] == ["fc1"]
        (tmp_path / "kept").rename(tmp_path / "before")
        (tmp_path / "kept").write_text("in the way")
        await pilot.press("K")
        await app.workers.wait_for_complete()
        assert "could not be kept" in screen(app)


def test_one_frame_and_an_export_show_it(home, capsys, tmp_path):
    keep_shown(mapped(), recorded_run().folder)
    arguments = ["--step", "440", "--layer", "fc1", "--size", "120x40"]
    assert main(["replay", "kept", "--once", "--pane", "Input Map", *arguments]) == 0
    assert "kept at step 400" in capsys.readouterr().out
    assert main(["export", "kept", "--view", "Input Map", "--output", str(tmp_path / "out"), *arguments]) == 0
    assert "kept&#160;at&#160;step" in (tmp_path / "out" / "kept-input-map.svg").read_text()


def test_kept_maps_are_a_table(home, capsys, tmp_path):
    run = recorded_run()
    assert main(["export", "kept", "--output", str(tmp_path / "none")]) == 0
    assert "kept-maps" not in capsys.readouterr().out
    keep_shown(mapped(), run.folder)
    assert main(["export", "kept", "--what", "maps", "--format", "json", "--output", str(tmp_path / "out")]) == 0
    rows = json.loads((tmp_path / "out" / "kept-maps.json").read_text())
    shown = mapped()
    assert sum(row["map"] == "input" for row in rows) == len(shown.input_map.ids)
    assert sum(row["map"] == "filter" for row in rows) == len(shown.filter_map.dead)
    assert (rows[0]["step"], rows[0]["layer"], rows[0]["id"]) == (LATEST, "fc1", int(shown.input_map.ids[0]))
    assert rows[-1]["x"] is None or isinstance(rows[-1]["x"], float)
