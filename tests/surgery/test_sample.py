"""How many rows of a batch a network is asked with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepeyes_tui.surgery.sample import Sample


@pytest.mark.parametrize(
    ("batch", "rows"),
    [
        (torch.zeros(64, 1, 28, 28), 32),
        (torch.zeros(5, 3), 5),
        (torch.zeros(64, 3, 32, 32), 8),
        (torch.zeros(8, 3, 224, 224), 2),
        (torch.zeros(64, 16, dtype=torch.long), 32),
        (torch.zeros(64, 1024, dtype=torch.long), 2),
    ],
)
def test_small_rows_are_many(batch: Tensor, rows: int) -> None:
    few = Sample.of({"x": batch}).few()
    assert len(few.kwargs["x"]) == rows


def test_what_has_no_rows_stays() -> None:
    assert Sample.of((torch.tensor(3.0), 7)).few().args == (torch.tensor(3.0), 7)
