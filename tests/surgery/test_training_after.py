"""Training after a cut equals training of the masked original, whatever the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.plan import Plan, Role
from deepeyes_tui.surgery.removal import plan_removal

from .architectures import CASES
from .masking import kept

torch.set_num_threads(1)
CLOSE = 1e-5
BEFORE, AFTER = 3, 6

Make = Callable[[Iterable[nn.Parameter]], optim.Optimizer]
OPTIMIZERS: dict[str, Make] = {
    "SGD": partial(optim.SGD, lr=0.05),
    "SGD, momentum": partial(optim.SGD, lr=0.05, momentum=0.9, dampening=0.1),
    "SGD, Nesterov, decay": partial(optim.SGD, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "Adam": partial(optim.Adam, lr=3e-3),
    "AdamW, amsgrad": partial(optim.AdamW, lr=3e-3, amsgrad=True),
    "RMSprop, centered, momentum": partial(optim.RMSprop, lr=1e-3, centered=True, momentum=0.9, eps=1e-4),
    "Adagrad": partial(optim.Adagrad, lr=1e-2),
    "NAdam": partial(optim.NAdam, lr=3e-3),
    "RAdam": partial(optim.RAdam, lr=3e-3),
    "Adadelta": partial(optim.Adadelta, lr=1.0),
    "Adamax": partial(optim.Adamax, lr=3e-3),
    "ASGD": partial(optim.ASGD, lr=0.05),
    "Rprop": partial(optim.Rprop, lr=1e-3),
}
FUSED = ("SGD, Nesterov, decay", "Adam", "AdamW, amsgrad", "Adagrad")
CLIPPING: dict[str, Callable[[Iterable[nn.Parameter]], Any]] = {
    "no clipping": lambda parameters: None,
    "clipping by norm": lambda parameters: clip_grad_norm_(parameters, 0.1),
    "clipping by value": lambda parameters: clip_grad_value_(parameters, 0.01),
}
SCHEDULERS: dict[str, Callable[[optim.Optimizer], Any]] = {
    "step": lambda optimizer: optim.lr_scheduler.StepLR(optimizer, 2, 0.5),
    "cosine": lambda optimizer: optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 4),
    "one cycle": lambda optimizer: optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=BEFORE + AFTER),
}
ARCHITECTURES = (
    "lenet with NHWC, conv2",
    "resnet, second stage's width",
    "inverted residual, wide inside",
    "shufflenet, what makes whole columns",
    "densenet, layer in the middle",
    "unet, second skip, with a norm",
    "vit, a whole head",
    "vit with layer scale, width",
    "swiglu by halves",
    "lstm, units",
    "gru, units",
    "words tied to the output, width",
    "frozen layer, itself",
)


def small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3), nn.PReLU(6),
        nn.Flatten(), nn.Linear(96, 16), nn.ReLU(), nn.Linear(16, 5),
    )  # fmt: skip


class Training:
    """A model in training on batches that its seed decides; once masked, its masked slices stay without effect."""

    def __init__(self, model: nn.Module, batches: Callable[[int], Any], make: Make, **more: Any) -> None:
        self.model, self.batches = model, batches
        self.optimizer = make([p for p in model.parameters() if p.requires_grad])
        self.clip = more.get("clip", CLIPPING["no clipping"])
        self.scheduler = more["schedule"](self.optimizer) if "schedule" in more else None
        self.plan: Plan | None = None
        self.steps = 0

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.optimizer.zero_grad()
            torch.manual_seed(self.steps)
            loss(self.model, self.batches(self.steps)).backward()
            self.still(lambda parameter: parameter.grad, (Role.WRITES, Role.PASSES, Role.READS))
            self.clip(self.model.parameters())
            self.optimizer.step()
            self.still(lambda parameter: parameter.data, (Role.READS,))
            if self.scheduler:
                self.scheduler.step()
            self.steps += 1

    def mask(self, plan: Plan) -> None:
        self.plan = plan
        self.still(lambda parameter: parameter.data, (Role.READS,))

    def left(self) -> dict[str, Tensor]:
        """Return what is not masked, by name."""
        assert self.plan
        left = tensors_of(self.model)
        for cut in self.plan.cuts:
            left[cut.tensor] = left[cut.tensor].index_select(cut.axis, kept(cut))
        return left

    def still(self, what: Callable[[nn.Parameter], Tensor | None], roles: tuple[Role, ...]) -> None:
        """Set the masked slices to zero; a tied tensor is read somewhere, whatever its role."""
        parameters = dict(self.model.named_parameters())
        several = len(list(self.model.named_parameters(remove_duplicate=False))) > len(parameters)
        for cut in self.plan.cuts if self.plan else ():
            tensor = what(parameters[cut.tensor]) if cut.tensor in parameters else None
            if tensor is not None and (cut.role in roles or several):
                tensor.index_fill_(cut.axis, torch.tensor(cut.indices), 0)


def loss(model: nn.Module, batch: Any) -> Tensor:
    answer = model(*batch) if isinstance(batch, tuple) else model(batch)
    return (answer - 0.3).square().mean()


def pictures(step: int) -> Tensor:
    return torch.randn(16, 1, 14, 14, generator=torch.Generator().manual_seed(step))


def two(make: Make, **more: Any) -> tuple[Training, Training]:
    """Return the same training twice, some steps on."""
    pair = []
    for _ in range(2):
        torch.manual_seed(0)
        pair.append(Training(small().train(), pictures, make, **more))
        pair[-1].train(BEFORE)
    return pair[0], pair[1]


def cut_and_compare(cut: Training, masked: Training, layer: str, filters: tuple[int, ...]) -> None:
    """Cut one and mask the other, train both on, and compare all that is left."""
    plan = plan_removal(cut.model, layer, filters, cut.batches(99))
    apply(plan, cut.model, cut.optimizer)
    masked.mask(plan)
    compare(cut, masked)


def compare(cut: Training, masked: Training) -> None:
    cut.train(AFTER)
    masked.train(AFTER)
    now = tensors_of(cut.model)
    far = {name: float((tensor - now[name]).abs().max()) for name, tensor in masked.left().items()}
    assert {name: distance for name, distance in far.items() if distance > CLOSE} == {}


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and statistics by name, detached."""
    named = (*model.named_parameters(), *model.named_buffers())
    return {name: tensor.detach() for name, tensor in named if tensor.is_floating_point()}


