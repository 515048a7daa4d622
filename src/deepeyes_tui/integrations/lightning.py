"""The Trainer of PyTorch Lightning: `Trainer(callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from deepeyes_tui.link.snapshot import RunState
from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.monitor import Monitor, watch
from deepeyes_tui.probe.settings import Found
from deepeyes_tui.script.loaders import labels_in
from deepeyes_tui.script.roots import Root, RootFinder

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError:  # the same library under its older name
    from pytorch_lightning import Callback, LightningModule, Trainer  # type: ignore[assignment]


class WatchCallback(Callback):
    """Watches what a LightningModule trains. `options` are those of `deepeyes_tui.watch`: labels, name, layers ...

    `training_step` calls the module's parts as it likes: the largest part that it calls is watched, from its first pass
    on; another can be chosen in the viewer. A step is a batch after which an optimizer has stepped; what is logged as
    `val_...` becomes curves. A stop asked for in the viewer ends the training as `trainer.should_stop` does.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._border = Border()
        self._finder: RootFinder | None = None
        self.monitor: Monitor | None = None
        self._stepped = 0
        self._told: tuple[tuple[str, ...], Root | None] = ((), None)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to look at what the module calls."""
        self._finder = RootFinder(self._watch, self._border, within=pl_module)
        self._stepped = trainer.global_step
        self._options.setdefault("loader", trainer.train_dataloader)
        for optimizer in trainer.optimizers:
            self._border.call(self._finder.know, optimizer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell of a step, unless the batch only added to the gradients."""
        if self.monitor is None or self._finder is None or trainer.global_step == self._stepped:
            return
        self._tell(self._finder, self.monitor)
        self._stepped = trainer.global_step
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            loss = loss.detach() * trainer.accumulate_grad_batches  # Lightning has divided it
        epoch = trainer.current_epoch + (batch_idx + 1) / max(trainer.num_training_batches, 1)
        self.monitor.step(loss=loss, targets=labels_in(batch), epoch=epoch)
        if self.monitor.stopping:
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what was measured."""
        if self.monitor is not None and not trainer.sanity_checking:
            measured = trainer.callback_metrics
            self.monitor.log({name: value for name, value in measured.items() if name.startswith("val")})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let go of the model."""
        self._close(RunState.FINISHED)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let go of the model, and show how the training ended."""
        self._close(RunState.STOPPED if isinstance(exception, KeyboardInterrupt) else RunState.FAILED)

    def _watch(self, root: Root) -> None:
        model, finder = root.module, self._finder
        if model is None or finder is None:
            return
        optimizer = finder.optimizer_of(root)
        if self.monitor is None:
            self.monitor = watch(model, optimizer=optimizer, **self._options)
            self.monitor.on_choice(self._choose)
        else:
            self.monitor.turn_to(model, optimizer, root.name)

    def _tell(self, finder: RootFinder, monitor: Monitor) -> None:
        """Name the parts that can be watched."""
        names = tuple(root.name for root in finder.roots)
        if finder.chosen is not None and self._told != (names, finder.chosen):
            self._told = names, finder.chosen
            monitor.tell(Found(names, finder.chosen.name, ""))

    def _choose(self, name: str) -> None:
        if self._finder is not None:
            self._finder.choose_named(name)

    def _close(self, state: RunState) -> None:
        if self._finder is not None:
            self._finder.close()
        if self.monitor is not None:
            self.monitor.close(state)
        self._finder = self.monitor = None
