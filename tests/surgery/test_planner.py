"""The planner: what code between layers does is found by asking, and nobody notices."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growth import plan_growth
from deepeyes_tui.surgery.plan import Plan, Role
from deepeyes_tui.surgery.planning.closure import couple
from deepeyes_tui.surgery.rehearsal import carried_out
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.sample import Sample


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        yield


class Coded(nn.Module):
    """Two convolutions and a linear layer with code of the test's between them."""

    def __init__(self, code: Callable[[Coded, Tensor, Tensor], Tensor], width: int = 6, columns: int = 6) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, width, 3), nn.Conv2d(1, width, 3)
        self.code = code
        self.out = nn.Linear(columns, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.code(self, self.one(x), self.two(x)).mean((2, 3)))


def pictures(*shape: int) -> Tensor:
    return torch.randn(*(shape or (4, 1, 8, 8)))


def indices(plan: Plan) -> dict[tuple[str, int], tuple[int, ...]]:
    return {(cut.tensor, cut.axis): cut.indices for cut in plan.cuts}


def run(model: nn.Module, sample: Any) -> Any:
    asked = Sample.of(sample)
    with torch.no_grad():
        return model.eval()(*asked.args, **asked.kwargs)


def check_equals_masked(model: nn.Module, plan: Plan, sample: Any, tolerance: float = 1e-6) -> None:
    """The cut model is the one whose readers see nothing of the filters: masked here, not by the planner's own code."""
    masked = copy.deepcopy(model)
    tensors = dict(masked.named_parameters())
    for cut in plan.cuts:
        if cut.role is Role.READS:
            tensors[cut.tensor].data.index_fill_(cut.axis, torch.tensor(cut.indices), 0.0)
    expected, whole = run(masked, sample), run(model, sample)
    with carried_out(plan, model):
        found = run(model, sample)
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * float(expected.abs().max()))
    assert not torch.allclose(whole, expected)


def planned(code: Callable[[Coded, Tensor, Tensor], Tensor], columns: int = 6, filters: tuple[int, ...] = (1,)) -> Plan:
    """Plan and check a cut of `one` with `code` behind it."""
    model, sample = Coded(code, columns=columns), pictures()
    plan = plan_removal(model, "one", filters, sample)
    assert plan.exact
    check_equals_masked(model, plan, sample)
    return plan


def test_a_flatten_makes_columns_of_each_filter() -> None:
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(5 * 36, 3))
    sample = pictures()
    plan = plan_removal(model, "0", [4, 2], sample)
    assert plan.filters == (2, 4)
    assert indices(plan)["3.weight", 1] == (*range(72, 108), *range(144, 180))
    check_equals_masked(model, plan, sample)


def test_what_is_added_goes_too() -> None:
    plan = planned(lambda net, one, two: one + two)
    assert indices(plan)["two.weight", 0] == indices(plan)["one.weight", 0] == (1,)


def test_what_is_concatenated_stays() -> None:
    plan = planned(lambda net, one, two: torch.cat((two, one), 1), columns=12)
    assert indices(plan) == {("one.weight", 0): (1,), ("one.bias", 0): (1,), ("out.weight", 1): (7,)}


def test_detached_filters_are_found_without_gradients() -> None:
    plan = planned(lambda net, one, two: one + two.detach())
    assert indices(plan)["two.weight", 0] == (1,)


def test_what_is_computed_without_gradients_is_found() -> None:
    def code(net: Coded, one: Tensor, two: Tensor) -> Tensor:
        with torch.no_grad():
            return one.relu() + two * 2

    assert indices(planned(code))["two.weight", 0] == (1,)


def test_a_nonlinearity_that_loses_nan_is_seen_through() -> None:
    plan = planned(lambda net, one, two: torch.where(one > 0, one, torch.zeros_like(one)) + two)
    assert indices(plan)["out.weight", 1] == (1,)
    plan = planned(lambda net, one, two: torch.nan_to_num(one) + two)
    assert indices(plan)["out.weight", 1] == (1,)


