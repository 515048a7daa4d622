"""`torchrun -m deepeyes_tui run SCRIPT`: one run for all ranks, that trains as without us until it is told."""

from __future__ import annotations

import pytest

from deepeyes_tui.cli import main
from deepeyes_tui.link.messages import Action
from deepeyes_tui.link.snapshot import Snapshot

from .launching import ROOT, forked, names_of_runs, step_of, torchrun
from .unmodified import EPOCHS, STEPS

SCRIPT = ROOT / "tests" / "distributed" / "unmodified.py"


def epochs(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("epoch")]


def means(snapshot: Snapshot) -> list[float]:
    """Return the mean of the losses that were noted in each epoch."""
    losses = snapshot.series["loss"]
    assert losses.step.tolist() == list(range(1, EPOCHS * STEPS + 1))
    return losses.value.reshape(EPOCHS, STEPS).mean(1).tolist()


def test_a_script_in_two_ranks_is_one_run(capsys):
    with forked("unmodified", 0) as training:
        expected = epochs(training.wait())
    assert len(expected) == EPOCHS
    with torchrun(["-m", "deepeyes_tui", "run", SCRIPT], name="unmodified") as training:
        training.until(lambda snapshot: snapshot.status.step > STEPS and snapshot.layer(0).observed > 2)
        paused = step_of(training.done(Action.PAUSE))
        for words in ("prune 0 1,3", "undo", "lr 0.05", "resume"):
            assert main(["ctl", "unmodified", *words.split()]) == 0, capsys.readouterr()
            assert f"at step {paused}" in capsys.readouterr().out
        said = training.wait()
    assert names_of_runs() == ["unmodified"]
    status = training.snapshot().status
    assert (status.ranks, status.notices, status.step) == (2, (), EPOCHS * STEPS)
    same = paused // STEPS
    assert 0 < same < EPOCHS
    assert epochs(said)[:same] == expected[:same]
    assert epochs(said)[-1] != expected[-1]
    printed = [float(line.split()[-1]) for line in epochs(said)]
    assert means(training.snapshot())[:-1] == pytest.approx(printed[:-1], abs=1e-5)  # at its end rank 0 is alone
    assert said.count("deepeyes: watches Sequential") == 1
