"""The observed steps on their way through both merges, driven from the training thread, which never waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepeyes_tui.probe.observation import Observation
from deepeyes_tui.probe.ranks.group import Vector
from deepeyes_tui.probe.ranks.layout import CURVES, MOST_STEPS, Layout, Value
from deepeyes_tui.probe.ranks.merger import Job, Merger
from deepeyes_tui.probe.ranks.observer import Seen
from deepeyes_tui.probe.shipment import Shipment
from deepeyes_tui.probe.transfer import Transfer

FINISHES_WITHIN = 3.0
"""Seconds for which the end of a run waits for what is on its way."""
MOST_ON_THEIR_WAY = 16
"""Observed steps whose activations are held; a rank that is further behind has seen nothing on the next one."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What all ranks have seen on a step, the values of the curves up to it, how many steps from one observation to the
    next suit all of them, and the seconds that this one took from rank to rank.
    """

    observation: Observation
    values: list[Value]
    every: int
    seconds: float
    shipment: Shipment


@dataclass(slots=True)
class _OnItsWay:
    seen: Seen
    after: int
    values: RankValues
    began: float
    maxima: Job | None = None
    sums: Job | None = None


class RankValues:
    """This rank's values of the curves between two observed steps; those on a device come over in one transfer."""

    def __init__(self) -> None:
        self._known: list[Value] = []
        self._waiting: list[tuple[str, int, Tensor]] = []
        self._transfer: Transfer | None = None

    def put(self, curve: str, step: int, value: Any) -> None:
        """Add a value, a number or a tensor."""
        if isinstance(value, Tensor):
            value = value.detach()
            if value.device.type != "cpu":
                self._waiting.append((curve, step, value))
                return
            value = value.double().mean()
        if hasattr(value, "__float__"):
            self._known.append(Value(curve, step, float(value)))

    def send(self) -> None:
        """Let those on a device set out."""
        if self._waiting:
            self._transfer = Transfer(torch.stack([value.float().mean() for _, _, value in self._waiting]))

    def arrived(self) -> bool:
        """Return whether all are here."""
        return self._transfer is None or self._transfer.arrived()

    def all(self) -> list[Value]:
        """Return all, once they have arrived."""
        if self._transfer is None:
            return self._known
        numbers = self._transfer.values().tolist()
        came = [Value(curve, step, value) for (curve, step, _), value in zip(self._waiting, numbers, strict=True)]
        return [*self._known, *came]


@dataclass(slots=True)
class Merging:
    """`after` is the step behind which the ranks go together, `known (L,)` are the largest activations so far,
    `values` those of this rank's curves since then.

    Steps are merged in their order, one at a time, so that all ranks put in the same.
    """

    layout: Layout
    merger: Merger
    every: Callable[[], int]
    after: int
    known: NDArray[np.float32]
    _way: deque[_OnItsWay] = field(default_factory=deque)
    values: RankValues = field(default_factory=RankValues)

    def put_value(self, curve: str, step: int, value: Any) -> None:
        """Add a value of one of `CURVES`."""
        if curve in CURVES:
            self.values.put(curve, step, value)

    def put(self, seen: Seen) -> None:
        """Send an observed step on its way."""
        if len(self._way) >= MOST_ON_THEIR_WAY:
            seen.forget()
        values, self.values = self.values, RankValues()
        values.send()
        self._way.append(_OnItsWay(seen, self.after, values, monotonic()))
        self.after = seen.step

    def take(self) -> list[Merged]:
        """Go on with what is on its way, and return what has come through."""
        done = []
        while self._way and (merged := self._advance(self._way[0])) is not None:
            self._way.popleft()
            done.append(merged)
        return done

    def rest(self) -> list[Value]:
        """Return this rank's values that were not merged, where nobody merges them any more."""
        unmerged = [one.values for one in self._way]
        self._way.clear()
        self.values.send()
        unmerged.append(self.values)
        self.values = RankValues()
        return [value for values in unmerged for value in values.all()]

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._way

    def forget_peak(self, number: int | None) -> None:
        """Start the largest activation of one layer, or of all, anew."""
        self.known[slice(None) if number is None else number] = 0

    def finish(self) -> list[Merged]:
        """Return what comes through yet, within `FINISHES_WITHIN`."""
        until, done = monotonic() + FINISHES_WITHIN, self.take()
        while self._way and not self.merger.broken and monotonic() < until:
            sleep(0.001)
            done += self.take()
        return done

    def _advance(self, one: _OnItsWay) -> Merged | None:
        if one.maxima is None:
            tops = one.seen.tops()
            if tops is None:
                return None
            one.maxima = self.merger.put(self.layout.maxima(tops, self.every()), maxima=True)
        if one.maxima.result is None:
            return None
        if one.sums is None and not self._put_sums(one, one.maxima.result):
            return None
        if one.sums is None or one.sums.result is None or not one.seen.shipment.arrived():
            return None
        return self._merged(one, one.maxima.result, one.sums.result)

    def _put_sums(self, one: _OnItsWay, maxima: Vector) -> bool:
        if not one.seen.counting:
            peaks = self.layout.peaks(maxima, self.known)
            one.seen.count(peaks)
            self.known = peaks[:, -1]
        counts = one.seen.counts()
        if counts is None or not one.values.arrived():
            return False
        one.sums = self.merger.put(self.layout.sums(one.seen.step, counts, one.values.all()), maxima=False)
        return True

    def _merged(self, one: _OnItsWay, maxima: Vector, sums: Vector) -> Merged:
        step = one.seen.step
        observation = self.layout.observation(step, maxima, sums)
        values, seconds = self.layout.values(sums, one.after, step), monotonic() - one.began
        return Merged(observation, values, int(maxima[-1]), seconds, one.seen.shipment)


def steps_between(seconds: float, step_seconds: float, least: int) -> int:
    """Return how many steps of `step_seconds` make `seconds`, `least` at least and `MOST_STEPS` at most."""
    if not step_seconds > 0:
        return least
    return int(min(max(least, -(-seconds // step_seconds)), MOST_STEPS))