def test_filters_whose_negatives_are_kept_too() -> None:
    plan = planned(lambda net, one, two: torch.cat((one.relu(), (-one).relu()), 1) + torch.cat((two, two), 1), 12)
    assert indices(plan)["out.weight", 1] == (1, 7)
    assert indices(plan)["two.weight", 0] == (1,)


def test_maxout_takes_the_pair() -> None:
    plan = planned(lambda net, one, two: one.unflatten(1, (-1, 2)).amax(2), columns=3)
    assert indices(plan)["one.weight", 0] == (0, 1)
    assert indices(plan)["out.weight", 1] == (0,)


def test_a_gate_of_one_channel_stays() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.gate, self.out = nn.Linear(5, 6), nn.Linear(6, 1), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.one(x).tanh()
            return self.out(x * self.gate(x).sigmoid())

    model, sample = Gated(), torch.randn(4, 5)
    plan = plan_removal(model, "one", [0, 5], sample)
    assert indices(plan)["gate.weight", 1] == indices(plan)["out.weight", 1] == (0, 5)
    assert ("gate.weight", 0) not in indices(plan)
    check_equals_masked(model, plan, sample)


class Own(nn.Module):
    """Tensors of its own: a vector, a position embedding, a scalar, a buffer, and a matrix that makes filters."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.out = nn.Linear(5, 6), nn.Linear(6, 3)
        self.scale, self.warmth = nn.Parameter(torch.rand(6)), nn.Parameter(torch.zeros(()))
        self.position = nn.Parameter(torch.zeros(1, 9, 6))
        self.matrix = nn.Parameter(torch.randn(6, 5))
        self.register_buffer("centre", torch.zeros(6))

    def forward(self, x: Tensor) -> Tensor:
        added = F.linear(x, self.matrix) + self.position[:, : x.shape[1]]
        return self.out((self.enter(x) * self.scale * (1 + self.warmth) + added - self.centre).relu())


def test_own_tensors_are_cut_where_they_belong() -> None:
    model, sample = Own(), torch.randn(4, 7, 5)
    plan = plan_removal(model, "enter", [2], sample)
    own = {name: axis for name, axis in indices(plan) if "." not in name}
    assert own == {"scale": 0, "position": 2, "matrix": 0, "centre": 0}
    check_equals_masked(model, plan, sample)


def test_own_tensors_are_found_without_gradients_too() -> None:
    class Detached(Own):
        def forward(self, x: Tensor) -> Tensor:
            added = self.position[:, : x.shape[1]].detach() * (1 + self.warmth.detach())
            return self.out((self.enter(x) + added).relu())

    model, sample = Detached(), torch.randn(4, 7, 5)
    plan = plan_removal(model, "enter", [2, 4], sample)
    assert {name for name in indices(plan) if "." not in name[0]} == {("position", 2)}
    check_equals_masked(model, plan, sample)


def test_a_norm_whose_tensors_the_code_uses() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.norm, self.out = nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            norm = self.norm
            parts = norm.running_mean, norm.running_var, norm.weight, norm.bias
            return self.out(F.batch_norm(self.one(x), *parts, training=False))

    model, sample = Functional(), torch.randn(4, 5)
    plan = plan_removal(model, "one", [2], sample)
    assert indices(plan)["norm.running_var", 0] == indices(plan)["norm.bias", 0] == (2,)
    assert [one.after for one in plan.attributes if one.module == "norm"] == [5]
    check_equals_masked(model, plan, sample)


class Experts(nn.Module):
    """Each row goes to one of several layers."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.gate, self.out = nn.Linear(5, 6), nn.Linear(6, 4), nn.Linear(6, 3)
        self.experts = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        chosen = self.gate(x).argmax(-1)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows = (chosen == number).nonzero().flatten()
            y = y.index_add(0, rows, expert(x[rows])) if len(rows) else y
        return self.out(x + y)


