"""Marks, previews and undo, driven by keys, against a run that listens at a real control socket."""

import threading
from dataclasses import replace

import pytest

from deepeyes_tui.app import surgery
from deepeyes_tui.app.bindings import Context, PaneName, applicable, find
from deepeyes_tui.app.feed import News, shown
from deepeyes_tui.app.marking import prune_command
from deepeyes_tui.app.moves import MOVES
from deepeyes_tui.app.panes.help import help_text
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.app.proposals import still_meant
from deepeyes_tui.app.room import Room
from deepeyes_tui.app.selection import keep, mark_in, recall, undo
from deepeyes_tui.link.control import ControlServer
from deepeyes_tui.link.messages import Action, Command, Outcome
from deepeyes_tui.link.preview import Part, Preview, Settings
from deepeyes_tui.link.snapshot import LEAST_WINDOW
from deepeyes_tui.link.watcher import Condition, RunView
from tests.app.driving import rows, screen, source, viewer
from tests.app.synthetic import LENET, infos, scene, snapshot

PREVIEW = Preview(
    title="prune conv1: 3 filters (3,7,11)",
    parts=(Part("conv1.weight", 0, 20, 17, "writes"), Part("conv2.weight", 1, 20, 17, "reads")),
    parts_left_out=0,
    parameters=(431_080, 393_000),
    multiply_adds=(2_293_000, 1_993_000),
    change=0.0,
    exact=True,
    warnings=(),
    copies=0,
    structure=4,
)
SMALLER = (("conv1", "Conv2d", 17, 442, (5, 5), (24, 24)), *LENET[1:])


class Run:
    """A run that answers at its control socket, and keeps what it was told."""

    def __init__(self, folder, *, allowed=True):
        self.told, self.preview, self.undo = [], PREVIEW, "prune conv1: 3 filters (3,7,11)"
        self.refusals, self.meanwhile = {}, {}
        self.server = ControlServer(folder / "control", allowed=allowed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._thread.join()
        self.server.close()

    def actions(self, *which):
        return [arguments for action, arguments in self.told if action in which]

    def holds(self):
        """For how many seconds it was told to wait, always by the same viewer."""
        told = self.actions(Action.HOLD)
        assert len({one["by"] for one in told}) <= 1
        return [one["seconds"] for one in told]

    def _run(self):
        while not self._stop.is_set():
            self.server.wait(0.02)
            for request in self.server.pending():
                command = request.command
                self.told.append((command.action, dict(command.arguments)))
                self.meanwhile.get(command.action, lambda: None)()
                refusal = self.refusals.get(command.action, "")
                details = {} if refusal else self._details(command.action)
                message = refusal or f"{command.action} done"
                self.server.answer(request, Outcome(command.id, not refusal, message, 7, details))

    def _details(self, action):
        if action == Action.PLAN:
            return self.preview.to_json()
        return Settings((), {}, self.undo, 4).to_json() if action == Action.SETTINGS else {}


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path)
    yield made
    made.close()


async def quiet(pilot):
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def after(shapes=SMALLER):
    return replace(snapshot(infos(shapes)), generation=2)


def marked(layers=None):
    return replace(scene(), selection=mark_in(scene().selection, layers or {0: [3, 7, 11]}))


# Marks


def press(shown, *actions):
    for action in actions:
        shown = MOVES[action](shown, Room(78, 20))
    return shown


def test_dead_filters_of_all_layers_are_marked_from_a_list_and_the_layers_own_from_its_views():
    arrays = snapshot().arrays
    everywhere = press(scene(), "dead")
    assert sum(map(len, everywhere.selection.marked.values())) == arrays["dead"].sum() > 0
    here = press(scene().with_desk(focus=PaneName.FILTERS), "dead")
    assert here.selection.marked == {0: frozenset(arrays["dead"][:20].nonzero()[0].tolist())}
    assert here.desk.note == f"{len(here.selection.marks)} dead filters marked in conv1"
    layers = len(everywhere.selection.marked)
    assert everywhere.desk.note == f"{arrays['dead'].sum()} dead filters marked in {layers} layers"


def test_marks_of_filters_that_are_always_on_join_those_that_are_there_and_are_undone_alone():
    dead = press(scene().with_desk(focus=PaneName.FILTERS), "dead")
    both = press(dead, "always_on")
    on = set(snapshot().arrays["always_on"][:20].nonzero()[0].tolist())
    assert both.selection.marks == dead.selection.marks | on
    assert both.desk.note == "1 filter always on marked in conv1"
    assert undo(both.selection).marked == dead.selection.marked


