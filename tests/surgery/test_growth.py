"""A grown network answers as before, in eval and in train mode, and its new filters learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from deepeyes_tui.surgery import SurgeryError, apply, plan_growth
from deepeyes_tui.surgery.plan import Fill, Plan, Role
from deepeyes_tui.surgery.running.comparing import difference

from .answers import answers, tolerated
from .architectures import CASES
from .architectures_case import Case
from .snapshots import assert_same, by_name, everything, train

torch.set_num_threads(1)
PLACES = {(case.build, case.layer): case for case in CASES}
"""One case of every layer of every architecture."""
GROWING = (
    "lenet, conv1",
    "lenet with NHWC, conv2",
    "lenet, fc1",
    "vgg, first convolution",
    "vgg, last convolution",
    "resnet, inside a block",
    "resnet, stem",
    "resnet, second stage's width",
    "densenet, first convolution",
    "densenet, layer in the middle",
    "mobilenet, pointwise",
    "mobilenet, the depthwise itself",
    "depthwise with a multiplier, both filters of a channel",
    "group norm, a whole group",
    "unet, first skip",
    "unet, transposed convolution",
    "vit, units of the perceptron",
    "vit, a whole head",
    "vit with separate layers, a head's values",
    "lstm, units",
    "gru of two layers, units",
    "weight norm",
    "words, width",
    "siamese, first layer",
)
"""What has to grow, not only to be refused."""


@pytest.mark.parametrize("how", ["random", "split"])
@pytest.mark.parametrize("case", PLACES.values(), ids=lambda case: case.name)
def test_grown_networks_answer_as_before_or_are_refused(case: Case, how: str) -> None:
    model, batch = case.model(), case.batch()
    before, found = answers(model, batch), everything(model)
    try:
        plan = plan_growth(model, case.layer, 2, batch, how=how)
    except SurgeryError:
        assert_same(everything(model), found)
        return
    assert plan.after.parameters > plan.before.parameters
    assert_same(everything(model.train()), found)
    apply(plan, model, inexact=True)
    for then, now in zip(before, answers(model, batch), strict=True):
        if plan.exact:
            assert difference(now, then) <= tolerated(then)
        else:
            assert plan.warnings


@pytest.mark.parametrize("name", GROWING)
def test_what_has_to_grow_is_not_refused(name: str) -> None:
    case = by_name(name)
    for how in ("random", "split"):
        plan = plan_growth(case.model(), case.layer, 2, case.batch(), how=how)
        assert plan.exact
        assert plan.change <= 1e-6


@pytest.mark.parametrize("name", ["lenet, conv1", "vgg, first convolution", "words tied to the output, width"])
def test_new_filters_learn(name: str) -> None:
    case = by_name(name)
    model, batch = case.model(), case.batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train(model, batch, [optimizer])
    plan = plan_growth(model, case.layer, 3, batch)
    apply(plan, model, optimizer)
    read = [one for one in plan.insertions if one.fill is Fill.ZERO and one.tensor.endswith("weight")]
    written = [one for one in plan.insertions if one.fill is Fill.RANDOM and one.tensor.endswith("weight")]
    start = [values(model, one) for one in written]
    losses = train(model, batch, [optimizer], 6)
    assert losses[-1] < losses[0]
    assert read
    assert all(bool(values(model, one).flatten(1).any(1).all()) for one in read)
    assert all(not torch.equal(values(model, one), old) for one, old in zip(written, start, strict=True))


def values(model: nn.Module, insertion: Any) -> Tensor:
    """Return the new slices of a tensor, first axis first."""
    tensor = dict(model.named_parameters())[insertion.tensor].detach()
    return tensor.index_select(insertion.axis, torch.tensor(insertion.indices)).movedim(insertion.axis, 0).clone()


def test_loss_falls_as_before() -> None:
    case = by_name("lenet, conv1")
    losses = []
    for growing in (False, True):
        model, batch = case.model(), case.batch()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        train(model, batch, [optimizer], 3)
        if growing:
            apply(plan_growth(model, "conv1", 4, batch), model, optimizer)
        losses.append(train(model, batch, [optimizer], 12))
    assert losses[1][0] == pytest.approx(losses[0][0], rel=1e-5)
    assert losses[1][-1] < losses[1][0] / 2
    assert losses[1][-1] < 1.5 * losses[0][-1]


def test_undone_growth_is_as_before() -> None:
    case = by_name("resnet, stem")
    model, batch = case.model(), case.batch()
    optimizer = torch.optim.Adam(model.parameters())
    train(model, batch, [optimizer])
    for how in ("random", "split", "random outgoing"):
        before = everything(model, [optimizer])
        apply(plan_growth(model, "conv", 3, batch, how=how), model, optimizer, inexact=True).undo()
        assert_same(everything(model, [optimizer]), before)


def lenet() -> tuple[nn.Module, Tensor]:
    case = by_name("lenet, conv1")
    return case.model(), case.batch()


def insertions(plan: Plan, tensor: str) -> Any:
    return next(one for one in plan.insertions if one.tensor == tensor)


def test_new_filters_stand_at_the_end() -> None:
    model, batch = lenet()
    plan = plan_growth(model, "conv2", 2, batch)
    assert plan.filters == (8, 9)
    assert insertions(plan, "fc1.weight").indices == tuple(range(128, 160))
    old = model.fc1.weight.detach().clone()
    apply(plan, model)
    assert (model.conv2.out_channels, model.fc1.in_features) == (10, 160)
    assert torch.equal(model.fc1.weight[:, :128], old)
    assert not model.fc1.weight[:, 128:].any()


def test_split_filter_is_copied_and_shares_what_reads_it() -> None:
    model, batch = lenet()
    plan = plan_growth(model, "conv1", 2, batch, how="split", source=1)
    assert plan.filters == (2, 3)
    old, reading = model.conv1.weight[1].detach().clone(), model.conv2.weight[:, 1].detach().clone()
    apply(plan, model)
    for number in (1, 2, 3):
        assert torch.equal(model.conv1.weight[number], old)
        torch.testing.assert_close(model.conv2.weight[:, number], reading / 3)


def test_random_outgoing_weights_change_the_output_and_say_so() -> None:
    model, batch = lenet()
    plan = plan_growth(model, "conv1", 2, batch, how="random outgoing")
    assert not plan.exact
    assert plan.change > 1e-3
    assert "output changes" in plan.warnings[0]
    apply(plan, model, inexact=True)
    assert bool(model.conv2.weight[:, 6:].abs().min() > 0)


def test_norms_start_as_norms_do() -> None:
    case = by_name("vgg, first convolution")
    model = case.model()
    apply(plan_growth(model, "0", 2, case.batch()), model)
    norm = model[1]
    found = {name: getattr(norm, name)[8:].tolist() for name in ("weight", "bias", "running_mean", "running_var")}
    assert found == {"weight": [1, 1], "bias": [0, 0], "running_mean": [0, 0], "running_var": [1, 1]}


def test_heads_come_whole() -> None:
    case = by_name("vit, a whole head")
    model = case.model()
    plan = plan_growth(model, case.layer, 2, case.batch())
    rows = len(plan.filters)
    assert rows > 2
    assert f"grows by {rows}, not by 2" in plan.warnings[0]
    assert any(one.after == one.before + 1 for one in plan.attributes)


def test_a_plan_is_the_same_with_the_same_seed_and_survives_json() -> None:
    model, batch = lenet()
    plan = plan_growth(model, "conv1", 2, batch, seed=5)
    assert Plan.from_json(plan.to_json()) == plan
    weights = []
    for seed in (5, 5, 6):
        grown, _ = lenet()
        apply(replace(plan, seed=seed), grown)
        weights.append(grown.conv1.weight[6:].detach())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_single_filter_grows() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3))
    batch = torch.randn(3, 1, 8, 8)
    before = model(batch)
    apply(plan_growth(model, "0", 4, batch), model)
    assert model[0].out_channels == 5
    torch.testing.assert_close(model(batch), before)


def test_hooks_of_others_do_not_notice() -> None:
    model, batch = lenet()
    seen: list[Any] = []
    model.conv1.register_forward_hook(lambda *_: seen.append(1))
    plan_growth(model, "conv1", 1, batch)
    assert not seen


@pytest.mark.parametrize(
    ("layer", "count", "options", "word"),
    [
        ("conv1", 0, {}, "1 to 65536"),
        ("conv1", -3, {}, "1 to 65536"),
        ("conv1", 65537, {}, "1 to 65536"),
        ("conv1", 2.5, {}, "2.5"),
        ("conv1", True, {}, "True"),
        ("conv1", 1, {"how": "by magic"}, "by magic"),
        ("conv1", 1, {"how": "split", "source": 6}, "no filter 6"),
        ("conv1", 1, {"how": "split", "source": -1}, "no filter -1"),
        ("conv1", 1, {"source": 2}, "split"),
        ("conv9", 1, {}, "conv9"),
        ("fc2", 1, {}, "output"),
        ("", 1, {}, "no filters"),
    ],
)
def test_refusals(layer: str, count: Any, options: dict[str, Any], word: str) -> None:
    model, batch = lenet()
    before = everything(model)
    with pytest.raises(SurgeryError, match=word) as caught:
        plan_growth(model, layer, count, batch, **options)
    assert "\n" not in str(caught.value)
    assert_same(everything(model), before)


def test_what_reads_is_known_by_its_role() -> None:
    model, batch = lenet()
    fills = {one.tensor: (one.role, one.fill) for one in plan_growth(model, "conv1", 1, batch).insertions}
    assert fills == {
        "conv1.weight": (Role.WRITES, Fill.RANDOM),
        "conv1.bias": (Role.WRITES, Fill.RANDOM),
        "conv2.weight": (Role.READS, Fill.ZERO),
    }
