"""A training that is cut, grown, retuned and taken back by commands, while it runs."""

import json
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import deepeyes_tui as deepeyes
from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.control import ControlClient, ControlError
from deepeyes_tui.link.journal import JOURNAL, read_journal, standing
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.preview import Preview, Settings
from deepeyes_tui.link.runs import find_run
from deepeyes_tui.probe.border import ERRORS_TOLERATED
from deepeyes_tui.surgery import load_checkpoint
from deepeyes_tui.surgery.running.kept_tensors import find_kept_tensors


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 6 * 6, 12)
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        x = functional.relu(self.norm(self.conv(x)))
        return self.out(functional.relu(self.fc(x.flatten(1))))


class Training:
    """A training in a thread, which waits for commands at each of its steps."""

    def __init__(self, control="on", passes=True, given=True, early=False):
        torch.manual_seed(0)
        self.model, self.errors, self.losses = Net(), [], []
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.05, momentum=0.9)
        draw = torch.Generator().manual_seed(1)
        data = TensorDataset(torch.rand(64, 1, 8, 8, generator=draw), torch.randint(3, (64,), generator=draw))
        self.loader = DataLoader(data, 16, shuffle=True)
        self.passes, self.control, self.given, self.early = passes, control, given, early
        self.ended, self.started = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        assert self.started.wait(20)
        self.found = find_run("cut")
        self.client = ControlClient(self.found.control)

    def run(self):
        try:
            self.loop()
        except BaseException as error:
            self.errors.append(error)
            self.started.set()

    def loop(self):
        optimizer = self.optimizer if self.given else None
        with deepeyes.watch(
            self.model, optimizer=optimizer, name="cut", control=self.control, loader=self.loader
        ) as monitor:
            while not self.ended.is_set():
                for x, y in self.loader:
                    self.losses.append(self.step(monitor, x, y))
                    if len(self.losses) > 2:
                        self.started.set()
                    time.sleep(0.002)

    def step(self, monitor, x, y):
        if not self.passes:
            monitor.step(loss=0.0)
            return 0.0
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.model(x), y)
        if self.early:
            monitor.step(loss=loss, targets=y)
        loss.backward()
        self.optimizer.step()
        if not self.early:
            monitor.step(loss=loss, targets=y)
        return loss.item()

    def ask(self, action, /, **arguments):
        return self.client.send(Command(action, arguments, sender="test"), 60)

    def snapshot(self):
        reader = BoardReader(self.found.board)
        try:
            return reader.read()
        finally:
            reader.close()

    def filters(self):
        return {layer.name: layer.filters for layer in self.snapshot().layers}

    def journal(self):
        return read_journal(self.found.folder / JOURNAL)

    def end(self):
        self.ended.set()
        with suppress(ControlError):  # it may have ended already
            self.ask(Action.RESUME)
        self.thread.join(60)
        assert not self.thread.is_alive()
        assert self.errors == []


@pytest.fixture
def training():
    made = []

    def start(**options):
        made.append(Training(**options))
        return made[-1]

    yield start
    for one in made:
        one.end()


def state(training):
    """All that a training is made of, by bits."""
    model = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
    momenta = [one["momentum_buffer"].clone() for one in training.optimizer.state.values()]
    return model, momenta


def same(one, other):
    return all(torch.equal(one[0][name], other[0][name]) for name in {**one[0], **other[0]}) and all(
        torch.equal(a, b) for a, b in zip(one[1], other[1], strict=True)
    )


def test_a_plan_changes_nothing(training):
    running = training()
    assert running.ask(Action.PAUSE).ok
    before = state(running)
    outcome = running.ask(Action.PLAN, action="prune", filters={"conv": [1, 3]})
    assert outcome.ok, outcome.message
    found = Preview.from_json(json.loads(json.dumps(dict(outcome.details))))
    sizes = {part.tensor: (part.axis, part.before, part.after) for part in found.parts}
    assert sizes["conv.weight"] == (0, 8, 6)
    assert sizes["norm.running_mean"] == (0, 8, 6)
    assert sizes["fc.weight"] == (1, 8 * 36, 6 * 36)
    assert found.exact
    gone = 2 * 9 + 2 + 2 * 2 + 2 * 36 * 12
    assert found.parameters[0] - found.parameters[1] == gone
    assert found.multiply_adds[0] - found.multiply_adds[1] == 2 * 9 * 36 + 2 * 36 * 12
    assert found.change > 0
    assert same(before, state(running))
    assert running.journal() == []


