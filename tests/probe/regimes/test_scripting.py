"""`torch.jit.script` compiles a watched model as it would compile it without the monitor."""

import copy

import pytest
import torch
from torch import nn

import deepeyes_tui as deepeyes

from .twins import batches, plain


def doubled(self, input: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    return 2 * output


def small_rows():
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("way", [lambda model: model, copy.deepcopy])
def test_a_watched_model_can_be_scripted_and_goes_on_being_watched(way):
    model, rows = small_rows(), torch.ones(2, 8)
    model[2].register_forward_hook(doubled)
    with deepeyes.watch(model, name="scripted") as monitor:
        plain(model, monitor, batches(2, shape=(8,)))
        model[0].register_forward_hook(doubled)
        hooks = [list(part._forward_hooks.items()) for part in model.modules()]
        scripted = torch.jit.script(way(model))
        assert [list(part._forward_hooks.items()) for part in model.modules()] == hooks
        assert len(hooks[-1]) > 1
        torch.testing.assert_close(scripted(rows), model(rows))
    assert len(getattr(scripted, "2")._forward_hooks) == 1
