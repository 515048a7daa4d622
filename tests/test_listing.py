"""`deepeyes ls` says how to free space, once there is much to be freed."""

import pytest

from deepeyes_tui import listing
from deepeyes_tui.cli import main
from deepeyes_tui.link.runs import claim_run


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
