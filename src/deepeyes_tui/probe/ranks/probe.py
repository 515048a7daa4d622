"""The monitor's work on one rank of a training that is spread over processes."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from time import perf_counter
from typing import Any

from torch import nn
from torch.optim import Optimizer

from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import RunState, Status
from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.budget import HEADROOM, MOST_OBSERVATIONS_PER_SECOND
from deepeyes_tui.probe.gathering import Gatherer
from deepeyes_tui.probe.instances import Sampler
from deepeyes_tui.probe.outlets import Outlets
from deepeyes_tui.probe.probe import Probe
from deepeyes_tui.probe.ranks.followers import SilentGatherer, silent_outlets
from deepeyes_tui.probe.ranks.following import FollowerSteering
from deepeyes_tui.probe.ranks.herald import MEET, START
from deepeyes_tui.probe.ranks.layout import CURVES, MOST_STEPS
from deepeyes_tui.probe.ranks.leading import LeaderSteering
from deepeyes_tui.probe.ranks.link import Link
from deepeyes_tui.probe.ranks.merging import Merged, Merging, steps_between
from deepeyes_tui.probe.ranks.observer import RankObserver
from deepeyes_tui.probe.ranks.place import Place
from deepeyes_tui.probe.ranks.team import Team
from deepeyes_tui.probe.scalars import Scalars
from deepeyes_tui.probe.settings import ProbeSettings
from deepeyes_tui.probe.steering import Steering

SHARDED = ("FullyShardedDataParallel", "FSDPModule")
SHARDED_NOTICE = (
    "the model is sharded: what passes through its layers is watched; its tensors are split over processes, and "
    "surgery is refused"
)
FRESH = 0.1
"""Weight of the newest step in the mean time of one."""
_sessions = count()


class RankProbe(Probe):
    """Watches the part of one rank. Rank 0 shows what all have seen together; the others write nothing anywhere."""

    _observer: RankObserver

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None,
        run: Run,
        border: Border,
        settings: ProbeSettings,
        place: Place,
    ) -> None:
        self._place = place
        self._team: Team | None = None
        self._early: deque[tuple[str, int, Any]] = deque(maxlen=MOST_STEPS * len(CURVES))
        self._own, self._told_accuracy, self._looked_alone = Scalars(), False, False
        self._step_seconds = self._merge_seconds = self._spent_on_merges = self._way_seconds = 0.0
        super().__init__(model, optimizer, run, border, settings)
        self._team = team = Team(place, next(_sessions), _digest(self._root), self._wanted_every)
        self._ranked.link = Link(lambda: team.hindrance, team.call, team.meeting, self._settle, self._keep)

    def step(self, loss: Any, targets: Any, accuracy: Any, epoch: float | None, scalars: Mapping[str, Any]) -> None:
        """As `Probe.step`."""
        seconds = perf_counter() - self._last
        self._step_seconds += (seconds - self._step_seconds) * (FRESH if self._step_seconds else 1.0)
        super().step(loss, targets, accuracy, epoch, scalars)

    def close(self, state: RunState, *, superseded: bool = False) -> None:
        """As `Probe.close`; the others are told."""
        self._border.call(self._put_rest)
        super().close(state, superseded=superseded)
        if self._team is not None:
            self._team.close()

    def give_up(self) -> None:
        """As `Probe.give_up`; the others are told."""
        super().give_up()
        if self._team is not None:
            self._team.part(f"the monitor of rank {self._place.rank} is off")
            self._team.close(timeout=0.0)

    def reset_maximum(self, layer: str | None) -> None:
        """Forget the maxima of a layer, or of all. Raises ValueError for a layer that is not there."""
        number = self._number(layer)
        if (merging := self._merging) is not None:
            merging.forget_peak(number)
        super().reset_maximum(layer)

    def _open_outlets(self) -> Outlets:
        return super()._open_outlets() if self._place.leads else silent_outlets()

    def _new_gatherer(self) -> Gatherer:
        return super()._new_gatherer() if self._place.leads else SilentGatherer(self._layers, self._settings.seed)

    def _new_observer(self) -> RankObserver:
        sampler = Sampler(self._settings.seed + self._place.rank, self._budget.portion)
        observer = RankObserver(self._root, self._layers, self._border, sampler, self._gatherer)
        observer.joint = self._merging is not None
        return observer

    def _new_steering(self) -> Steering:
        kind = LeaderSteering if self._place.leads else FollowerSteering
        return kind(self._server, self.run.name, self._border, self._steered)

    def _take(self, model: nn.Module, optimizer: Optimizer | None) -> None:
        super()._take(model, optimizer)
        self._surgeon.consent = self._ranked.consent
        self._lay_out()

    @property
    def _ranked(self) -> LeaderSteering | FollowerSteering:
        assert isinstance(self.steering, LeaderSteering | FollowerSteering)
        return self.steering

    def _settle(self) -> None:
        """Wait for what is on its way, so that all ranks know the same."""
        self._take_in(wait=True)
        if self._team is not None:
            self._team.settled()

    def _keep(self, step: int) -> None:
        """Do what was agreed on for the end of this step."""
        if self._team is None:
            return
        for call in self._team.reach(step):
            if call.kind == MEET:
                self._ranked.meet(call.number, step)
            elif call.kind == START:
                self._pending.clear()
                self._team.begin([layer.filters for layer in self._layers])
        joint = self._merging is not None
        if self._observer.joint != joint:
            self._turn(joint)
        if self._early and (joint or self._team.alone):
            self._put_early()
        self._observer.observing = self._observes_next()
        self._observer.keeps_output = self._judges_next()

    def _turn(self, joint: bool) -> None:
        """Count activations for all ranks together from now on, or for this one alone again."""
        self._observer.joint = joint
        self._observer.know_peaks(self._table.largest())

    def _put_early(self) -> None:
        """Hand on the values that came before it was known whether the ranks would find each other."""
        early, self._early = self._early, deque(maxlen=self._early.maxlen)
        for curve, step, value in early:
            if (merging := self._merging) is not None:
                merging.put_value(curve, step, value)
            else:
                self._scalars.put(curve, step, value)

    def _put_rest(self) -> None:
        """Let curves end where the training does, with what this rank alone knows of the last steps."""
        self._take_in(wait=True)
        if self._team is not None and self._team.merging is not None:
            self._put_unmerged(self._team.merging)

    def _put_earlier(self) -> None:
        """Let what was meant for all ranks come before what this one puts in alone."""
        self._put_early()
        if self._team is not None and self._team.merging is not None:
            self._put_unmerged(self._team.merging)

    def _put_unmerged(self, merging: Merging) -> None:
        for value in merging.rest():
            self._scalars.put(value.curve, value.step, value.value)

    def _note_layers(self, *args: Any) -> None:
        super()._note_layers(*args)
        if any(kind.__name__ in SHARDED for one in self._root.modules() for kind in type(one).__mro__):
            self._notices.show("sharded", SHARDED_NOTICE)

    def _start_anew(self) -> None:
        self._take_in(wait=True)
        super()._start_anew()
        self._lay_out()

    def _reshape(self, *change: Any) -> None:
        super()._reshape(*change)
        self._lay_out()

    def _lay_out(self) -> None:
        if self._team is not None:
            self._team.lay_out([layer.filters for layer in self._layers], self._table.largest())

    def _tap(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        super()._tap(args, kwargs)
        self._observer.observing = self._observes_next()

    @property
    def _merging(self) -> Merging | None:
        """What puts together what the ranks see, while they are together."""
        return self._team.merging if self._team is not None and not self._team.apart else None

    def _observes_next(self) -> bool:
        if self._team is None:
            return False
        if self._team.alone:
            return super()._observes_next()
        return self._team.observes(self.step_number + 1)

    def _judges_next(self) -> bool:
        return self._observes_next() or (self._place.leads and super()._judges_next())

    def _keep_scalars(self, loss: Any, targets: Any, accuracy: Any, scalars: Mapping[str, Any]) -> None:
        self._told_accuracy = accuracy is not None
        super()._keep_scalars(loss, targets, accuracy, scalars)
        self._own.move()

    def _put(self, curve: str, value: Any) -> None:
        if self._place.leads:
            self._own.put(curve, self.step_number, value)
        together = self._team is not None and not self._team.alone and not self._team.apart
        if together and curve == "accuracy" and not (self._told_accuracy or self._observer.observing):
            return  # rank 0 alone has worked it out
        if (merging := self._merging) is not None:
            merging.put_value(curve, self.step_number, value)
        elif not together:
            self._put_earlier()
            super()._put(curve, value)
        else:
            self._early.append((curve, self.step_number, value))

    def _send_observation(self, targets: Any) -> None:
        self._looked_alone = self._merging is None
        if (merging := self._merging) is None:
            super()._send_observation(targets)
            return
        self._observed_steps += 1
        self._looked_at = self.step_number
        merging.put(self._observer.collect_seen(self.step_number, targets))

    def _take_in(self, *, wait: bool = False) -> None:
        super()._take_in(wait=wait)
        if (merging := self._merging) is None:
            return
        started = perf_counter()
        done = merging.finish() if wait else merging.take()
        for merged in done:
            self._absorb(merged)
        self._spent_on_merges += perf_counter() - started
        if done:
            self._merge_seconds, self._spent_on_merges = self._spent_on_merges / len(done), 0.0
            self._way_seconds = done[-1].seconds

    def _absorb(self, merged: Merged) -> None:
        self._table.update(merged.observation)
        self._rings.write(merged.shipment)
        for value in merged.values:
            self._scalars.put(value.curve, value.step, value.value)
        if self._team is not None:
            self._team.adapt(merged.every)

    def _wanted_every(self) -> int:
        """Return how many steps from one observation to the next keep this rank within its budget."""
        cost = self._budget.expected + self._merge_seconds
        affordable = cost / (HEADROOM * self._settings.budget)
        seconds = max(1 / MOST_OBSERVATIONS_PER_SECOND, affordable, self._way_seconds)
        return steps_between(seconds, self._step_seconds, self._settings.every)

    def _status(self) -> Status:
        """As `Probe._status`; loss and accuracy are those of rank 0's last batch: means over ranks come later."""
        ended_together = self.state in (RunState.FINISHED, RunState.STOPPED) and not self._looked_alone
        self._notices.show("ranks", self._team.notice if self._team is not None and not ended_together else "")
        status, newest = super()._status(), self._own.last
        loss, accuracy = newest.get("loss", status.loss), newest.get("accuracy", status.accuracy)
        return replace(status, ranks=self._place.size, loss=loss, accuracy=accuracy)

    def _publish(self) -> None:
        if self._place.leads:
            super()._publish()


def _digest(model: nn.Module) -> str:
    shapes = "".join(f"{name}{tuple(parameter.shape)}" for name, parameter in model.named_parameters())
    return hashlib.sha256(f"{type(model).__name__}{shapes}".encode()).hexdigest()
