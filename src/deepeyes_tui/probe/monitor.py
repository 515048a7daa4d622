"""The public face of the monitor inside a training script."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from torch.utils.hooks import RemovableHandle

from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.runs import Run, adopted_run, claim_run
from deepeyes_tui.link.snapshot import RunState
from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.compiled.frames import outside_graphs
from deepeyes_tui.probe.holding import lightly
from deepeyes_tui.probe.inputs import reading_of
from deepeyes_tui.probe.probe import Probe
from deepeyes_tui.probe.ranks.place import find_place
from deepeyes_tui.probe.settings import Found, ProbeSettings
from deepeyes_tui.probe.taps import Silent

_adopted: set[str] = set()
_guessing: list[Callable[[], Run | None]] = []
"""Ends the guessing of what a script trains, and returns the run that it has made, if any."""


class Monitor:
    """What `watch` returns: tell it of every step. None of its methods raises, whatever goes wrong inside.

    Usable as a context manager; otherwise it closes itself when the script ends.
    """

    def __init__(self, probe: Probe | None, border: Border) -> None:
        self._probe = probe
        self._border = border
        self._process = os.getpid()
        self._given_up = False
        self._criterion_targets: Any = None
        self._criterion_loss: Any = None
        self._criterion_hook: RemovableHandle | None = None
        if probe is not None:
            atexit.register(self._at_exit)

    @property
    def name(self) -> str:
        """The run's name, as `deepeyes ls` shows it; empty when nothing is watched."""
        return self._probe.run.name if self._probe is not None else ""

    @property
    def layers(self) -> int:
        """How many layers are watched."""
        return len(self._probe.layers) if self._probe is not None else 0

    @property
    def turning_seconds(self) -> float:
        """What it has taken so far to turn to the models that were watched."""
        return self._probe.turning_seconds if self._probe is not None else 0.0

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop. A loop that looks at this ends itself; any other is interrupted as by
        Ctrl-C.
        """
        if self._probe is None:
            return False
        self._probe.steering.loop_asks = True
        return self._probe.steering.stopping

    @outside_graphs
    def step(
        self,
        loss: Any = None,
        *,
        targets: Any = None,
        accuracy: Any = None,
        epoch: float | None = None,
        **scalars: Any,
    ) -> None:
        """Call once after each `optimizer.step()`; pausing and other commands take effect here.

        `loss` and `accuracy` are numbers or tensors (on any device, nothing waits for it). From `targets (N,)`, class
        numbers, the accuracy of observed steps is worked out when the model's output is `(N, C)`. Further keyword
        arguments are logged as `log` does.
        """
        if self._active():
            loss = self._criterion_loss if loss is None else loss
            targets = self._criterion_targets if targets is None else targets
            self._border.call(self._probe.step, loss, targets, accuracy, epoch, scalars)  # type: ignore[union-attr]
            self._criterion_loss = self._criterion_targets = None

    @outside_graphs
    def log(self, values: Mapping[str, Any] | None = None, /, **scalars: Any) -> None:
        """Log numbers at the current step: `monitor.log(val_loss=0.1, val_accuracy=0.97)`."""
        if self._active():
            self._border.call(self._probe.log, {**(values or {}), **scalars})  # type: ignore[union-attr]

    def close(self, state: RunState = RunState.FINISHED) -> None:
        """Take the monitor off the model. The run's last picture stays, for `deepeyes attach`."""
        probe, self._probe = self._probe, None
        if self._criterion_hook is not None:
            self._criterion_hook.remove()
        self._criterion_loss = self._criterion_targets = None
        if probe is None or os.getpid() != self._process:
            return
        atexit.unregister(self._at_exit)
        if probe.steering.stopping:
            state = RunState.STOPPED
        ending = Border()
        ending.call(probe.close, state)
        ending.call(probe.run.remove_live, keep_board=True)

    def hand_over(self) -> Run | None:
        """Take the monitor off, and return its run for another to go on with."""
        probe, self._probe = self._probe, None
        if probe is None:
            return None
        atexit.unregister(self._at_exit)
        Border().call(probe.close, RunState.TRAINING, superseded=True)
        return probe.run

    def tell(self, found: Found) -> None:
        """Show what the script was found to train."""
        if self._probe is not None:
            self._probe.found = found

    def turn_to(self, model: nn.Module, optimizer: Optimizer | None, name: str) -> None:
        """Watch another model of the same training from now on."""
        if self._active():
            self._border.call(self._probe.turn_to, model, optimizer, name)  # type: ignore[union-attr]

    def on_choice(self, choose: Callable[[str], None]) -> None:
        """Call `choose` with the name of a found model when somebody wants to see that one."""
        if self._probe is not None:
            self._probe.choose_root = choose

    def note(self, name: str, sentence: str) -> None:
        """Show a notice; one of the same name is replaced."""
        if self._probe is not None:
            self._probe.notice(name, sentence)

    def attach_criterion(self, criterion: nn.Module) -> None:
        """Read loss and targets off a criterion module, for loops that pass neither to `step`."""
        self._criterion_hook = criterion.register_forward_hook(_CriterionTap(self))

    def saw_criterion(self, args: tuple[Any, ...], loss: Any) -> None:
        """Keep what the criterion was called with until the next step."""
        self._criterion_loss = loss.detach() if hasattr(loss, "detach") else loss
        self._criterion_targets = args[1] if len(args) > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(_state_after(kind))

    def _active(self) -> bool:
        if self._probe is not None and self._border.off and not self._given_up:
            self._given_up = True
            Border().call(self._probe.give_up)
        return self._probe is not None and not self._border.off and os.getpid() == self._process

    def _at_exit(self) -> None:
        self.close(_state_after(getattr(sys, "last_type", None)))


