"""Training loops of all kinds: what is told of a step is what the monitor makes of it, and nothing differs."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from .twins import Small, batches, one_step, plain, run, same, sgd


class Checkpointed(Small):
    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, x):
        x = functional.relu(self.norm(checkpoint(self.conv, x, **self.options)))
        return self.out(checkpoint(self._hidden, x, **self.options))

    def _hidden(self, x):
        return functional.relu(self.hidden(x.flatten(1)))


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_are_counted_once(reentrant):
    def train(model, monitor):
        return plain(model, monitor, [(x.requires_grad_(), y) for x, y in batches(4)])

    _, seen = same(train, lambda: Checkpointed(use_reentrant=reentrant))
    plainly = run(plain).snapshot
    for number in range(3):
        one, other = seen.snapshot.layer(number), plainly.layer(number)
        assert one.observed == other.observed
        assert one.histogram.tolist() == other.histogram.tolist()


def test_selective_checkpoints():
    from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

    def policy(context, operation, *args, **kwargs):
        kept = operation is torch.ops.aten.addmm.default
        return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE

    def contexts():
        return create_selective_checkpoint_contexts(policy)

    same(plain, lambda: Checkpointed(use_reentrant=False, context_fn=contexts))


def test_accumulated_gradients_are_one_step():
    def train(model, monitor):
        optimizer = sgd(model)
        for number, (x, y) in enumerate(batches(6), start=1):
            loss = functional.cross_entropy(model(x), y) / 2
            loss.backward()
            if number % 2 == 0:
                optimizer.step()
                optimizer.zero_grad()
                monitor.step(loss=loss, targets=y)

    _, seen = same(train)
    assert seen.snapshot.status.step == 3


def test_an_average_of_the_weights():
    def train(model, monitor):
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        optimizer, told = sgd(model), []
        for x, y in batches(4):
            told.append(one_step(model, optimizer, x, y, monitor))
            averaged.update_parameters(model)
            told.append(averaged(x).sum().item())
        update_bn([x for x, _ in batches(2)], averaged)
        return told, [p.sum().item() for p in averaged.parameters()]

    _, seen = same(train)
    assert seen.snapshot.layer(0).observed == 4


def test_several_optimizers():
    def train(model, monitor):
        optimizers = [torch.optim.AdamW(model.conv.parameters(), 0.01), torch.optim.SGD(model.out.parameters(), 0.1)]
        for x, y in batches(4):
            loss = functional.cross_entropy(model(x), y)
            model.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            monitor.step(loss=loss, targets=y)

    same(train)


def test_an_optimizer_that_asks_the_model_itself():
    def train(model, monitor):
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
        for x, y in batches(3):

            def closure(x=x, y=y):
                optimizer.zero_grad()
                loss = functional.cross_entropy(model(x), y)
                loss.backward()
                return loss

            monitor.step(loss=optimizer.step(closure), targets=y)

    same(train)


def test_evaluation_between_epochs():
    def train(model, monitor):
        told, optimizer = [], sgd(model)
        for epoch in range(2):
            for x, y in batches(2):
                told.append(one_step(model, optimizer, x, y, monitor))
            model.eval()
            with torch.inference_mode():
                told.append(model(batches(1, batch=32)[0][0]).sum().item())
            model.train()
            monitor.log({"epoch": epoch})
        return told

    _, seen = same(train)
    assert seen.snapshot.status.epoch == 1


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_passes_without_gradients(mode):
    def train(model, monitor):
        plain(model, monitor, batches(2))
        with mode():
            told = [model(x).sum().item() for x, _ in batches(2)]
        return told, plain(model, monitor, batches(2))

    same(train)


def test_parameters_frozen_in_between():
    def train(model, monitor):
        plain(model, monitor, batches(2))
        model.conv.requires_grad_(False)
        model.conv.weight.grad = model.conv.bias.grad = None
        model.norm.eval()
        return plain(model, monitor, batches(2))

    same(train)


def test_hooks_of_the_users_own_come_and_go():
    def train(model, monitor):
        told = []
        handle = model.hidden.register_forward_hook(lambda module, args, output: output * 2)
        model.conv.register_full_backward_hook(lambda module, entering, leaving: told.append(leaving[0].sum().item()))
        model.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
        plain(model, monitor, batches(2))
        handle.remove()
        return plain(model, monitor, batches(2)), told

    same(train)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_passes_that_raise(error):
    class Raising(Small):
        def forward(self, x):
            hidden = self.hidden(functional.relu(self.norm(self.conv(x))).flatten(1))
            if x.max() > 5:
                raise error
            return self.out(functional.relu(hidden))

    def train(model, monitor):
        told, optimizer = [], sgd(model)
        for number, (x, y) in enumerate(batches(5)):
            try:
                told.append(one_step(model, optimizer, x + 9 * (number == 2), y, monitor))
            except error:
                told.append("raised")
        return told

    alone, _ = same(train, Raising)
    assert alone.told.count("raised") == 1


@pytest.mark.parametrize(("method", "persistent"), [("fork", False), ("fork", True), ("spawn", True)])
def test_workers_of_a_loader(method, persistent):
    def train(model, monitor):
        data = TensorDataset(*(torch.cat(part) for part in zip(*batches(4), strict=True)))
        loader = DataLoader(
            data, 8, shuffle=True, num_workers=1, multiprocessing_context=method, persistent_workers=persistent
        )
        return [plain(model, monitor, list(loader)) for _ in range(2)]

    same(train)


def test_data_parallel_without_devices():
    def train(model, monitor):
        return plain(model, monitor, None, nn.DataParallel(model))

    same(train)