def test_rows_that_go_other_ways_are_asked_all() -> None:
    model = Experts()
    plan = plan_removal(model, "enter", [2], torch.randn(64, 5))
    assert all(indices(plan)[f"experts.{number}.weight", 0] == (2,) for number in range(4))
    assert not plan.warnings
    with pytest.raises(SurgeryError, match=r"experts\.\d did not run on the sample and may read these filters: give a"):
        plan_removal(model, "enter", [2], torch.randn(2, 5))
    with pytest.raises(SurgeryError, match=r"experts\.\d did not run on the sample"):
        plan_growth(model, "enter", 1, torch.randn(2, 5))


class Spare(nn.Module):
    """Has layers and parameters that its forward pass does not use, and one whose weight alone it uses."""

    def __init__(self, odd: int) -> None:
        super().__init__()
        self.enter, self.out, self.direct = nn.Linear(5, 6), nn.Linear(6, 3), nn.Linear(5, 6)
        self.spare = nn.Linear(odd, 2)
        self.centres = nn.Parameter(torch.zeros(2, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.enter(x).relu() + F.linear(x, self.direct.weight, self.direct.bias))


def test_what_is_not_used_is_warned_of() -> None:
    model = Spare(7)
    model.enter.weight.register_hook(lambda gradient: gradient * 2)
    plan = plan_removal(model, "enter", [2], torch.randn(4, 5))
    assert indices(plan)["direct.weight", 0] == (2,)
    said = ["spare did not run", "centres is not read by the forward pass", "gradient of enter.weight goes through"]
    assert all(part in warning for part, warning in zip(said, plan.warnings, strict=True))
    assert plan.exact


@pytest.mark.parametrize("odd", [6, 12])
def test_layers_that_may_read_the_filters_have_to_run(odd: int) -> None:
    with pytest.raises(SurgeryError, match="spare did not run on the sample and may read these filters"):
        plan_removal(Spare(odd), "enter", [2], torch.randn(4, 5))


def test_memory_formats_are_kept_while_asking() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.out = nn.Conv2d(3, 6, 3), nn.Linear(6 * 36, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.one(x).permute(0, 2, 3, 1).view(len(x), -1))

    model = Views().to(memory_format=torch.channels_last)
    sample = pictures(4, 3, 8, 8).to(memory_format=torch.channels_last)
    assert indices(plan_removal(model, "one", [1], sample))["out.weight", 1] == tuple(range(1, 216, 6))


class Auxiliary(nn.Module):
    """A second classifier, in training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.out, self.second = nn.Linear(5, 6), nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Any:
        x = self.one(x).relu()
        return (self.out(x), self.second(x)) if self.training else self.out(x)


def test_layers_that_only_training_calls_go_along() -> None:
    model, sample = Auxiliary(), torch.randn(4, 5)
    plan = plan_removal(model, "one", [3], sample)
    assert indices(plan)["second.weight", 1] == (3,)


@dataclass
class Found:
    score: Tensor
    note: str = "fine"


def test_outputs_of_any_form() -> None:
    forms: list[Callable[[Tensor], Any]] = [
        lambda y: (y, [y * 2]),
        lambda y: {"score": y, "none": None},
        Found,
        lambda y: torch.distributions.Normal(y, torch.ones_like(y)),
    ]
    for form in forms:
        model = Wrapped(form)
        plan = plan_removal(model, "one", [1], {"x": torch.randn(4, 5), "scale": 2.0})
        assert indices(plan)["out.weight", 1] == (1,)
        with pytest.raises(ValueError, match="output"):
            plan_removal(model, "out", [1], {"x": torch.randn(4, 5), "scale": 2.0})


class Wrapped(nn.Module):
    def __init__(self, form: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.one, self.out, self.form = nn.Linear(5, 6), nn.Linear(6, 3), form

    def forward(self, x: Tensor, scale: float) -> Any:
        return self.form(self.out(self.one(x).relu()) * scale)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_passages(reentrant: bool) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter, self.one, self.two, self.out = (nn.Linear(6, 6) for _ in range(4))

        def inner(self, x: Tensor) -> Tensor:
            return self.one(x).relu() + self.two(x)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(checkpoint(self.inner, self.enter(x), use_reentrant=reentrant))

    model, sample = Checkpointed(), torch.randn(4, 6)
    plan = plan_removal(model, "one", [3], sample)
    assert indices(plan)["two.weight", 0] == indices(plan)["out.weight", 1] == (3,)
    check_equals_masked(model, plan, sample)


def test_packed_sequences() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.rnn, self.out = nn.Embedding(11, 6), nn.GRU(6, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
            packed = pack_padded_sequence(self.words(x), lengths, batch_first=True, enforce_sorted=False)
            return self.out(pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0])

    model, sample = Packed(), (torch.randint(11, (4, 6)), torch.tensor([6, 3, 5, 6]))
    for layer, filters in (("words", [0, 5]), ("rnn", [2])):
        plan = plan_removal(model, layer, filters, sample)
        check_equals_masked(model, plan, sample)
    assert indices(plan)["rnn.weight_hh_l0", 0] == (2, 7, 12)
    assert indices(plan)["rnn.weight_hh_l0", 1] == indices(plan)["out.weight", 1] == (2,)


def test_a_number_of_heads_follows() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads, self.size = 4, 3
            self.q, self.k, self.v = (nn.Linear(6, 12) for _ in range(3))
            self.out = nn.Linear(12, 2)

        def forward(self, x: Tensor) -> Tensor:
            n, t, _ = x.shape
            q, k, v = (part(x).view(n, t, self.heads, self.size).transpose(1, 2) for part in (self.q, self.k, self.v))
            return self.out((torch.softmax(q @ k.mT / 2, -1) @ v).transpose(1, 2).reshape(n, t, -1))

    model, sample = Heads(), torch.randn(4, 5, 6)
    plan = plan_removal(model, "q", [4], sample)
    assert indices(plan)["v.weight", 0] == indices(plan)["out.weight", 1] == (3, 4, 5)
    assert [(one.name, one.after) for one in plan.attributes if one.module == ""] == [("heads", 3)]
    check_equals_masked(model, plan, sample)


def test_a_layer_that_is_called_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter, self.again, self.out = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.again(self.again(self.enter(x)).relu()).relu())

    model, sample = Twice(), torch.randn(4, 4)
    plan = plan_removal(model, "enter", [1], sample)
    assert indices(plan)["again.weight", 0] == indices(plan)["again.weight", 1] == (1,)
    check_equals_masked(model, plan, sample)


def test_the_fused_path_of_torchs_transformer_is_not_taken() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    model, sample = nn.Sequential(layer, nn.Linear(8, 3)).eval(), torch.randn(4, 5, 8)
    before = torch.backends.mha.get_fastpath_enabled()
    plan = plan_removal(model, "0.linear1", [1, 11], sample)
    assert indices(plan)["0.linear2.weight", 1] == (1, 11)
    assert torch.backends.mha.get_fastpath_enabled() == before
    check_equals_masked(model, plan, sample)


def test_a_layer_norm_over_the_filters_is_warned_of() -> None:
    model, sample = nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Linear(6, 3)), torch.randn(4, 5)
    plan = plan_removal(model, "0", [2], sample)
    assert not plan.exact
    assert "1 normalises" in plan.warnings[0]
    assert [one.after for one in plan.attributes if one.module == "1"] == [(5,)]


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_wrapped_models_have_the_paths_of_the_network_inside(wrap: Callable[[nn.Module], nn.Module]) -> None:
    inner, sample = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), torch.randn(4, 5)
    plan = plan_removal(wrap(inner), "0", [2], sample)
    assert plan == plan_removal(inner, "0", [2], sample)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_precisions(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(180, 3)).to(dtype)
    plan = plan_removal(model, "0", [2], pictures().to(dtype))
    assert plan.exact
    assert indices(plan)["4.weight", 1] == tuple(range(72, 108))


def test_inputs_without_a_batch_in_front() -> None:
    """Not every network runs on the first rows of its input."""
    model = nn.Sequential(nn.Flatten(0), nn.Linear(60, 7), nn.Linear(7, 3))
    assert indices(plan_removal(model, "1", [2], torch.randn(12, 5)))["2.weight", 1] == (2,)


class Noting(nn.Module):
    """Keeps count of its calls, keeps what it saw, and has a buffer that moves."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.drop = nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
        self.out = nn.Linear(6, 3)
        self.calls, self.seen = 0, None
        self.register_buffer("moving", torch.zeros(6))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        x = self.drop(self.norm(self.one(x)))
        self.moving.mul_(0.9).add_(x.detach().mean(0))
        self.seen = x
        return self.out(x - self.moving)


def test_nobody_notices() -> None:
    model, sample = Noting().train(), torch.randn(4, 5)
    model.norm.eval()
    model.one.weight.requires_grad_(False)
    model(sample).sum().backward()
    heard: list[str] = []
    for module in model.modules():
        module.register_forward_hook(lambda *call: heard.append("after"))
        module.register_forward_pre_hook(lambda *call: heard.append("before"))
    before = _everything(model, sample)
    plan_removal(model, "one", [1], sample)
    with pytest.raises(ValueError, match="output"):
        plan_removal(model, "out", [1], sample)
    assert before == _everything(model, sample)
    assert not heard
    model(sample)
    assert len(heard) == 2 * 5


def _everything(model: Noting, sample: Tensor) -> list[Any]:
    """All that could change, tensors by their objects, places in memory, versions and values."""
    tensors = [*model.parameters(), *model.buffers()]
    gradients = [one.grad for one in model.parameters()]
    return [
        [(id(one), one.data_ptr(), one._version, one.requires_grad, one.tolist()) for one in tensors],
        [None if one is None else (id(one), one.tolist()) for one in gradients],
        [(id(module), module.training, sorted(module.__dict__)) for module in model.modules()],
        [model.calls, id(model.seen), sample.tolist(), sample.requires_grad],
        [torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())],
        [torch.is_grad_enabled(), torch.backends.mha.get_fastpath_enabled()],
    ]