def test_filters_are_cut_and_come_back_while_the_training_goes_on(training):
    running = training()
    assert running.ask(Action.PAUSE).ok
    before, snapshot = state(running), running.snapshot()
    outcome = running.ask(Action.PRUNE, filters={"conv": [1, 3]})
    assert outcome.ok, outcome.message
    assert running.filters() == {"conv": 6, "fc": 12, "out": 3}
    kept = [0, 2, 4, 5, 6, 7]
    assert torch.equal(running.model.conv.weight, before[0]["conv.weight"][kept])
    now = running.snapshot()
    assert now.generation > snapshot.generation
    assert list(now.arrays["maximum"][:6]) == list(snapshot.arrays["maximum"][kept])
    assert list((running.found.folder / "checkpoints").iterdir())
    assert running.ask(Action.UNDO).ok
    assert same(before, state(running))
    assert running.filters() == {"conv": 8, "fc": 12, "out": 3}
    first, second = running.journal()
    assert (first.action, first.layer, first.sender) == ("prune", "conv", "test")
    assert second.undoes == first.number
    assert standing(running.journal()) == []
    assert running.ask(Action.PRUNE, filters={"conv": [0], "fc": [1, 2, 5]}).ok
    steps = len(running.losses)
    assert running.ask(Action.RESUME).ok
    deadline = time.monotonic() + 20
    while len(running.losses) < steps + 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(running.losses) >= steps + 20
    assert running.filters() == {"conv": 7, "fc": 9, "out": 3}
    assert len(standing(running.journal())[0].plans) == 2
    assert running.ask(Action.UNDO).ok
    assert running.filters() == {"conv": 8, "fc": 12, "out": 3}


def test_growing_keeps_the_output(training):
    running = training()
    assert running.ask(Action.PAUSE).ok
    x = torch.rand(4, 1, 8, 8)
    running.model.eval()
    before = running.model(x)
    running.model.train()
    outcome = running.ask(Action.GROW, layer="fc", count=4)
    assert outcome.ok, outcome.message
    running.model.eval()
    assert torch.allclose(running.model(x), before, atol=1e-6)
    running.model.train()
    assert running.filters()["fc"] == 16
    assert running.ask(Action.RESUME).ok
    time.sleep(0.2)


def test_a_command_from_a_structure_that_is_gone_is_refused(training):
    running = training()
    first = running.ask(Action.PLAN, action="prune", filters={"conv": [1]}).details["structure"]
    assert running.ask(Action.PRUNE, filters={"conv": [1]}, structure=first).ok
    second = running.ask(Action.PRUNE, filters={"conv": [2]}, structure=first)
    assert not second.ok
    assert "the model has changed" in second.message
    assert running.filters()["conv"] == 7


@pytest.mark.parametrize(
    ("filters", "word"),
    [
        ({"conv": [8]}, "8"),
        ({"conv": [-1]}, "-1"),
        ({"conv": [1, 1]}, "1"),
        ({"conv": list(range(8))}, "all"),
        ({"conv": []}, "filter"),
        ({"nowhere": [1]}, "nowhere"),
        ({"out": [1]}, "out"),
        ({"conv": [1], "out": [1]}, "out"),
        ({}, "layers with their filters"),
        ({"conv": ["1"]}, "numbers"),
        (None, "layers with their filters"),
    ],
)
def test_what_cannot_be_cut_is_refused_and_nothing_changes(training, filters, word):
    running = training()
    assert running.ask(Action.PAUSE).ok
    before = state(running)
    for action in ({"action": "prune"}, {}):
        outcome = running.ask(Action.PLAN if action else Action.PRUNE, filters=filters, **action)
        assert not outcome.ok
        assert word in outcome.message
        assert "\n" not in outcome.message
    assert same(before, state(running))
    assert running.journal() == []
    assert running.filters() == {"conv": 8, "fc": 12, "out": 3}


