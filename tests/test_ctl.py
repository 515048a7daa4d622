"""`deepeyes ctl` against a run that answers over a real socket: what is sent, what is printed, the exit status."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from deepeyes_tui import cli
from deepeyes_tui.ctl.tables import plan_lines, settings_lines
from deepeyes_tui.ctl.verbs import VERBS
from deepeyes_tui.link.control import ControlServer
from deepeyes_tui.link.journal import JOURNAL, Entry, append
from deepeyes_tui.link.messages import GROWTHS, HYPERPARAMETERS, SURGERY, Action, Outcome
from deepeyes_tui.link.preview import Part, Preview, Setting, Settings
from deepeyes_tui.link.runs import claim_run
from deepeyes_tui.link.snapshot import LEAST_WINDOW, RunState, Status
from tests.link.boards import make_arrays, make_series, make_writer

SEEN, STRUCTURE = 1, 4
"""The network's structure as the board tells it, and as the settings do."""
PARTS = (Part("features.0.weight", 0, 20, 17, "writes"), Part("fc.weight", 1, 320, 272, "reads"))
PREVIEW = Preview(
    "prune 3 filters of features.0",
    PARTS,
    5,
    (431_080, 400_000),
    (2_293_000, 2_000_000),
    0.0125,
    False,
    ("a LayerNorm spans the cut",),
    1,
    STRUCTURE,
)
SETTINGS = Settings(
    (Setting("lr", (0.01, 0.02), ""), Setting("betas", (), "SGD has no betas"), Setting("batch_size", (64,), "")),
    {"fc": (), "features.0": (1, 2, 3)},
    "prune 3 filters of fc",
    STRUCTURE,
)
ENTRIES = (
    Entry(1, "prune", 300, 0.0, "viewer", "3 filters of conv1 cut", "conv1", "20", "17"),
    Entry(2, "undo", 310, 60.0, "deepeyes ctl (me)", "that undone", "conv1", "17", "20", undoes=1),
)


class Run:
    """A run whose training loop keeps the commands it gets; it refuses what concerns a layer `nothing`."""

    def __init__(self, states, window=200, of=None):
        self.run = of or claim_run("demo", command=["train.py"])
        arrays = make_arrays(fill=0)
        for name, filters in states.items():
            arrays[name][filters] = True
        arrays["dead_window"][:] = window
        status = Status(state=RunState.TRAINING, step=12, loss=0.5, accuracy=0.75, published_at=time.time())
        make_writer(self.run.board).publish(status, arrays)
        self.server = ControlServer(self.run.control)
        self.commands = []
        self._going = True
        self._thread = threading.Thread(target=self._train)
        self._thread.start()

    def _train(self):
        while self._going:
            if self.server.wait(0.02):
                for request in self.server.pending():
                    self.commands.append(request.command)
                    self.server.answer(request, self._answer(request.command))

    def _answer(self, command):
        details = {Action.PLAN: PREVIEW, Action.SETTINGS: SETTINGS}.get(command.action)
        ok = command.arguments.get("layer") != "nothing"
        message = f"{command.action} {'done' if ok else 'refused: there is no layer nothing'}"
        return Outcome(command.id, ok, message, 12, details.to_json() if details else {})

    def sent(self):
        """Return action and arguments of the only command that changes something."""
        (command,) = (one for one in self.commands if one.action != Action.SETTINGS)
        assert command.sender.startswith("deepeyes ctl (")
        return command.action, command.arguments

    def end(self):
        self._going = False
        self._thread.join()
        self.server.close()
        self.run.remove_live()


@pytest.fixture
def run():
    run = Run({"dead": [3, 7, 20], "always_on": [5]})
    yield run
    run.end()