def test_lists_say_how_many_are_marked():
    text = as_text(marked({0: [3, 7], 2: [1]}).with_desk(focus=PaneName.LAYERS), 80, 24)
    assert "2 of 4 stable, 3 marked" in text
    assert "1 of 4, 2 marked" in as_text(marked({0: [3, 7], 2: [1]}).with_desk(focus=PaneName.LAYER), 80, 24)
    assert "marked" not in as_text(scene().with_desk(focus=PaneName.LAYERS), 80, 24)


def test_what_cannot_be_marked_is_said():
    made = snapshot()
    made.arrays["dead"][:] = False
    assert press(scene(made), "dead").desk.note == "no dead filters"
    assert press(scene(made).with_desk(focus=PaneName.LAYER), "dead").desk.note == "no dead filters in conv1"
    made.arrays["dead_window"][:] = LEAST_WINDOW - 1
    assert press(scene(made), "always_on").desk.note == f"no filter is judged yet: {LEAST_WINDOW} looks are needed"
    assert press(scene(made), "dead").selection == scene(made).selection


def test_what_is_pruned_is_what_is_marked_or_what_is_under_the_cursor():
    assert prune_command(marked({2: [9, 1], 0: [3]})).arguments == {"filters": {"conv1": [3], "fc1": [1, 9]}}
    assert prune_command(scene()) is None
    at = scene().with_desk(focus=PaneName.FILTERS)
    at = replace(at, selection=replace(at.selection, layer=1, cursor=7))
    assert prune_command(at).arguments == {"filters": {"conv2": [7]}}


def test_marks_leave_with_the_filters_that_they_meant():
    held = marked({0: [3], 2: [40]})
    held = replace(held, selection=replace(keep(held.selection, "mine"), layer=2, cursor=40))
    told = RunView(after((LENET[0], ("new", "Conv2d", 20, 1, (), ()), *SMALLER[1:])), Condition.TRAINING, "training")
    there = shown(held, News(2, told)).selection
    assert there.marked == {0: {3}, 3: {40}}
    assert (there.layer, there.cursor) == (3, 40)
    told = replace(told, snapshot=after())
    left = shown(held, News(2, told)).selection
    assert left.marked == recall(left, "mine").marked == {2: {40}}
    assert (left.layer, left.cursor) == (2, 40)
    gone = shown(held, News(2, replace(told, snapshot=after((*SMALLER[:2], SMALLER[3]))))).selection
    assert (gone.layer, gone.cursor, gone.marked) == (2, 0, {})


def test_what_a_command_meant_in_another_structure():
    both = Command(Action.PRUNE, {"filters": {"conv1": [3], "fc1": [1]}})
    assert still_meant(both, snapshot(), after()).arguments == {"filters": {"fc1": [1]}}
    assert still_meant(Command(Action.PRUNE, {"filters": {"conv1": [3]}}), snapshot(), after()) is None
    grow = Command(Action.GROW, {"layer": "conv1", "count": 2, "source": None})
    assert still_meant(grow, snapshot(), after()) == grow
    assert still_meant(replace(grow, arguments={**grow.arguments, "source": 1}), snapshot(), after()) is None
    assert still_meant(Command(Action.DROP_LAYER, {"layer": "gone"}), snapshot(), after()) is None


# Keys


def test_only_the_previews_own_keys_work_in_it():
    ready = Context(preview=True, agreeable=True)
    assert {find(key, key, ready).id for key in ("enter", "y")} == {"agree"}
    assert {find(key, None, ready).id for key in ("escape", "n", "q", "ctrl+c")} == {"decline"}
    assert find("P", "P", ready) is find("5", "5", ready) is find("enter", None, Context(preview=True)) is None
    keys = [key for binding in applicable(ready) for key in binding.keys]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("changes", [{"readonly": True}, {"ended": True}])
def test_surgery_is_offered_only_where_the_training_can_be_steered(changes):
    assert "prune the marked filters" in help_text(scene())
    told = help_text(replace(scene(), **changes))
    assert "prune the marked filters" not in told
    assert "undo the last change of the network" not in told
    assert "mark dead filters" in told


# Pruning


async def test_pruning_the_marked_filters(run, tmp_path):
    given = source()
    run.meanwhile[Action.PRUNE] = lambda: given.tell(after())
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.scene = replace(app.scene, selection=mark_in(app.scene.selection, {0: [3, 7, 11], 2: [40]}))
        await pilot.press("X")
        await quiet(pilot)
        assert "431,080 → 393,000" in screen(app)
        assert "8.8% fewer" in screen(app)
        assert "conv2.weight  20 → 17  reads" in screen(app)
        assert "no change: the filters are silent" in screen(app)
        assert rows(app)[-1].startswith(" Enter y prune  Esc n not")
        assert run.holds() == [surgery.HOLD_SECONDS]
        await pilot.press("enter")
        await quiet(pilot)
        assert "prune done" in rows(app)[-1]
        assert app.scene.selection.marked == {}
        assert app.scene.layer.info.filters == 17
    filters = {"conv1": [3, 7, 11], "fc1": [40]}
    assert run.actions(Action.PLAN) == [{"action": "prune", "filters": filters, "structure": 1}]
    assert run.actions(Action.PRUNE) == [{"filters": filters, "structure": 4, "inexact": False}]
    assert run.holds()[-1] == 0
    assert [action for action, _ in run.told if action != "focus"] == ["hold", "plan", "prune", "hold"]


