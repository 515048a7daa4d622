"""What two ranks have seen together is what one process sees of the same data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import deepeyes_tui as deepeyes
from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.runs import find_run
from deepeyes_tui.probe import monitor as monitors
from deepeyes_tui.probe.probe import Probe

from .launching import forked, names_of_runs
from .training import LOOKS, batch, network, train_step, trainer

AS_ONE = 1e-5


def alone(steps: int, observed: list[int], monkeypatch: pytest.MonkeyPatch):
    """Train on the whole batches in this process, look at the same steps, and return the last picture."""

    class SameSteps(Probe):
        def _observes_next(self) -> bool:
            return self.step_number + 1 in observed

        def _judges_next(self) -> bool:
            return self._observes_next()

        def _tap(self, *inputs) -> None:
            super()._tap(*inputs)
            self._observer.observing = self._observer.keeps_output = self._observes_next()

    monkeypatch.setattr(monitors, "Probe", SameSteps)
    model = network()
    optimizer = trainer(model)
    with deepeyes.watch(model, optimizer=optimizer, name="alone", budget=1.0) as monitor:
        for step in range(1, steps + 1):
            inputs, targets = batch(step)
            monitor.step(loss=train_step(model, optimizer, inputs, targets), targets=targets)
    return picture("alone")


def picture(name: str):
    reader = BoardReader(find_run(name).board)
    try:
        return reader.read()
    finally:
        reader.close()


def test_the_ranks_are_shown_as_one(tmp_path, monkeypatch):
    with forked("training", tmp_path) as training:
        said = training.wait()
    assert "deepeyes" not in said
    assert names_of_runs() == ["ranks"]
    together = picture("ranks")
    (steps, observed, parameters), (as_many, seen_too, other) = (torch.load(tmp_path / str(rank)) for rank in range(2))
    assert (steps, observed) == (as_many, seen_too)
    assert len(observed) == LOOKS
    assert all(torch.equal(parameters[name], other[name]) for name in parameters)
    one = alone(steps, observed, monkeypatch)
    assert (together.status.ranks, one.status.ranks) == (2, 1)
    assert together.status.observed_steps == one.status.observed_steps == len(observed)
    assert together.status.notices == ()
    for name, values in one.arrays.items():
        np.testing.assert_allclose(together.arrays[name], values, rtol=AS_ONE, atol=AS_ONE, err_msg=name)
    assert np.count_nonzero(one.arrays["histogram"]) > 20
    for curve in ("loss", "accuracy"):
        mine, whole = together.series[curve], one.series[curve]
        shared = np.isin(whole.step, mine.step)
        assert shared.sum() >= LOOKS - 1
        np.testing.assert_allclose(mine.value[np.isin(mine.step, whole.step)], whole.value[shared], atol=AS_ONE)
    assert together.series["loss"].step[0] == 1