def test_a_coupling_may_hold_the_whole_layer_where_that_is_wanted() -> None:
    model = nn.Sequential(nn.Linear(5, 1), nn.ReLU(), nn.Linear(1, 3))
    coupling = couple(model, "0", [0], torch.randn(4, 5), whole=True)
    assert [(cut.tensor, cut.axis) for cut in coupling.cuts] == [("0.weight", 0), ("0.bias", 0), ("2.weight", 1)]


def test_the_plan_counts_what_is_saved() -> None:
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
    plan = plan_removal(model, "0", [1, 2], torch.randn(4, 5))
    assert (plan.before.parameters, plan.after.parameters) == (36 + 21, 24 + 15)
    assert (plan.before.multiply_adds, plan.after.multiply_adds) == (48, 32)
    assert plan.change > 0


def winners_take_all(h: Tensor) -> Tensor:
    return h * (h > h.kthvalue(h.shape[1] - 3, 1, keepdim=True).values)


def brightest_maps(h: Tensor) -> Tensor:
    chosen = h.mean((2, 3)).topk(3, 1).indices
    return h * torch.zeros(h.shape[:2]).scatter(1, chosen, 1.0)[..., None, None]


@pytest.mark.parametrize("code", [winners_take_all, brightest_maps])
@pytest.mark.parametrize("seed", range(5))
def test_channels_that_compete_are_not_cut(code: Callable[[Tensor], Tensor], seed: int) -> None:
    torch.manual_seed(seed)
    model = Coded(lambda self, one, two: code(F.relu(one)), 10, 10)
    with pytest.raises(SurgeryError):
        plan_removal(model, "one", [1], pictures(8, 1, 3, 3))
