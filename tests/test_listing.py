"""`deepeyes ls` says how to free space, once there is much to be freed."""

import json

import pytest

from deepeyes_tui import listing
from deepeyes_tui.cli import main
from deepeyes_tui.history import Recorder
from deepeyes_tui.link.runs import claim_run
from tests.history.states import make_state


@pytest.fixture
def run():
    made = claim_run("large")
    (made.folder / "history.sqlite").write_bytes(b"x" * 8192)
    return made


def test_nothing_is_said_of_little(run, capsys):
    assert main(["ls"]) == 0
    said = capsys.readouterr()
    assert "large" in said.out
    assert said.err == ""


def test_much_comes_with_the_commands_that_free_it(run, capsys, monkeypatch):
    monkeypatch.setattr(listing, "MUCH", 4096)
    assert main(["ls"]) == 0
    said = capsys.readouterr()
    assert "deepeyes rm --older 30d" in said.err
    assert "deepeyes rm" not in said.out
    assert main(["ls", "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_the_border_is_ten_gigabytes():
    assert listing.how_to_free(10**10 - 1) is None
    assert "12.3 GB" in (listing.how_to_free(12_340_000_000) or "")


def test_runs_can_be_named(run, capsys):
    claim_run("other")
    assert main(["ls", "large"]) == 0
    assert "other" not in capsys.readouterr().out
    assert main(["ls", "nowhere"]) == 1
    assert "there is no run 'nowhere'" in capsys.readouterr().err


def test_of_a_run_whose_last_board_was_lost_the_history_is_told(capsys):
    run = claim_run("full")
    recorder = Recorder(run.history)
    recorder.offer(make_state(40, loss=0.25))
    assert recorder.close()
    run.update(pid=2**22 + 5, exit_status=0)
    run.remove_live()
    assert main(["ls", "full", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["state"], told["step"], told["loss"]) == ("finished", 40, 0.25)
    assert "no model was found" not in told["sentence"]
    for command in (["report", "full"], ["ctl", "full", "status"]):
        main(command)
        said = "".join(capsys.readouterr())
        assert "deepeyes replay full shows what was recorded" in said
        assert "step 0" not in said