def ctl(capsys, *arguments):
    """Return exit status, output and errors of `deepeyes ctl demo ...`."""
    try:
        status = cli.main(["ctl", "demo", *arguments])
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    ("words", "action", "arguments"),
    [
        ("pause", "pause", {}),
        ("resume", "resume", {}),
        ("stop", "stop", {}),
        ("undo", "undo", {}),
        ("save", "save", {}),
        ("reset", "reset", {}),
        ("reset fc", "reset", {"layer": "fc"}),
        ("focus features.0", "focus", {"layer": "features.0"}),
        ("prune conv1 3,7,11-14", "prune", {"filters": {"conv1": [3, 7, 11, 12, 13, 14]}}),
        ("prune conv1 3 fc1 5,6 conv1 4", "prune", {"filters": {"conv1": [3, 4], "fc1": [5, 6]}}),
        ("prune conv1 3 --inexact fc1 5", "prune", {"filters": {"conv1": [3], "fc1": [5]}, "inexact": True}),
        ("prune --no-copies 0 3", "prune", {"filters": {"0": [3]}, "copies": False}),
        ("grow conv1 4", "grow", {"layer": "conv1", "count": 4, "how": "random", "source": None}),
        (
            "grow --how split conv1 --of 3 1",
            "grow",
            {"layer": "conv1", "count": 1, "how": "split", "source": 3},
        ),
        (
            "grow conv1 4 --how random-outgoing --inexact",
            "grow",
            {"layer": "conv1", "count": 4, "how": "random outgoing", "source": None, "inexact": True},
        ),
        ("add-layer conv1", "add-layer", {"layer": "conv1"}),
        ("drop-layer conv2 --inexact", "drop-layer", {"layer": "conv2", "inexact": True}),
        ("freeze conv1", "freeze", {"layer": "conv1", "filters": None}),
        ("freeze conv1 3,7", "freeze", {"layer": "conv1", "filters": [3, 7]}),
        ("unfreeze conv1 0-2", "unfreeze", {"layer": "conv1", "filters": [0, 1, 2]}),
        ("lr 1e-4", "set", {"name": "lr", "value": 1e-4}),
        ("momentum 0.9", "set", {"name": "momentum", "value": 0.9}),
        ("betas 0.9,0.99", "set", {"name": "betas", "value": [0.9, 0.99]}),
        ("weight-decay 0", "set", {"name": "weight_decay", "value": 0.0}),
        ("batch-size 64", "set", {"name": "batch_size", "value": 64}),
    ],
)
def test_what_is_sent(capsys, run, words, action, arguments):
    status, out, err = ctl(capsys, *words.split())
    assert (status, err) == (0, "")
    assert out == f"demo: {action} done\n"
    seen = {"structure": SEEN} if action in (*SURGERY, "undo", "freeze", "unfreeze") else {}
    assert run.sent() == (action, {**arguments, **seen})


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("plan prune conv1 3,7", {"action": "prune", "filters": {"conv1": [3, 7]}}),
        ("prune conv1 3,7 --dry-run", {"action": "prune", "filters": {"conv1": [3, 7]}}),
        ("prune --dry-run --no-copies conv1 3", {"action": "prune", "filters": {"conv1": [3]}, "copies": False}),
        ("plan grow fc 2", {"action": "grow", "layer": "fc", "count": 2, "how": "random", "source": None}),
        ("plan add-layer fc", {"action": "add-layer", "layer": "fc"}),
        ("drop-layer fc --dry-run", {"action": "drop-layer", "layer": "fc"}),
    ],
)
def test_a_plan_is_asked_for_and_nothing_else(capsys, run, words, arguments):
    assert ctl(capsys, *words.split())[0] == 0
    assert run.sent() == ("plan", arguments)


def test_a_plan_as_text(capsys, run):
    status, out, _ = ctl(capsys, "plan", "prune", "features.0", "3,7,9")
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == PREVIEW.title
    assert [line.split() for line in lines[1:3]] == [
        ["parameters", "431,080", "->", "400,000", "-7.2%"],
        ["multiply-adds", "2,293,000", "->", "2,000,000", "-12.8%"],
    ]
    assert "changes by at most 1.25% of its largest value" in out
    assert "not exact      it is done only with --inexact" in out
    assert "copies         1 of the model" in out
    assert ["features.0.weight", "0", "20", "17", "writes"] in [line.split() for line in lines]
    assert "and 5 tensors more" in out
    assert lines[-1] == "  warning: a LayerNorm spans the cut"
    assert max(map(len, lines)) <= 80


def test_settings_as_text(capsys, run):
    status, out, _ = ctl(capsys, "settings")
    assert status == 0
    assert [line.split() for line in out.splitlines()] == [
        ["lr", "0.01,", "0.02"],
        ["betas", "-", "SGD", "has", "no", "betas"],
        ["batch", "size", "64"],
        ["frozen", "fc;", "features.0", "1-3"],
        ["undo", "prune", "3", "filters", "of", "fc"],
    ]


def test_betas_are_written_as_they_are_typed():
    told = replace(SETTINGS, settings=(Setting("betas", ([0.9, 0.999], [0.5, 0.9]), ""),))
    assert settings_lines(told)[0].split(maxsplit=1) == ["betas", "0.9, 0.999; 0.5, 0.9"]


