"""What a model costs is what torch's own counter says, wherever that can be asked."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from deepeyes_tui.surgery import cost
from deepeyes_tui.surgery.running.quiet import first_tensor, output_of
from deepeyes_tui.surgery.sample import Sample

from .architectures import CASES

BUILDERS = {case.build: case for case in CASES}


@pytest.mark.parametrize("case", list(BUILDERS.values())[::9], ids=lambda case: case.name)
def test_multiply_adds_are_those_of_torchs_counter(case):
    model, sample = case.model(), Sample.of(case.batch())
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        output_of(model, sample)
    rows = len(first_tensor(sample))
    counted = cost(model, sample)
    assert counted.multiply_adds == round(counter.get_total_flops() // 2 / rows)
    assert counted.parameters == sum(parameter.numel() for parameter in model.parameters())