@pytest.mark.parametrize("key", ["escape", "n", "q", "ctrl+c"])
async def test_declining_changes_nothing_and_lets_the_training_go_on(run, tmp_path, key):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "X")
        await quiet(pilot)
        cursor = app.scene.selection.cursor
        await pilot.press(key)
        await quiet(pilot)
        assert app.scene.desk.proposal is None
        assert app.is_running
    assert run.actions(Action.PLAN) == [{"action": "prune", "filters": {"conv1": [cursor]}, "structure": 1}]
    assert run.holds() == [surgery.HOLD_SECONDS, 0]
    assert run.actions(Action.PRUNE) == []


async def test_without_marks_a_sentence_says_how_to_mark(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("X")
        await quiet(pilot)
        assert "nothing is marked" in rows(app)[-1]
    assert run.told == []


async def test_a_refused_plan_says_why_and_cannot_be_agreed_to(run, tmp_path):
    run.refusals[Action.PLAN] = "conv1 feeds the network's output: its filters cannot be cut"
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "X")
        await quiet(pilot)
        assert "Refused: nothing has been changed." in screen(app)
        assert "conv1 feeds the network's output" in screen(app)
        await pilot.press("enter", "y")
        await quiet(pilot)
        assert run.holds()[-1] == 0
        assert "Esc back" in rows(app)[-1]
    assert run.actions(Action.PRUNE) == []


async def test_what_is_not_exact_is_said_and_sent(run, tmp_path):
    run.preview = replace(PREVIEW, exact=False, change=0.0032, warnings=("a LayerNorm spans the cut",))
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "X")
        await quiet(pilot)
        assert "Not exact" in screen(app)
        assert "a LayerNorm spans the cut" in screen(app)
        assert "at most 0.3% of the largest output" in screen(app)
        await pilot.press("y")
        await quiet(pilot)
    assert run.actions(Action.PRUNE)[0]["inexact"] is True


async def test_the_run_may_refuse_at_the_last_moment(run, tmp_path):
    run.refusals[Action.PRUNE] = "nothing was done: the disk is full"
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.scene = marked()
        await pilot.press("X")
        await quiet(pilot)
        await pilot.press("y")
        await quiet(pilot)
        assert "nothing was done: the disk is full" in screen(app)
        assert not app.scene.desk.proposal.ready
        assert app.scene.selection.marks == {3, 7, 11}
    assert run.holds()[-1] == 0


async def test_another_viewer_was_first_elsewhere_and_the_plan_is_asked_again(run, tmp_path):
    given = source()
    run.refusals[Action.PRUNE] = "the model has changed since this was planned"
    run.meanwhile[Action.PRUNE] = lambda: given.tell(after())
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.scene = replace(app.scene, selection=mark_in(app.scene.selection, {0: [3], 2: [40]}))
        await pilot.press("X")
        await quiet(pilot)
        await pilot.press("y")
        await quiet(pilot)
        assert "The model has changed meanwhile" in screen(app)
        assert app.scene.desk.proposal.ready
    assert run.actions(Action.PLAN)[-1] == {"action": "prune", "filters": {"fc1": [40]}, "structure": 2}


async def test_what_another_viewer_does_is_told_at_once_and_what_is_left_out_too(run, tmp_path):
    given = source()
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.scene = replace(app.scene, selection=mark_in(app.scene.selection, {0: [12, 13], 2: [17]}))
        await pilot.press("X")
        await quiet(pilot)
        assert "meanwhile" not in screen(app)
        given.tell(after())
        app.tick()
        await quiet(pilot)
        text = " ".join(screen(app).split())
        assert "The model has changed meanwhile" in text
        assert "the filters there are others now: conv1: 2 filters (12,13)." in text
        assert app.scene.desk.proposal.ready
        app.tick()
        await quiet(pilot)
    assert run.actions(Action.PLAN)[1:] == [{"action": "prune", "filters": {"fc1": [17]}, "structure": 2}]
    assert run.holds() == [surgery.HOLD_SECONDS] * 2