@pytest.mark.parametrize("words", ["--json plan prune fc 3", "plan --json prune fc 3", "plan prune fc --json 3"])
def test_json_stands_anywhere_and_has_the_details(capsys, run, words):
    status, out, _ = ctl(capsys, *words.split())
    known = json.loads(out)
    assert (status, known["run"], known["ok"], known["step"]) == (0, "demo", True, 12)
    assert Preview.from_json(known["details"]) == PREVIEW


def test_a_refusal_is_an_error(capsys, run):
    status, out, err = ctl(capsys, "grow", "nothing", "3")
    assert (status, out, err) == (1, "", "demo: grow refused: there is no layer nothing\n")
    status, out, err = ctl(capsys, "--json", "reset", "nothing")
    known = json.loads(out)
    assert (status, known["ok"], known["details"], err) == (1, False, {}, "")


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("prune --dead", {"features.0": [3, 7], "fc": [0]}),
        ("prune features.0 --dead", {"features.0": [3, 7]}),
        ("prune --always-on", {"features.0": [5]}),
        ("prune --dead --always-on features.0 fc", {"features.0": [3, 5, 7], "fc": [0]}),
    ],
)
def test_filters_by_their_state_are_those_of_the_board(capsys, run, words, filters):
    assert ctl(capsys, *words.split())[0] == 0
    assert run.sent() == ("prune", {"filters": filters, "structure": STRUCTURE})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("prune fc --always-on", "no filter of fc is always on"),
        ("prune conv9 --dead", "no layer 'conv9'; there are: features.0, fc"),
    ],
)
def test_states_that_no_filter_is_in(capsys, run, words, sentence):
    status, _, err = ctl(capsys, *words.split())
    assert (status, err.count("\n")) == (1, 1)
    assert sentence in err
    assert [command.action for command in run.commands] == ["settings"]


def test_filters_of_a_run_without_a_board(capsys, run):
    run.run.board.unlink()
    status, _, err = ctl(capsys, "prune", "--dead")
    assert status == 1
    assert "wait for its first steps" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "required"),
        ("dance", "invalid choice"),
        ("hold 3", "invalid choice"),
        ("pause fc", "'fc' is not understood"),
        ("prune", "--dead"),
        ("prune conv1", "one list without spaces"),
        ("prune conv1 3, 7", "one list without spaces"),
        ("prune conv1 3,x", "is no list of filters"),
        ("prune conv1 -1", "is no list of filters"),
        ("prune conv1 9-3", "is no range"),
        ("prune conv1 3 --bogus", "'--bogus' is not understood"),
        ("grow conv1", "COUNT"),
        ("grow conv1 0", "a positive number"),
        ("grow conv1 2 --of 3", "--how split"),
        ("grow conv1 2 --how split --of x", "number of a filter"),
        ("grow conv1 2 --how slowly", "invalid choice"),
        ("freeze conv1 a", "is no list of filters"),
        ("freeze", "LAYER"),
        ("lr", "VALUE"),
        ("lr nan", "a number is needed"),
        ("lr 1_0", "a number is needed"),
        ("lr \uff11", "a number is needed"),
        ("grow conv1 \uff11", "a positive number"),
        ("betas 0.9", "two numbers"),
        ("betas 0.9,x", "two numbers"),
        ("batch-size 1.5", "a positive number"),
        ("plan", "required"),
        ("plan pause", "invalid choice"),
        ("pause --timeout 0", "a time in seconds"),
    ],
)
def test_what_is_not_understood_is_not_sent(capsys, run, words, sentence):
    status, out, err = ctl(capsys, *words.split())
    assert (status, out) == (2, "")
    assert sentence in err
    assert run.commands == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_action_has_help_with_an_example_that_works(capsys, run, verb):
    status, out, _ = ctl(capsys, verb.name, "--help")
    example = out.partition("example: deepeyes ctl demo ")[2].split()
    assert (status, example[0]) == (0, verb.name)
    assert ctl(capsys, *example)[0] == 0


def test_every_action_of_a_run_can_be_typed():
    typed = {verb.name for verb in VERBS} | {"plan"}
    words = {str(action) for action in Action} - {"hold", "set"} | {name.replace("_", "-") for name in HYPERPARAMETERS}
    assert typed == words | {"journal"}


