"""The panel at work: keys go in, a run that listens at a real socket is asked and told."""

import json
from dataclasses import replace

import pytest

from deepeyes_tui.app.commands import entries
from deepeyes_tui.link.messages import Action
from deepeyes_tui.link.preview import Setting
from deepeyes_tui.link.watcher import Condition
from tests.app.driving import rows, screen, source, viewer
from tests.app.steered import ADAMW, SteeredRun
from tests.app.synthetic import LENET, infos, snapshot

SIZE = (80, 24)


@pytest.fixture
def run(tmp_path):
    with SteeredRun(tmp_path / "control") as steered:
        yield steered


async def quiet(pilot):
    for _ in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def press(pilot, *keys):
    await pilot.press(*keys)
    await quiet(pilot)


def line(app, label):
    return next(row for row in rows(app) if row[4:].startswith(label))


async def test_it_shows_what_the_run_says(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("E")
        assert "Edit the training" in screen(app)
        await quiet(pilot)
        assert line(app, "learning rate").split()[-1] == "1e-3"
        assert line(app, "momentum").startswith("  x")
        assert "AdamW has no momentum" in line(app, "momentum")
        assert "(2 groups)" in line(app, "weight decay")
        assert "prune conv1: 3 filters" in line(app, "undo")
        assert run.told == [(Action.SETTINGS, {})]
        await pilot.press("E")
        assert "Edit the training" not in screen(app)


async def test_while_the_run_has_not_answered_it_says_so(tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.do("panel")
        assert "asking the training ..." in screen(app)
        await quiet(pilot)
        assert "nobody listens" in screen(app)
        assert "r asks again" in screen(app)
        with SteeredRun(tmp_path / "control"):
            await press(pilot, "r")
            assert line(app, "learning rate").split()[-1] == "1e-3"


async def test_a_learning_rate_is_halved_after_a_question(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "h")
        assert "1e-3 -> 5e-4" in line(app, "learning rate")
        await press(pilot, "enter")
        assert "Set the learning rate: 1e-3 -> 5e-4?" in rows(app)[-1]
        await press(pilot, "n")
        assert run.acts() == []
        await press(pilot, "enter", "y")
        assert run.acts() == [(Action.SET, {"name": "lr", "value": 0.0005})]
        assert "set done at step 12" in rows(app)[-1]
        assert line(app, "learning rate").split()[1:] == ["learning", "rate", "5e-4"]
        assert run.asked() == 2


async def test_a_value_is_typed_and_nonsense_is_refused_in_a_sentence(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "j", "j", "enter")
        assert rows(app)[-1].split()[:3] == ["new", "value:", "Enter"]
        await press(pilot, *"hello", "enter")
        assert "two numbers" in screen(app)
        assert app.scene.desk.typing == "hello"
        await press(pilot, "ctrl+u", *"0.8", "space", *"0.99", "enter")
        assert "0.9, 0.999 -> 0.8, 0.99" in line(app, "betas")
        assert "Set the betas: 0.9, 0.999 -> 0.8, 0.99?" in rows(app)[-1]
        assert run.acts() == []
        await press(pilot, "y")
        assert run.acts() == [(Action.SET, {"name": "betas", "value": [0.8, 0.99]})]


async def test_digits_begin_a_value_and_escape_drops_it(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "3")
        assert app.scene.desk.typing == "3"
        await press(pilot, "escape")
        assert app.scene.desk.typing is None
        await press(pilot, *"0.5", "enter", "n")
        assert "-> 0.5" in line(app, "learning rate")
        await press(pilot, "escape")
        assert "->" not in line(app, "learning rate")
        await press(pilot, "escape")
        assert app.scene.desk.panel is None
        assert run.acts() == []


async def test_rows_that_cannot_be_set_refuse_with_the_reason(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "j", "enter")
        assert "momentum: AdamW has no momentum" in rows(app)[-1]
        await press(pilot, "l", "5")
        assert app.scene.desk.typing is None
        assert dict(app.scene.desk.panel.proposals) == {}


async def test_marked_filters_freeze_and_the_truth_is_shown(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "5", "g", "space")
        marks = sorted(app.scene.selection.marks)
        await press(pilot, "E")
        app.scene = app.scene.with_desk(panel=replace(app.scene.desk.panel, row="freeze"))
        await press(pilot, "enter")
        assert f"Freeze filter {marks[0]} of conv1?" in rows(app)[-1]
        await press(pilot, "y")
        assert run.acts() == [(Action.FREEZE, {"layer": "conv1", "filters": marks, "structure": 1})]
        assert f"frozen by now: conv1 {marks[0]}" in screen(app)
        assert "frozen already" in line(app, "freeze")
        await press(pilot, "l")
        assert "the whole layer" in line(app, "freeze")
        await press(pilot, "j", "enter", "y")
        assert run.acts()[-1] == (Action.UNFREEZE, {"layer": "conv1", "filters": None, "structure": 1})
        assert "(trains)" in line(app, "freeze")


async def test_growing_opens_the_preview_and_goes_back_to_the_panel(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E")
        app.scene = app.scene.with_desk(panel=replace(app.scene.desk.panel, row="grow"))
        await press(pilot, "l", "4", "enter")
        assert "4 filters: 20 -> 24" in line(app, "grow by")
        await press(pilot, "j", "l")
        assert "split filter 0" in line(app, "new filters")
        await press(pilot, "k", "enter")
        ((action, arguments),) = run.acts()
        assert action == Action.PLAN
        wanted = {"action": "grow", "layer": "conv1", "count": 4, "how": "split", "source": 0}
        assert {name: arguments[name] for name in wanted} == wanted
        assert app.scene.desk.proposal is not None
        await press(pilot, "escape")
        assert "Edit the training" in screen(app)


async def test_the_layer_in_focus_changes_from_the_panel(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "right_square_bracket")
        assert "Layer conv2: Conv2d, 50 filters" in screen(app)
        app.scene = app.scene.with_desk(panel=replace(app.scene.desk.panel, row="drop"))
        await press(pilot, "enter")
        assert run.acts()[0][1]["layer"] == "conv2"


async def test_a_click_goes_to_a_row(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E")
        place = next(y for y, text in enumerate(rows(app)) if text[4:].startswith("batch size"))
        await pilot.click(offset=(30, place))
        assert app.scene.desk.panel.row == "batch_size"
        await pilot.click(offset=(30, 3))
        assert app.scene.desk.panel.row == "batch_size"


async def test_undo_and_save(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "G", "enter")
        assert run.acts() == [(Action.SAVE, {})]
        await press(pilot, "k", "enter")
        assert "Undo prune conv1: 3 filters?" in rows(app)[-1]
        await press(pilot, "y")
        assert [action for action, _ in run.acts()] == [Action.SAVE, Action.UNDO]


async def test_a_new_structure_is_asked_for(run, tmp_path):
    given = source()
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E")
        app.tick()
        await quiet(pilot)
        assert run.asked() == 1
        made = snapshot(infos((("conv1", "Conv2d", 17, 442, (5, 5), (24, 24)), *LENET[1:])))
        given.tell(replace(made, generation=2))
        app.tick()
        await quiet(pilot)
        assert run.asked() == 2
        assert "Conv2d, 17 filters" in screen(app)


async def test_a_question_about_the_network_before_is_dropped(run, tmp_path):
    given = source()
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E")
        app.scene = app.scene.with_desk(panel=replace(app.scene.desk.panel, row="freeze"))
        await press(pilot, "enter")
        assert app.scene.desk.question is not None
        given.tell(replace(snapshot(), generation=2))
        app.tick()
        await quiet(pilot)
        assert "the model has changed" in rows(app)[-1]
        await press(pilot, "y")
        assert run.acts() == []


async def test_help_over_the_panel_scrolls_and_goes_back_to_it(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "question_mark")
        assert "Keys that work in the panel" in screen(app)
        await press(pilot, "j", "escape")
        assert app.scene.desk.panel.row == "lr"
        assert "Edit the training" in screen(app)


async def test_a_run_without_control_shows_its_values_and_refuses_the_rest(tmp_path):
    # Its server refuses at once what is not for looking; that is said in its own sentence.
    with SteeredRun(tmp_path / "control", allowed=False) as run:
        app = viewer(folder=tmp_path)
        async with app.run_test(size=SIZE) as pilot:
            await press(pilot, "E")
            assert line(app, "learning rate").split()[-1] == "1e-3"
            await press(pilot, "h", "enter", "y")
            assert "takes no commands" in rows(app)[-2]
            assert "1e-3 -> 5e-4" in line(app, "learning rate")
            assert run.acts() == []


async def test_a_refusal_keeps_the_proposal(tmp_path):
    refusals = {Action.SET: "the batch size can only be set by the script"}
    with SteeredRun(tmp_path / "control", refusals=refusals):
        app = viewer(folder=tmp_path)
        async with app.run_test(size=SIZE) as pilot:
            await press(pilot, "E", "l", "enter", "y")
            assert "set refused: the batch size can only be set by the script" in rows(app)[-1]
            assert "-> 2e-3" in line(app, "learning rate")


async def test_readonly_and_ended_refuse_in_words_and_offer_no_key(run, tmp_path):
    for app, word in (
        (viewer(folder=tmp_path, readonly=True), "read-only"),
        (viewer(source(condition=Condition.FINISHED, sentence="finished"), folder=tmp_path), "has ended"),
    ):
        async with app.run_test(size=SIZE) as pilot:
            await press(pilot, "E")
            assert app.scene.desk.panel is None
            assert word in rows(app)[-1]
            await press(pilot, "question_mark")
            assert "edit the training" not in screen(app)
            assert not any("checkpoint" in title for title, _, _ in entries(app))
    assert run.told == []


async def test_an_end_under_the_panel_refuses_too(run, tmp_path):
    given = source()
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "E", "h")
        given.tell(condition=Condition.FINISHED, sentence="finished after 1203 steps")
        app.tick()
        await press(pilot, "enter")
        assert "has ended" in rows(app)[-1]
        assert run.acts() == []


async def test_the_palette_goes_to_a_row(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        acts = {title: act for title, _, act in entries(app)}
        acts["freeze conv1 ..."]()
        await quiet(pilot)
        assert app.scene.desk.panel.row == "freeze"
        acts["save a checkpoint"]()
        await quiet(pilot)
        assert run.acts() == [(Action.SAVE, {})]
        assert {"learning rate ...", "grow conv1 ...", "unfreeze conv1 ..."} <= acts.keys()


async def test_an_answer_that_is_none_is_a_sentence(tmp_path):
    with SteeredRun(tmp_path / "control") as run:
        run.settings = type("Odd", (), {"to_json": lambda self: json.loads('{"settings": 3}')})()
        app = viewer(folder=tmp_path)
        async with app.run_test(size=SIZE) as pilot:
            await press(pilot, "E")
            assert "something else than its settings" in screen(app)


async def test_groups_keep_their_ratios_in_the_question(tmp_path):
    groups = replace(ADAMW, settings=(Setting("lr", (0.1, 0.01), ""), *ADAMW.settings[1:]))
    with SteeredRun(tmp_path / "control", settings=groups) as run:
        app = viewer(folder=tmp_path)
        async with app.run_test(size=SIZE) as pilot:
            await press(pilot, "E", "h", "enter")
            assert "0.1, 0.01 (2 groups) -> 0.05, 5e-3?" in rows(app)[-1]
            await press(pilot, "y")
            assert run.acts() == [(Action.SET, {"name": "lr", "value": 0.05})]