def test_no_batch_yet(training):
    running = training(passes=False)
    outcome = running.ask(Action.PRUNE, filters={"conv": [1]})
    assert not outcome.ok
    assert "no batch has been seen yet" in outcome.message


def test_no_room_for_the_checkpoint(training):
    running = training()
    (running.found.folder / "checkpoints").write_text("in the way")
    outcome = running.ask(Action.PRUNE, filters={"conv": [1]})
    assert not outcome.ok
    assert "nothing was done: the checkpoint cannot be written" in outcome.message
    assert running.filters()["conv"] == 8
    assert running.journal() == []


def test_no_room_for_the_journal(training):
    running = training()
    assert running.ask(Action.PAUSE).ok
    (running.found.folder / JOURNAL).mkdir()
    before = state(running)
    outcome = running.ask(Action.PRUNE, filters={"conv": [1]})
    assert not outcome.ok
    assert "journal" in outcome.message
    assert same(before, state(running))


def test_control_off_refuses_all_but_to_look(training):
    running = training(control="off")
    for action in (Action.PRUNE, Action.PLAN, Action.UNDO, Action.SET, Action.FREEZE, Action.HOLD, Action.SAVE):
        outcome = running.ask(action, filters={"conv": [1]})
        assert not outcome.ok
        assert 'control="off"' in outcome.message
    outcome = running.ask(Action.SETTINGS)
    assert outcome.ok, outcome.message


def test_the_optimizer_is_found_where_it_was_not_given(training):
    running = training(given=False)
    assert running.ask(Action.PRUNE, filters={"conv": [1]}).ok
    steps = len(running.losses)
    deadline = time.monotonic() + 20
    while len(running.losses) < steps + 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.optimizer.state[running.model.conv.weight]["momentum_buffer"].shape[0] == 7


def test_hyperparameters_and_freezing(training):
    running = training()
    assert running.ask(Action.PAUSE).ok
    outcome = running.ask(Action.SET, name="lr", value=0.01)
    assert outcome.ok
    assert "0.05 -> 0.01" in outcome.message
    assert running.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    assert running.ask(Action.SET, name="batch_size", value=8).ok
    assert not running.ask(Action.SET, name="lr", value=-1).ok
    assert not running.ask(Action.SET, name="nonsense", value=1).ok
    assert running.ask(Action.FREEZE, layer="conv", filters=[2, 5]).ok
    before = running.snapshot()
    assert running.ask(Action.FREEZE, layer="fc").ok
    after = running.snapshot()
    assert [[layer.frozen for layer in one.layers if layer.name == "fc"] for one in (before, after)] == [
        [False],
        [True],
    ]
    assert after.generation == before.generation
    outcome = running.ask(Action.SETTINGS)
    assert outcome.ok, outcome.message
    found = Settings.from_json(outcome.details)
    assert found.frozen == {"conv": (2, 5), "fc": ()}
    assert {one.name: one.values for one in found.settings}["lr"] == (pytest.approx(0.01),)
    kept = running.model.conv.weight[[2, 5]].clone()
    assert running.ask(Action.PRUNE, filters={"conv": [0, 5]}).ok
    assert Settings.from_json(running.ask(Action.SETTINGS).details).frozen == {"conv": (1,), "fc": ()}
    steps = len(running.losses)
    assert running.ask(Action.RESUME).ok
    deadline = time.monotonic() + 20
    while len(running.losses) < steps + 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.ask(Action.PAUSE).ok
    assert torch.equal(running.model.conv.weight[1], kept[0])
    assert running.ask(Action.UNDO).ok
    assert Settings.from_json(running.ask(Action.SETTINGS).details).frozen == {"conv": (2, 5), "fc": ()}
    assert torch.equal(running.model.conv.weight[[2, 5]], kept)
    assert running.ask(Action.UNFREEZE, layer="fc").ok
    assert not running.ask(Action.UNFREEZE, layer="fc").ok
    assert [entry.action for entry in running.journal()] == [
        "set",
        "set",
        "freeze",
        "freeze",
        "prune",
        "undo",
        "unfreeze",
    ]