@pytest.mark.parametrize("how", GROWTHS)
def test_every_way_to_grow_can_be_typed(capsys, run, how):
    assert ctl(capsys, "grow", "fc", "1", "--how", how.replace(" ", "-"))[0] == 0
    assert run.sent()[1]["how"] == how


@pytest.mark.parametrize("action", SURGERY)
def test_plans_have_help_too(capsys, action):
    status, out, _ = ctl(capsys, "plan", action, "--help")
    assert status == 0
    assert f"example: deepeyes ctl demo plan {action}" in out


def test_the_journal_outlives_its_run(capsys):
    run = claim_run("demo")
    assert ctl(capsys, "journal") == (0, "nothing was changed yet\n", "")
    for entry in ENTRIES:
        append(run.folder / JOURNAL, entry)
    run.remove_live()
    status, out, _ = ctl(capsys, "journal")
    head, first, second = out.splitlines()
    assert (status, head.split()) == (0, ["number", "time", "step", "who", "what", "before", "after"])
    assert first.split()[3:5] == ["300", "viewer"]
    assert first.split()[-2:] == ["20", "17"]
    assert second.index("deepeyes ctl (me)") == head.index("who")
    entries = json.loads(ctl(capsys, "journal", "--json")[1])["entries"]
    assert [(entry["number"], entry["undoes"]) for entry in entries] == [(1, None), (2, 1)]


def test_a_journal_that_could_not_be_written_does_not_say_that_nothing_was_changed(capsys):
    path = claim_run("demo").folder / JOURNAL
    code = "import resource, signal, sys; from pathlib import Path; from deepeyes_tui.link.journal import *"
    code += "; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); path = Path(sys.argv[1])"
    code += "; resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 8,) * 2)"
    code += "; append(path, Entry(3, 'set', 320, 0.0, 'ctl', 'lr 0.01 -> 0.001'))"
    path.touch()
    for count, kept in ((1, []), (2, ENTRIES[:1])):
        for entry in kept:
            append(path, entry)
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
        assert done.stderr.splitlines()[-1].startswith("OSError"), done.stderr
        status, out, err = ctl(capsys, "journal")
        assert (status, err) == (0, "")
        assert "nothing was changed" not in out
        assert f"{count} act{'s' if count > 1 else ''} could not be written here" in out
        told = json.loads(ctl(capsys, "journal", "--json")[1])
        assert (len(told["entries"]), told["missing"]) == (len(kept), count)
    append(path, ENTRIES[1])
    assert [entry["number"] for entry in json.loads(ctl(capsys, "journal", "--json")[1])["entries"]] == [1, 2]


def test_a_damaged_journal(capsys):
    run = claim_run("demo")
    (run.folder / JOURNAL).write_text("nonsense\n")
    status, _, err = ctl(capsys, "journal")
    assert (status, err) == (1, "deepeyes: this line is no entry of a journal\n")


def test_status_comes_from_the_board(capsys, run):
    assert ctl(capsys, "status") == (0, "demo: training, step 12, loss 0.5, accuracy 0.75\n", "")
    assert json.loads(ctl(capsys, "status", "--json")[1])["step"] == 12
    assert run.commands == []


def test_a_loss_that_is_lost_is_said(capsys, run):
    arrays, series = make_arrays(fill=0), (make_series("loss"),)
    status = Status(state=RunState.TRAINING, step=13, loss=float("nan"), published_at=time.time())
    make_writer(run.run.board).publish(status, arrays, series)
    assert ctl(capsys, "status") == (0, "demo: training, step 13, loss NaN\n", "")


def test_what_has_ended_is_said_to_have_and_which_runs_live(capsys, run):
    ended = claim_run("ended")
    status = Status(state=RunState.STOPPED, step=1389, accuracy=0.5, published_at=time.time())
    make_writer(ended.board).publish(status, make_arrays(fill=0))
    done = claim_run("done")
    make_writer(done.board).publish(status, make_arrays(fill=0))
    ended.update(exit_status=0, pid=_no_process())
    ended.remove_live()
    assert done.record().alive
    assert cli.main(["ctl", "ended", "prune", "conv1", "3"]) == 1
    said = "ended: the training has ended, there is nothing to steer (stopped at step 1389); runs that live: demo\n"
    assert capsys.readouterr().err == said
    assert cli.main(["ctl", "ended", "status"]) == 0
    assert capsys.readouterr().out == "ended: stopped at step 1389, accuracy 0.5\n"


