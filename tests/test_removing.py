"""`deepeyes rm` and what `ls` says of the disk."""

import json
import os
import time

import pytest

from deepeyes_tui import cli
from deepeyes_tui.link.runs import claim_run, list_runs


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115, PTH123


def ended(name, age=0.0, size=0):
    run = claim_run(name)
    run.update(exit_status=0, created=time.time() - age)
    (run.folder / "history.sqlite").write_bytes(b"x" * size)
    run.remove_live(keep_board=False)
    return run


def names():
    return {run.name for run in list_runs()}


def rm(capsys, *arguments):
    try:
        status = cli.main(["rm", *arguments])
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_named_runs_are_removed_and_the_bytes_told(capsys):
    for name in ("a", "b", "c"):
        ended(name, size=2_000_000)
    status, out, err = rm(capsys, "a", "b", "--yes")
    assert (status, err) == (0, "")
    assert "4.0 MB freed" in out
    assert names() == {"c"}


def test_nothing_is_removed_without_a_yes(capsys, monkeypatch):
    ended("a")
    status, _, err = rm(capsys, "a")
    assert status == 1
    assert "--yes" in err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, left in (("", {"a"}), ("no", {"a"}), ("y", set())):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        rm(capsys, "a")
        assert names() == left


def test_a_dry_run_removes_nothing(capsys):
    ended("a", size=5000)
    status, out, _ = rm(capsys, "a", "--dry-run", "--yes")
    assert status == 0
    assert "1 run would be removed" in out
    assert names() == {"a"}


def test_old_ones_and_all_but_the_newest(capsys):
    for number in range(4):
        ended(f"run{number}", age=number * 86400 + 60)
    rm(capsys, "--older", "3d", "--yes")
    assert names() == {"run0", "run1", "run2"}
    rm(capsys, "--keep", "2", "--older", "1h", "--yes")
    assert names() == {"run0", "run1"}
    rm(capsys, "--keep", "1", "--yes")
    assert names() == {"run0"}
    assert "nothing to remove" in rm(capsys, "--keep", "5", "--yes")[1]


def test_a_run_that_is_under_way_is_refused_and_passed_over(capsys):
    run = claim_run("live")
    status, _, err = rm(capsys, "live", "--yes")
    assert status == 1
    assert "under way" in err
    assert rm(capsys, "--keep", "0", "--yes")[0] == 0
    assert names() == {"live"}
    run.remove_live(keep_board=False)


def test_links_are_removed_and_not_what_they_lead_to(capsys, tmp_path):
    run = ended("a")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x" * 100_000)
    (run.folder / "folder").symlink_to(tmp_path / "precious")
    (run.folder / "deeper").mkdir()
    (run.folder / "deeper" / "file").symlink_to(tmp_path / "precious" / "file")
    out = rm(capsys, "a", "--yes")[1]
    assert names() == set()
    assert (tmp_path / "precious" / "file").stat().st_size == 100_000
    assert "MB" not in out


def test_a_run_that_is_itself_a_link_is_no_run(capsys, tmp_path):
    run = ended("a")
    outside = tmp_path / "outside"
    run.folder.rename(outside)
    run.folder.symlink_to(outside)
    assert rm(capsys, "a", "--yes")[0] == 1
    assert (outside / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name the runs"),
        (("a", "--keep", "1"), "not both"),
        (("nothing",), "there is no run 'nothing'"),
        (("lon",), "did you mean long-name"),
        (("--older", "soon"), "is no age"),
        (("--keep", "-1"), "number of runs"),
    ],
)
def test_what_is_asked_for_wrongly_is_said(capsys, arguments, words):
    ended("a")
    ended("long-name")
    status, _, err = rm(capsys, *arguments)
    assert status in (1, 2)
    assert words in err
    assert names() == {"a", "long-name"}


def test_ls_tells_size_and_history(capsys):
    ended("a", size=3_000_000)
    assert cli.main(["ls"]) == 0
    assert "3.0 MB  yes" in capsys.readouterr().out
    cli.main(["ls", "--json"])
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["history"] is True
    assert entry["size"] >= 3_000_000
