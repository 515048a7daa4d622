"""The Trainer of Hugging Face transformers: `Trainer(..., callbacks=[WatchCallback()])`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from deepeyes_tui.integrations.accelerate import plain_optimizer
from deepeyes_tui.integrations.passes import LossTap
from deepeyes_tui.probe.monitor import Monitor, watch


class WatchCallback(TrainerCallback):
    """Watches the model that a Trainer trains. `options` are those of `deepeyes_tui.watch`: labels, name, layers ...

    Steps are the Trainer's optimizer steps; what it logs and evaluates becomes curves. A stop that is asked for in the
    viewer ends the training as `control.should_training_stop` does.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._monitor: Monitor | None = None
        self._tap: LossTap | None = None

    @property
    def monitor(self) -> Monitor | None:
        """The monitor of the training that is under way."""
        return self._monitor

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin to watch."""
        model, optimizer = kwargs["model"], kwargs.get("optimizer")
        options = {"loader": kwargs.get("train_dataloader"), "tokenizer": _tokenizer(kwargs), **self._options}
        self._monitor = watch(model, optimizer=_plain(optimizer), **options)
        self._tap = LossTap(model)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Tell of a step: one of the optimizer, however many batches it took."""
        if self._monitor is None or self._tap is None:
            return
        loss, targets = self._tap.take()
        self._monitor.step(loss=loss, targets=targets, epoch=state.epoch)
        if self._monitor.stopping:
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Draw what an evaluation measured; loss and learning rate are known from every step."""
        if self._monitor is not None:
            self._monitor.log(
                {
                    name.replace("eval_", "val_", 1): value
                    for name, value in (logs or {}).items()
                    if name.startswith("eval_") and "per_second" not in name and "runtime" not in name
                }
            )

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Let go of the model."""
        if self._tap is not None:
            self._tap.remove()
        if self._monitor is not None:
            self._monitor.close()
        self._monitor = self._tap = None


def _plain(optimizer: Any) -> Optimizer | None:
    return plain_optimizer(optimizer) if isinstance(optimizer, Optimizer) else None


def _tokenizer(known: Mapping[str, Any]) -> Any:
    processing = known.get("processing_class")
    return processing if hasattr(processing, "convert_ids_to_tokens") else None