def _no_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *((lost, "how much it changes is not known") for lost in (float("nan"), float("inf"), None)),
        (4e-7, "no change"),
        (3.2e-5, "changes by at most 0.0032% of its largest value"),
        (0.219, "changes by at most 21.9% of its largest value"),
        (25, "changes by at most 2,500% of its largest value"),
    ],
)
def test_the_change_of_the_output_in_words(change, said):
    assert f"  output         {said}" in plan_lines(replace(PREVIEW, change=change))
    assert not any("exact" in line for line in plan_lines(replace(PREVIEW, change=change, exact=True)))


def test_a_plan_that_changes_no_tensor_and_few_parameters_says_so():
    lines = plan_lines(replace(PREVIEW, parts=(), parameters=(1_000_000, 1_000_110)))
    assert "  tensors        none that there is changes its size" in lines
    assert lines[1].split()[-1] == "+110"


def test_what_is_not_judged_yet_is_not_said_to_be_alive(capsys):
    run = Run({"dead": [3]}, window=4)
    try:
        status, _, err = ctl(capsys, "prune", "features.0", "--dead")
    finally:
        run.end()
    needed = f"{LEAST_WINDOW} looks are needed"
    assert (status, err) == (1, f"deepeyes: no filter of features.0 is judged yet: {needed}\n")


def test_a_run_that_has_gone(capsys):
    claim_run("demo").remove_live()
    status, _, err = ctl(capsys, "prune", "conv1", "3")
    assert status == 1
    assert "the run is gone" in err


def test_a_run_that_is_starting(capsys):
    claim_run("demo")
    status, _, err = ctl(capsys, "prune", "conv1", "3", "--timeout", "0.1")
    assert (status, err) == (1, "demo: is starting: nothing to steer yet\n")


def test_a_run_that_listens_a_little_later_is_waited_for(capsys):
    claimed, made = claim_run("demo"), []
    begin = threading.Timer(0.3, lambda: made.append(Run({}, of=claimed)))
    begin.start()
    status, _, err = ctl(capsys, "pause")
    begin.join()
    made[0].end()
    assert (status, err, [command.action for command in made[0].commands]) == (0, "", ["pause"])


def test_a_run_that_does_not_answer_in_time(capsys):
    run = claim_run("demo")
    server = ControlServer(run.control)
    status, _, err = ctl(capsys, "undo", "--timeout", "0.1")
    server.close()
    assert status == 1
    assert "no answer within 0.1 s" in err


@pytest.mark.process
def test_neither_torch_nor_textual_is_needed(run):
    code = "import sys; from deepeyes_tui import cli; cli.main(['ctl', 'demo', 'plan', 'prune', '--dead'])"
    code += "; print([name for name in ('torch', 'textual', 'numba') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert PREVIEW.title in done.stdout


@pytest.fixture
def demo(tmp_path):
    """The demo, training in a process of its own."""
    command = [sys.executable, "-m", "deepeyes_tui", "demo", "--headless", "--steps", "100000", "--device", "cpu"]
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    yield process
    process.kill()
    process.wait()


@pytest.mark.process
def test_a_real_training_is_pruned_and_the_cut_undone(capsys, demo):
    deadline = time.monotonic() + 60
    while json.loads(_status(capsys) or "{}").get("step", 0) < 1:
        assert demo.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    planned = json.loads(ctl(capsys, "plan", "prune", "conv1", "3,7", "fc1", "0-9", "--json")[1])
    preview = Preview.from_json(planned["details"])
    assert preview.parameters == (431_080, 431_080 - 2 * 26 - 2 * 50 * 25 - 10 * 801 - 10 * 10)
    assert preview.exact
    status, out, _ = ctl(capsys, "prune", "conv1", "3,7", "fc1", "0-9")
    assert status == 0
    assert f"{preview.parameters[1]:,}" in out
    assert ctl(capsys, "prune", "conv1", "18")[0] == 1
    assert json.loads(ctl(capsys, "settings", "--json")[1])["details"]["undo"].startswith("prune conv1")
    assert ctl(capsys, "lr", "0.001")[0] == 0
    assert ctl(capsys, "undo")[0] == 0
    assert ctl(capsys, "undo")[0] == 1
    assert ctl(capsys, "stop")[0] == 0
    demo.wait(30)
    entries = json.loads(ctl(capsys, "journal", "--json")[1])["entries"]
    assert [entry["action"] for entry in entries] == ["prune", "set", "undo"]
    assert [entry["undoes"] for entry in entries] == [None, None, 1]


def _status(capsys):
    return ctl(capsys, "status", "--json")[1]
