"""New slices hold what they are said to hold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepeyes_tui.link.messages import GROWTHS
from deepeyes_tui.surgery.editing.fills import new_slices
from deepeyes_tui.surgery.growing.insertions import How, grown, insertion
from deepeyes_tui.surgery.plan import Attribute, Cut, Fill, Insertion, Role


def slices(tensor: Tensor, sources: tuple[int, ...], fill: Fill, axis: int = 1) -> tuple[Tensor, Tensor | None]:
    indices = tuple(range(len(sources)))
    one = Insertion("weight", axis, tensor.shape[axis], indices, sources, fill, Role.READS)
    return new_slices(tensor, one, torch.Generator().manual_seed(4))


WEIGHT = torch.randn(40, 6, generator=torch.Generator().manual_seed(1)) * 3 + 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_random_slices_have_the_mean_and_the_spread_of_the_tensor(dtype: torch.dtype) -> None:
    values, changed = slices(WEIGHT.to(dtype), (0,) * 200, Fill.RANDOM)
    assert changed is None
    assert (values.dtype, values.shape) == (dtype, (40, 200))
    assert float(values.float().mean()) == pytest.approx(float(WEIGHT.mean()), abs=0.2)
    assert float(values.float().std()) == pytest.approx(float(WEIGHT.std()), rel=0.05)


def test_random_slices_are_the_same_with_the_same_seed_and_leave_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    first, _ = slices(WEIGHT, (0, 1), Fill.RANDOM)
    again, _ = slices(WEIGHT, (0, 1), Fill.RANDOM)
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("fill", "value"), [(Fill.ZERO, 0), (Fill.ONE, 1)])
def test_constant_slices(fill: Fill, value: int) -> None:
    values, changed = slices(WEIGHT, (2, 2, 5), fill)
    assert changed is None
    assert torch.equal(values, torch.full((40, 3), float(value)))


def test_copies_are_as_their_sources() -> None:
    values, changed = slices(WEIGHT, (5, 2), Fill.COPY)
    assert changed is None
    assert torch.equal(values, WEIGHT[:, [5, 2]])


def test_whole_numbers_are_copied_where_random_ones_are_asked_for() -> None:
    values, _ = slices(torch.arange(6).reshape(2, 3), (2,), Fill.RANDOM)
    assert values.tolist() == [[2], [5]]


def test_shared_slices_and_what_is_left_of_their_sources_sum_up_to_the_sources() -> None:
    values, changed = slices(WEIGHT, (4, 1, 4), Fill.SHARED)
    assert changed is not None
    assert torch.equal(values[:, 0], values[:, 2])
    torch.testing.assert_close(changed[:, 0] + values[:, 1], WEIGHT[:, 1])
    torch.testing.assert_close(changed[:, 1] + values[:, 0] + values[:, 2], WEIGHT[:, 4])


def test_new_slices_stand_behind_every_run_of_the_template() -> None:
    cut = Cut("weight", 1, 8, (1, 2, 6), Role.READS)
    one = insertion(cut, 2, Fill.ZERO)
    assert one.indices == (3, 4, 5, 6, 11, 12)
    assert one.sources == (1, 2, 1, 2, 6, 6)
    assert one.size_after == 14


@pytest.mark.parametrize(
    ("before", "after", "then"), [(20, 19, 23), (48, 44, 60), ((12, 5), (11, 5), (15, 5))], ids=["one", "head", "shape"]
)
def test_sizes_grow_by_what_they_would_shrink_by(before: object, after: object, then: object) -> None:
    assert grown(Attribute("layer", "size", before, after), 3) == Attribute("layer", "size", before, then)


def test_ways_to_grow_are_called_as_in_messages() -> None:
    assert tuple(How) == GROWTHS