@pytest.mark.parametrize(("layer", "filters"), [("0", (0, 3, 7)), ("4", (1,)), ("7", (0, 5, 15))])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name, layer, filters):
    cut_and_compare(*two(OPTIMIZERS[name]), layer, filters)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_with_foreach(name):
    cut_and_compare(*two(partial(OPTIMIZERS[name], foreach=True)), "0", (2, 4))


@pytest.mark.parametrize("name", FUSED)
def test_fused(name):
    cut_and_compare(*two(partial(OPTIMIZERS[name], fused=True)), "0", (2, 4))


@pytest.mark.parametrize("clip", list(CLIPPING)[1:])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_with_clipping(name, clip):
    cut_and_compare(*two(OPTIMIZERS[name], clip=CLIPPING[clip]), "0", (2, 4))


@pytest.mark.parametrize("schedule", SCHEDULERS)
@pytest.mark.parametrize("name", ["SGD, momentum", "AdamW, amsgrad"])
def test_with_a_scheduler(name, schedule):
    cut_and_compare(*two(OPTIMIZERS[name], schedule=SCHEDULERS[schedule]), "7", (2, 4))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_kind_of_network(name):
    train_and_cut(name, "SGD, Nesterov, decay", torch.float32)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_kind_of_network_under_adam(name):
    """In double precision: keys' biases have no gradient but rounding, which Adam blows up to full steps."""
    train_and_cut(name, "AdamW, amsgrad", torch.float64)


def train_and_cut(name: str, optimizer: str, dtype: torch.dtype) -> None:
    case = next(case for case in CASES if case.name == name)
    batch = case.batch()
    batch = batch.to(dtype) if batch.is_floating_point() else batch
    pair = [Training(case.model().to(dtype), lambda step: batch, OPTIMIZERS[optimizer]) for _ in range(2)]
    for training in pair:
        training.train(BEFORE)
    cut_and_compare(*pair, case.layer, case.filters)


def test_two_cuts_one_after_the_other():
    cut, masked = two(OPTIMIZERS["Adam"])
    first = plan_removal(cut.model, "0", (1, 2), pictures(99))
    apply(first, cut.model, cut.optimizer)
    masked.mask(first)
    cut.train(2)
    masked.train(2)
    second = plan_removal(cut.model, "7", (0, 5), pictures(99))
    apply(second, cut.model, cut.optimizer)
    masked.mask(replace(second, cuts=first.cuts + second.cuts))
    compare(cut, masked)