class _CriterionTap(Silent):
    """A forward hook on the loss function; copies as `Tap` does."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if module.training and not torch.compiler.is_compiling():
            self._monitor.saw_criterion(args, output)


def watch(
    model: nn.Module,
    criterion: nn.Module | None = None,
    log: str | None = None,
    log_freq: int = 1,
    *,
    optimizer: Optimizer | None = None,
    loader: DataLoader[Any] | None = None,
    labels: Sequence[str] | None = None,
    name: str | None = None,
    layers: Sequence[str] | None = None,
    budget: float = 0.02,
    control: str = "on",
    seed: int = 0,
    enabled: bool = True,
    inputs: str | Sequence[str] | None = None,
    tokenizer: Any = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
) -> Monitor:
    """Watch a model while it trains, and return the monitor to tell of each step.

    The leading arguments are those of `wandb.watch`: with a `criterion` module, loss and targets are read off its
    calls; `log` is accepted and ignored, activations are what is watched; `log_freq` is the least number of steps
    between two observed ones.

    optimizer: its learning rate is shown, its hyper-parameters can be set, its state is cut along with the model.
    loader: its batch size can be set; looked for where it is not given. labels: names of the classes. name: of the
    run; taken ones get a number, and under `deepeyes run` the launcher's name stands.
    layers: globs over module paths, default all convolutions, linear, recurrent and embedding layers, and attention.
    budget: the monitor's cost as a share of step time, in (0, 1]. control: "on", or "off" to refuse all commands but
    those that steer the monitor alone (focus, status). seed: of the monitor's own random draws. enabled: False makes
    it do nothing.
    inputs: what the network's inputs are, "picture", "text", "signal" or "table", or the names of a table's columns;
    told by shape and type where it is not given. tokenizer: gives tokens their texts: whatever has
    `convert_ids_to_tokens` or `decode`, a list, a dict or a function. mean, std: by which pictures were normalised.

    Bad arguments raise TypeError or ValueError here, at the start; nothing raises afterwards.
    """
    _check(model, budget, control, log_freq)
    reading = reading_of(inputs, tokenizer, mean, std)
    run, border = _end_guessing(), Border()
    if not enabled:
        if run is not None:
            run.remove_live()
        return Monitor(None, border)
    settings = ProbeSettings(
        labels=tuple(map(str, labels or ())),
        layers=tuple(layers) if layers is not None else None,
        budget=budget,
        every=log_freq,
        seed=seed,
        control=control == "on",
        loader=lightly(loader),
        mean=reading.mean,
        std=reading.std,
        reading=reading,
    )
    monitor = Monitor(_start(model, optimizer, name, border, settings, run), border)
    if criterion is not None:
        border.call(monitor.attach_criterion, criterion)
    return monitor


def watch_found(
    model: nn.Module, optimizer: Optimizer | None, name: str | None, border: Border, settings: ProbeSettings
) -> Monitor:
    """Watch a model that was found in a script which does not call `watch`. Never raises."""
    return Monitor(_start(model, optimizer, name, border, settings, None), border)


def guess_until_told(end: Callable[[], Run | None]) -> None:
    """Have `end` called when the script calls `watch`: it knows better what it trains than who guesses."""
    _guessing.append(end)


def _end_guessing() -> Run | None:
    runs = [end() for end in _guessing]
    _guessing.clear()
    return next((run for run in runs if run is not None), None)


def _start(
    model: nn.Module,
    optimizer: Optimizer | None,
    name: str | None,
    border: Border,
    settings: ProbeSettings,
    run: Run | None,
) -> Probe | None:
    try:
        if (place := find_place()).size > 1:
            from deepeyes_tui.probe.ranks.followers import no_run
            from deepeyes_tui.probe.ranks.probe import RankProbe

            run = run or _own_run(name) if place.leads else no_run()
            return RankProbe(model, optimizer, run, border, settings, place)
        run = run or _own_run(name)
        return Probe(model, optimizer, run, border, settings)
    except (RunError, OSError) as error:
        border.switch_off(str(error))
    except Exception as error:  # the border to the user's script, which has not even begun
        border.switch_off(f"{type(error).__name__}: {error}")
    if run is not None:
        Border().call(run.remove_live, keep_board=False)
    return None


def _own_run(name: str | None) -> Run:
    run = adopted_run()
    if run is not None and run.name not in _adopted:
        _adopted.add(run.name)
        return run
    return claim_run(name or _script_name(), command=sys.argv)


def _script_name() -> str:
    name = Path(sys.argv[0] if sys.argv else "").stem
    return name if name and name not in {"-c", "__main__"} else "run"


def _check(model: Any, budget: float, control: str, log_freq: int) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"watch() needs a torch.nn.Module, not {type(model).__name__}")
    if not 0 < budget <= 1:
        raise ValueError(f"budget is a share of step time in (0, 1], not {budget!r}")
    if control not in {"on", "off"}:
        raise ValueError(f'control is "on" or "off", not {control!r}')
    if log_freq < 1:
        raise ValueError(f"log_freq counts steps and is at least 1, not {log_freq!r}")


def _state_after(error: type[BaseException] | None) -> RunState:
    if error is None or issubclass(error, SystemExit):
        return RunState.FINISHED
    return RunState.STOPPED if issubclass(error, KeyboardInterrupt) else RunState.FAILED
