"""The monitor's work inside the training process: one object a watched model."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import RunState, Status
from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.budget import Budget
from deepeyes_tui.probe.compiled.watching import GraphWatch
from deepeyes_tui.probe.discovery import OutputPoint, discover
from deepeyes_tui.probe.gathering import Gatherer
from deepeyes_tui.probe.gpu import GpuUse, GpuWatch
from deepeyes_tui.probe.holding import DROPPED, ModelReference, lightly, still
from deepeyes_tui.probe.instances import Sampler
from deepeyes_tui.probe.layers import find_layers, unwrap
from deepeyes_tui.probe.notices import Notices
from deepeyes_tui.probe.observer import Observer, PendingObservation
from deepeyes_tui.probe.outlets import Outlets, open_outlets
from deepeyes_tui.probe.publishing import StepRate, describe
from deepeyes_tui.probe.renumbering import Renumbering, origins
from deepeyes_tui.probe.requests import Requests
from deepeyes_tui.probe.retuning import Retuner
from deepeyes_tui.probe.scalars import Scalars, batch_accuracy, curve_name
from deepeyes_tui.probe.scripting import step_aside_for_scripting
from deepeyes_tui.probe.settings import Found, ProbeSettings
from deepeyes_tui.probe.statistics.table import StatisticsTable
from deepeyes_tui.probe.steering import OFF, Answer, Handler, Steering
from deepeyes_tui.probe.surgeon import Surgeon
from deepeyes_tui.probe.taps import EntryTap, attach, retire, uncounted
from deepeyes_tui.surgery.running.hushed import uncompiled
from deepeyes_tui.surgery.running.interrupts import uninterrupted
from deepeyes_tui.surgery.sample import Sample

ACCURACY_EVERY = 0.1
"""Seconds between two batches whose accuracy is worked out."""
UNSEEN = (
    "no layer has run in a training pass; what was compiled and ran before it was watched needs torch._dynamo.reset()"
)
HELD = "waits while a viewer looks at a preview; resume goes on at once"
UNSEEN_AFTER = 20
"""Steps after which it is said that no layer has run."""


class Probe:
    """Watches one model for one run. Every method may raise; `Monitor` calls them through the border.

    `turning_seconds` went into finding out what a model is made of, of all that were watched.
    """

    def __init__(
        self, model: nn.Module, optimizer: Optimizer | None, run: Run, border: Border, settings: ProbeSettings
    ) -> None:
        self.run, self.step_number, self.state = run, 0, RunState.STARTING
        self.found = Found()
        self.choose_root: Callable[[str], None] = _no_choice
        self._settings, self._border = settings, border
        outlets = self._open_outlets()
        self._publisher, self._server, self._diary = outlets.publisher, outlets.server, outlets.diary
        self._rings, self._recording = outlets.rings, outlets.recording
        self._rings.ask(settings.reading.tokenizer)
        self._budget, self._scalars, self._rate = Budget(settings.budget), self._new_scalars(), StepRate()
        self._pending: deque[PendingObservation] = deque()
        self._notices = Notices()
        self._epoch = float("nan")
        self._observed_steps = self._looked_at = 0
        self.turning_seconds = 0.0
        self._judged_at = 0.0
        self._started_at = time.time()
        step_aside_for_scripting()
        self.steering = self._new_steering()
        self._take(model, optimizer)
        self._gpu = GpuWatch(self._device) if self._device.type == "cuda" else None
        self._publish()
        self._last = perf_counter()

    def _take(self, model: nn.Module, optimizer: Optimizer | None) -> None:
        """Watch this model from its next pass on."""
        self._optimizer, self._model = lightly(optimizer), ModelReference(unwrap(model))
        self._layers = find_layers(self._root, self._settings.layers)
        self._device = next((p.device for p in self._root.parameters()), torch.device("cpu"))
        self._table = StatisticsTable([layer.filters for layer in self._layers])
        self._gatherer = self._new_gatherer()
        self._points = {layer.name: OutputPoint(layer.name) for layer in self._layers}
        self._observer = self._new_observer()
        self._publisher.open(describe(self._layers, list(self._points.values())))
        self._surgeon = Surgeon(model, optimizer, self.run.folder, self._diary, self._reshape, self._generation)
        self._retuner = Retuner(self._settings.loader, self._diary, self._surgeon)
        self.steering.handlers = self._handlers()
        self._note_layers()
        self._discovered = False
        self._graphs = GraphWatch(self._root, self._layers, self._border, lambda: self._observer)
        self._entries = [
            attach(model, EntryTap(self._keep_sample), before=True),
            attach(self._root, EntryTap(self._enter), before=True),
        ]

    @property
    def _root(self) -> nn.Module:
        return self._model.needed()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that are watched."""
        return tuple(layer.name for layer in self._layers)

    def turn_to(self, model: nn.Module, optimizer: Optimizer | None, name: str) -> None:
        """Watch another model of the same training in the place of the one before; steps are counted on."""
        started = perf_counter()
        self._take_in(wait=True)
        self._let_go()
        self._rings.focus(None)
        self._scalars.turn(self.found.root, name)
        self._notices.clear()
        self.found = replace(self.found, root=name)
        self._take(model, optimizer)
        self._publish()
        self.turning_seconds += perf_counter() - started

    def _open_outlets(self) -> Outlets:
        settings = self._settings
        return open_outlets(self.run, settings.labels, settings.budget, settings.control)

    def _new_steering(self) -> Steering:
        return Steering(self._server, self.run.name, self._border, self._steered)

    def _new_gatherer(self) -> Gatherer:
        settings = self._settings
        return Gatherer(self._layers, settings.seed, replace(settings.reading, mean=settings.mean, std=settings.std))

    def _observes_next(self) -> bool:
        rested = self.step_number + 1 - self._looked_at >= self._settings.every
        return rested and self._budget.affords_observation()

    def _judges_next(self) -> bool:
        return perf_counter() - self._judged_at >= ACCURACY_EVERY

    def _put(self, curve: str, value: Any) -> None:
        self._scalars.put(curve, self.step_number, value)

    def _new_scalars(self) -> Scalars:
        return Scalars(self._recording.scalar)

    def _let_go(self) -> None:
        retire(self._entries, traced=self._graphs.traced)
        self._observer.remove(traced=self._graphs.traced)
        self._graphs.close()

    def step(self, loss: Any, targets: Any, accuracy: Any, epoch: float | None, scalars: Mapping[str, Any]) -> None:
        """Take in one optimizer step, carry out commands, publish, and decide whether to observe the next."""
        entered = perf_counter()
        taps = self._observer.take_seconds()
        self._budget.elapse(max(entered - self._last - taps, 0.0))
        self.step_number += 1
        self.state = RunState.TRAINING
        if self._model() is None:
            self._notices.show("dropped", f"{DROPPED}: what is shown is the last that was seen of it")
        if epoch is not None:
            self._epoch = float(epoch)
        self._keep_scalars(loss, targets, accuracy, scalars)
        if self._observer.observing:
            self._send_observation(targets)
        self._gatherer.end_step()
        self._take_in()
        self._scalars.move()
        if self._publisher.due() or self.step_number == 1:
            self._publish()
        spent = perf_counter() - entered + taps
        self._budget.spend(spent)
        if self._observer.observing:
            self._budget.observed(spent)
            self._observer.take_portion(self._budget.portion)
        self._observer.observing = self._observes_next()
        self._observer.keeps_output = self._judges_next()
        self._border.call(self._discover_from_graph)
        self._surgeon.loss = loss
        try:
            self.steering.act(self.step_number)
        finally:
            self._surgeon.loss = None
        self._last = perf_counter()

    def log(self, values: Mapping[str, Any]) -> None:
        """Add values at the step that was reached."""
        for name, value in values.items():
            if name == "epoch":
                self._epoch = float(value)
            elif value is not None:
                self._scalars.put(curve_name(str(name)), self.step_number, value)
        self._scalars.move()

    def reset_maximum(self, layer: str | None) -> None:
        """Forget the maxima of a layer, or of all. Raises ValueError for a layer that is not there."""
        number = self._number(layer)
        self._table.reset_maximum(number)
        self._observer.forget_peak(number)
        self._publish()

    def focus(self, layer: str | None) -> None:
        """Let one layer, or none, stream all its instances. Raises ValueError for a layer that is not there."""
        number = self._number(layer)
        if number != self._gatherer.focus:
            self._gatherer.focus = number
            self._rings.focus(number)
            self._budget.hurry()

    def close(self, state: RunState, *, superseded: bool = False) -> None:
        """Take everything off the model and publish for the last time; the last picture stays in the run's folder.

        Where this run's board is `superseded`, its readers look for another at the same place.
        """
        self._let_go()
        self.state = state
        self._scalars.move(wait=True)
        self._take_in(wait=True)
        self._publish()
        self._publisher.close(superseded=superseded)
        self._recording.close()
        self._rings.close()
        self._server.close()
        if self._gpu is not None:
            self._gpu.close()

    def notice(self, name: str, sentence: str) -> None:
        """Show a sentence; one of the same name is replaced."""
        self._notices.show(name, sentence)

    def give_up(self) -> None:
        """Listen no longer, once the monitor is off: nobody waits for answers that do not come."""
        self._server.close(OFF)
        self._recording.close(timeout=0)
        self._let_go()

    def _number(self, layer: str | None) -> int | None:
        names = [known.name for known in self._layers]
        if layer is not None and layer not in names:
            raise ValueError(f"there is no layer {layer!r}")
        return None if layer is None else names.index(layer)

    def _handlers(self) -> dict[str, Handler]:
        retuning = self._retuner.handlers()
        freezing: dict[str, Handler] = {
            one: self._then_described(retuning[one]) for one in (Action.FREEZE, Action.UNFREEZE)
        }
        return {**Requests(self).handlers(), **self._surgeon.handlers(), **retuning, **freezing}

    def _then_described(self, act: Handler) -> Handler:
        """Let readers see which layers are trained no more."""

        def carry_out(command: Command, step: int) -> Answer:
            answer = act(command, step)
            self._publisher.describe_anew(describe(self._layers, [self._points[one.name] for one in self._layers]))
            self._publish()
            return answer

        return carry_out

    def _generation(self) -> int:
        return self._publisher.generation

    def _keep_sample(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep a batch of the first pass that has one: surgery asks the model with it."""
        if self._surgeon.sample is None and not _is_empty(args, kwargs):
            self._border.call(self._surgeon.keep_sample, Sample(args, kwargs))

    def _enter(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """On the first pass of anything, find out what only a pass can tell, and tap the layers."""
        if self._discovered:
            self._observer.enter(args, kwargs)
        elif not _is_empty(args, kwargs):
            self._border.call(self._discover, args, kwargs)

    def _discover_from_graph(self) -> None:
        """As `_enter`, after a first pass that ran as a graph."""
        sample = self._graphs.sample
        if self._discovered or sample is None:
            return
        if self._surgeon.sample is None and self._graphs.sample_is_whole:
            self._surgeon.keep_sample(sample)
        self._discover(sample.args, dict(sample.kwargs))
        self._gatherer.end_step()

    def _discover(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        started, self._discovered = perf_counter(), True
        focus = self._focus_name()
        with uninterrupted():
            self._find_points(args, kwargs)
            self._start_anew()
            self.focus(focus)
            self._tap(args, kwargs)
        self.turning_seconds += perf_counter() - started
        self._last += perf_counter() - started

    def _find_points(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        with uncompiled(), uncounted():
            found = discover(self._root, self._layers, args, kwargs, self._settings.layers)
        self._layers = found.layers
        self._points = {layer.name: found.points[layer.name] for layer in self._layers}
        self._notices.show("discovery", found.notice)

    def _tap(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        points = [self._points[layer.name] for layer in self._layers]
        self._observer.install(points, self._graphs.seen)
        self._publisher.open(describe(self._layers, points))
        self._observer.observing = self._observer.keeps_output = True
        self._open_rings(points, args, dict(kwargs))
        self._publish()

    def _reshape(self, change: Renumbering, rebuilt: bool) -> None:
        """Watch the model in its new shape; what is known of its layers and filters goes with them."""
        self._take_in(wait=True)
        before, table, focus = self._layers, self._table, self._focus_name()
        self._observer.remove()
        self._layers = find_layers(self._root, self._settings.layers)
        sample = self._surgeon.sample or Sample()
        shown_by_a_pass = any(layer.derived or layer.time_first for layer in before)
        if rebuilt or shown_by_a_pass or any(layer.name not in self._points for layer in self._layers):
            self._find_points(sample.args, sample.kwargs)
        self._start_anew()
        self._table.carry(table, origins(before, self._layers, change))
        self._rings.focus(None)
        self._tap(sample.args, sample.kwargs)
        self._observer.know_peaks(self._table.largest())
        self._rate.restart()
        self.focus(focus if any(layer.name == focus for layer in self._layers) else None)

    def _start_anew(self) -> None:
        """Begin with the layers as they are by now, of which nothing is known."""
        self._table = StatisticsTable([layer.filters for layer in self._layers])
        self._gatherer = self._new_gatherer()
        self._observer = self._new_observer()

    def _focus_name(self) -> str | None:
        number = self._gatherer.focus
        return None if number is None else self._layers[number].name

    def _new_sampler(self) -> Sampler:
        return Sampler(self._settings.seed, self._budget.portion)

    def _new_observer(self) -> Observer:
        return Observer(self._root, self._layers, self._border, self._new_sampler(), self._gatherer)

    def _open_rings(self, points: Sequence[OutputPoint], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._gatherer.install(points, self._publisher.generation)
        self._observer.enter(args, kwargs)
        layers = enumerate(points)
        self._rings.open([self._gatherer.describe(number, point.grid, self._device)[0] for number, point in layers])

    def _keep_scalars(self, loss: Any, targets: Any, accuracy: Any, scalars: Mapping[str, Any]) -> None:
        if loss is not None:
            self._put("loss", loss)
        if accuracy is None and self._observer.keeps_output:
            accuracy = batch_accuracy(self._observer.output, targets)
            self._observer.output = None
            self._judged_at = perf_counter()
        if accuracy is not None:
            self._put("accuracy", accuracy)
        if scalars:
            self.log(scalars)

    def _send_observation(self, targets: Any) -> None:
        self._observed_steps += 1
        self._looked_at = self.step_number
        self._pending.append(self._observer.collect(self.step_number, targets))

    def _take_in(self, *, wait: bool = False) -> None:
        while self._pending and (wait or self._pending[0].arrived()):
            pending = self._pending.popleft()
            self._table.update(pending.read())
            self._rings.write(pending.shipment)
            self._budget.spend(pending.device_seconds())

    def _steered(self) -> None:
        self.state = RunState.PAUSED if self.steering.waiting else RunState.TRAINING
        self._rate.restart()
        self._publish()

    def _publish(self) -> None:
        started = time.thread_time()
        optimizer = still(self._optimizer)
        if optimizer is not None and self.step_number:
            self._scalars.put("learning_rate", self.step_number, optimizer.param_groups[0]["lr"])
        status = self._status()
        self._publisher.publish(status, self._table, self._scalars)
        self._recording.take(status, self._publisher, self._table)
        self._publisher.took(time.thread_time() - started)
        self._budget.spend(self._recording.take_seconds())

    def _status(self) -> Status:
        self._note()
        gpu = self._gpu.latest if self._gpu is not None else GpuUse()
        last = self._scalars.last
        nan = float("nan")
        return Status(
            state=self.state,
            step=self.step_number,
            epoch=self._epoch,
            steps_per_second=self._rate.at(self.step_number),
            cost=self._budget.cost,
            budget=self._settings.budget,
            observed_steps=self._observed_steps,
            observed_every=round(self.step_number / max(self._observed_steps, 1)),
            loss=last.get("loss", nan),
            accuracy=last.get("accuracy", nan),
            device=str(self._device),
            gpu_use=gpu.busy,
            gpu_memory=gpu.memory,
            gpu_memory_total=gpu.memory_total,
            published_at=time.time(),
            started_at=self._started_at,
            notices=self._notices.sentences,
            roots=self.found.roots,
            root=self.found.root,
            summary=self.found.summary,
        )

    def _note(self) -> None:
        """Say what is odd by now."""
        notices, errors, refused = self._notices, self._border.errors, sorted(self._scalars.refused)
        notices.show("errors", f"the monitor had {errors} errors: {self._border.last_error}" if errors else "")
        notices.show("curves", f"not shown, too many curves: {', '.join(refused[:5])}" if refused else "")
        notices.show("held", HELD if self.steering.held and not self.steering.paused else "")
        notices.show_all("graphs", self._graphs.notices)
        notices.show("instances", self._rings.notice)
        notices.show("words", self._rings.words_notice)
        notices.show("history", self._recording.notice)
        notices.show("control", self._server.notice)
        unseen = self._layers and self.step_number >= UNSEEN_AFTER and not self._table.anything_seen
        notices.show("unseen", UNSEEN if unseen else "")

    def _note_layers(self) -> None:
        which = f" matching {', '.join(self._settings.layers)}" if self._settings.layers else ""
        none = f"the model has no layer to watch{which}: only curves are shown"
        self._notices.show("layers", "" if self._layers else none)


def _no_choice(name: str) -> None:
    """Where a script says itself which model to watch, there is no other."""


def _is_empty(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a pass is no more than a try: over a batch of nothing."""
    return any(isinstance(value, torch.Tensor) and value.numel() == 0 for value in (*args, *kwargs.values()))
