"""Networks made by lot, random filters of a random layer: refused, or equal to masking. Never silently wrong."""

from __future__ import annotations

import copy
from collections import Counter
from random import Random

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.removal import plan_removal

from .architectures_by_lot import STEPS, lottery
from .architectures_case import lively
from .masking import output, outputs_differ, reads_masked, shapes_after, writes_masked

torch.set_num_threads(1)
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
EXAMPLES = 200
TOLERANCE = 5e-6
"""Of the output's magnitude: sums over many channels come in another order once some are gone."""


def test_cuts_of_random_networks_are_exact_or_refused():
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=8), st.integers(0, 2**31))
    def cut_one(steps, seed):
        outcomes[cut(*lottery(steps, seed), Random(seed))] += 1

    cut_one()
    assert outcomes["refused"] < sum(outcomes.values()) / 2, outcomes
    assert outcomes["exact"] > EXAMPLES / 3, outcomes


def cut(model: nn.Module, batch: Tensor, lot: Random) -> str:
    """Cut filters of a layer by lot; return what came of it."""
    model = lively(model).train()
    layer, filters = drawn(model, lot)
    before = copy.deepcopy(model.state_dict())
    try:
        plan = plan_removal(model, layer, filters, batch)
    except SurgeryError:
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
        return "refused"
    check(model, batch, plan)
    return "exact" if plan.exact else "inexact"


def drawn(model: nn.Module, lot: Random) -> tuple[str, tuple[int, ...]]:
    """Return a layer, any but the last, and one to three of its filters."""
    layers = [path for path, module in model.named_modules() if isinstance(module, LAYERS) and path != "head"]
    layer = lot.choice(layers)
    module = model.get_submodule(layer)
    width = module.out_features if isinstance(module, nn.Linear) else module.out_channels
    return layer, tuple(sorted(lot.sample(range(width), lot.randint(1, min(3, width - 1)))))


def check(model: nn.Module, batch: Tensor, plan: Plan) -> None:
    """Whether nobody reads the channels or nobody writes them: the cut model says the same."""
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    unread, unwritten = reads_masked(copy.deepcopy(model), plan), writes_masked(copy.deepcopy(model), plan)
    apply(plan, model, inexact=not plan.exact)
    assert {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} == shapes_after(shapes, plan)
    now = output(model, batch)
    assert outputs_differ(output(unread, batch), now) <= TOLERANCE
    assert outputs_differ(output(unwritten, batch), now) <= TOLERANCE