@pytest.mark.parametrize("action", [Action.PLAN, Action.PRUNE])
async def test_another_viewer_has_cut_the_same_layer(run, tmp_path, action):
    given = source()
    run.refusals[Action.PRUNE] = "the model has changed since this was planned"
    run.meanwhile[action] = lambda: given.tell(after())
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.scene = marked()
        await pilot.press("X")
        await quiet(pilot)
        await pilot.press("y")
        await quiet(pilot)
        assert "conv1 has other filters now, or is gone" in screen(app)
        assert not app.scene.desk.proposal.ready
    assert len(run.actions(Action.PLAN)) == 1
    assert len(run.actions(Action.PRUNE)) == (action is Action.PRUNE)


async def test_an_answer_that_comes_after_the_user_has_left_is_not_shown(run, tmp_path):
    go = threading.Event()
    run.meanwhile[Action.PLAN] = lambda: go.wait(5)
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "X")
        await pilot.pause(0.1)
        assert "asking the training ..." in screen(app)
        await pilot.press("escape")
        go.set()
        await quiet(pilot)
        assert app.scene.desk.proposal is None
    assert [a for a, _ in run.told if a != "focus"] == ["hold", "plan", "hold"]


async def test_the_training_is_held_as_long_as_the_preview_is_open(run, tmp_path, monkeypatch):
    monkeypatch.setattr(surgery, "RENEW_EVERY", 0.05)
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "X")
        await pilot.pause(0.5)
        assert run.holds().count(surgery.HOLD_SECONDS) > 2
        await pilot.press("escape")
        await quiet(pilot)
        count = len(run.told)
        await pilot.pause(0.3)
        assert len(run.told) == count
    assert run.holds()[-1] == 0


async def test_a_preview_that_is_opened_again_at_once_is_held_as_well(run, tmp_path, monkeypatch):
    monkeypatch.setattr(surgery, "RENEW_EVERY", 0.05)
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        for action in ("prune", "decline", "prune"):
            app.do(action)
        await quiet(pilot)
        assert app.scene.desk.proposal.ready
        count = len(run.holds())
        await pilot.pause(0.4)
        assert run.holds()[-1] == surgery.HOLD_SECONDS
        assert len(run.holds()) > count


async def test_growing_is_shown_and_agreed_to_in_the_same_way(run, tmp_path):
    arguments = {"layer": "conv1", "count": 4, "how": "split", "source": 3}
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        surgery.open_preview(app, Command(Action.GROW, arguments))
        await quiet(pilot)
        assert "Enter y grow" in rows(app)[-1]
        await pilot.press("y")
        await quiet(pilot)
    assert run.actions(Action.PLAN) == [{"action": "grow", **arguments, "structure": 1}]
    assert run.actions(Action.GROW) == [{**arguments, "structure": 4, "inexact": False}]


async def test_a_frozen_picture_is_not_operated_on(run, tmp_path):
    given = source()
    app = viewer(given, folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.scene = marked()
        await pilot.press("z")
        given.tell(after())
        await pilot.press("X")
        await quiet(pilot)
        assert "nothing is marked" in rows(app)[-1]
    assert run.actions(Action.PLAN) == []


async def test_a_run_that_takes_no_commands_says_so(tmp_path):
    run = Run(tmp_path, allowed=False)
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "X")
        await quiet(pilot)
        assert "this run takes no commands" in screen(app)
    run.close()
    assert run.actions(Action.PLAN, Action.HOLD) == []


@pytest.mark.parametrize("key", ["X", "U"])
async def test_a_read_only_viewer_says_that_it_is(run, tmp_path, key):
    app = viewer(folder=tmp_path, readonly=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", key)
        await quiet(pilot)
        assert "this viewer is read-only" in rows(app)[-1]
        surgery.open_preview(app, Command(Action.DROP_LAYER, {"layer": "conv1"}))
        assert app.scene.desk.proposal is None
    assert run.told == []


async def test_a_run_that_is_gone_is_a_sentence(tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "X")
        await quiet(pilot)
        assert "the run is gone" in screen(app)
        await pilot.press("escape", "U")
        await quiet(pilot)
        assert "settings failed: the run is gone" in rows(app)[-1]


# Undo


async def test_undoing_asks_in_the_runs_words(run, tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("U")
        await quiet(pilot)
        assert "Undo prune conv1: 3 filters (3,7,11)?" in rows(app)[-1]
        await pilot.press("n", "U")
        await quiet(pilot)
        assert run.actions(Action.UNDO) == []
        await pilot.press("y")
        await quiet(pilot)
        assert "undo done" in rows(app)[-1]
    assert run.actions(Action.UNDO) == [{"structure": 4}]


async def test_where_there_is_nothing_to_undo_nothing_is_asked(run, tmp_path):
    run.undo = ""
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("U")
        await quiet(pilot)
        assert "there is nothing to undo" in rows(app)[-1]
        assert app.scene.desk.question is None