def test_a_hold_ends_by_itself_and_on_request(training):
    running = training()
    assert running.ask(Action.HOLD, seconds=0.5).ok
    held = len(running.losses)
    time.sleep(0.2)
    assert len(running.losses) - held <= 1
    time.sleep(1.0)
    assert len(running.losses) > held + 1
    assert running.ask(Action.HOLD, seconds=60).ok
    assert running.ask(Action.HOLD, seconds=0).ok
    held = len(running.losses)
    time.sleep(0.3)
    assert len(running.losses) > held
    assert not running.ask(Action.HOLD, seconds=1e9).ok
    assert not running.ask(Action.HOLD).ok


def test_a_hold_is_of_who_looks_and_resume_ends_all(training):
    running = training()
    assert running.ask(Action.HOLD, seconds=60, by="one").ok
    assert running.ask(Action.HOLD, seconds=60, by="other").ok
    assert running.ask(Action.HOLD, seconds=0, by="one").ok
    held = len(running.losses)
    time.sleep(0.3)
    assert len(running.losses) - held <= 1
    assert any("preview" in notice for notice in running.snapshot().status.notices)
    assert running.ask(Action.RESUME).ok
    time.sleep(0.3)
    assert len(running.losses) > held + 1


def test_a_step_told_of_before_its_backward_is_not_cut(training):
    running = training(early=True)
    outcome = running.ask(Action.PRUNE, filters={"conv": [1]})
    assert not outcome.ok
    assert "backward to come" in outcome.message
    assert running.filters()["conv"] == 8


def test_tensors_that_the_script_keeps_are_warned_of(training):
    running = training()
    already = find_kept_tensors(running.model)
    average = {name: one.detach().clone() for name, one in running.model.named_parameters()}
    best = [one.detach().clone() for one in running.model.parameters()]
    outcome = running.ask(Action.PLAN, action="prune", filters={"conv": [1]})
    assert f"keeps {already + 2} dicts or lists of tensors" in str(outcome.details["warnings"])
    outcome = running.ask(Action.PRUNE, filters={"conv": [1]})
    assert "of tensors shaped as the model's" in outcome.message
    assert len(average) == len(best)


def test_a_monitor_that_breaks_while_paused_lets_the_training_go(training, monkeypatch):
    running = training()
    assert running.ask(Action.PAUSE).ok

    def fails(*_, **__):
        raise MemoryError("no room")

    monkeypatch.setattr("deepeyes_tui.probe.surgeon.write_checkpoint", fails)
    for _ in range(ERRORS_TOLERATED - 1):
        assert "failed at it" in running.ask(Action.SAVE).message
    held = len(running.losses)
    assert "switched itself off" in running.ask(Action.SAVE).message
    deadline = time.monotonic() + 20
    while len(running.losses) < held + 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(running.losses) >= held + 5
    with pytest.raises(ControlError):
        running.ask(Action.RESUME)


def test_a_checkpoint_is_saved_on_request(training):
    running = training()
    outcome = running.ask(Action.SAVE)
    assert outcome.ok
    fresh = Net()
    load_checkpoint(Path(outcome.details["path"]), fresh)
    assert fresh.conv.weight.shape == (8, 1, 3, 3)
    for number in range(4):
        assert running.ask(Action.PRUNE, filters={"fc": [number]}).ok
    assert Path(outcome.details["path"]).exists()
    assert len(list((running.found.folder / "checkpoints").iterdir())) == 3
    assert running.journal()[0].action == "save"
