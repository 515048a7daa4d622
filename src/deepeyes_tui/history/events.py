"""What happens in a run, found by comparing one state with the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from deepeyes_tui.link.snapshot import Int, RunState, Snapshot


class EventKind(StrEnum):
    """What an event is about. ACT is what somebody did to the training, KEPT a map that somebody kept, GAP a time of
    which nothing was recorded.
    """

    EPOCH = "epoch"
    STATE = "state"
    ACT = "act"
    STRUCTURE = "structure"
    DEAD = "dead"
    STABLE = "stable"
    NONFINITE = "nan"
    KEPT = "kept"
    NOTICE = "notice"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: at which step and time (seconds since the epoch), of which kind, in words."""

    step: int
    at: float
    kind: str
    text: str


WORDS = {
    RunState.TRAINING: "training goes on",
    RunState.PAUSED: "the training is paused",
    RunState.FINISHED: "the training has finished",
    RunState.STOPPED: "the training was stopped",
    RunState.FAILED: "the training has failed",
}


def state_event(before: RunState | None, now: Snapshot) -> Event | None:
    """Return what a change of the training's state is, if it is one to speak of."""
    state = now.status.state
    if state == before or state not in WORDS or (before in (None, RunState.STARTING) and state is RunState.TRAINING):
        return None
    return Event(now.status.step, now.status.published_at, EventKind.STATE, WORDS[state])


class EventFinder:
    """Compares states, each with the one before. Filters count as newly dead when more of a layer are than ever."""

    def __init__(self) -> None:
        self._before: Snapshot | None = None
        self._most_dead: dict[str, int] = {}
        self._notices: set[str] = set()

    def news(self, now: Snapshot) -> list[Event]:
        """Return what has happened since the state before."""
        before, self._before = self._before, now
        found = list(self._structure(before, now))
        same = before if before is not None and before.layers == now.layers else None
        found += [*self._epoch(before, now), *self._layers(same, now), *self._noticed(now)]
        return [Event(now.status.step, now.status.published_at, kind, text) for kind, text in found]

    def _structure(self, before: Snapshot | None, now: Snapshot) -> Iterator[tuple[str, str]]:
        shapes = [[(layer.name, layer.filters) for layer in state.layers] for state in (before, now) if state]
        if len(shapes) == 2 and shapes[0] != shapes[1]:
            self._most_dead.clear()
            filters = sum(size for _, size in shapes[1])
            yield EventKind.STRUCTURE, f"the model has {len(shapes[1])} layers with {filters} filters now"

    def _epoch(self, before: Snapshot | None, now: Snapshot) -> Iterator[tuple[str, str]]:
        epoch, last = now.status.epoch, before.status.epoch if before else float("nan")
        if np.isfinite(epoch) and (not np.isfinite(last) or int(epoch) > int(last)):
            yield EventKind.EPOCH, f"epoch {int(epoch)}"

    def _layers(self, before: Snapshot | None, now: Snapshot) -> Iterator[tuple[str, str]]:
        arrays = now.arrays
        if not now.layers:
            return
        dead = _dead_by_layer(now).tolist()
        for number, layer in enumerate(now.layers):
            most = self._most_dead.get(layer.name, 0)
            if dead[number] > most:
                self._most_dead[layer.name] = dead[number]
                new = dead[number] - most
                yield EventKind.DEAD, f"{layer.name}: {new} more dead, {dead[number]} of {layer.filters} filters"
        for name, kind, words in (
            ("stable_since", EventKind.STABLE, "is stable since step"),
            ("nonfinite_since", EventKind.NONFINITE, "gives NaN or infinity since step"),
        ):
            earlier = before.arrays[name] if before is not None else np.full(len(now.layers), -1)
            for layer, since, new in zip(now.layers, arrays[name], (arrays[name] >= 0) & (earlier < 0), strict=True):
                if new:
                    yield kind, f"{layer.name} {words} {since}"

    def _noticed(self, now: Snapshot) -> Iterator[tuple[str, str]]:
        for text in now.status.notices:
            if text not in self._notices and len(self._notices) < 1000:
                self._notices.add(text)
                yield EventKind.NOTICE, text


def _dead_by_layer(state: Snapshot) -> Int:
    """Return how many filters of each layer are dead, `(L,)`."""
    edges = np.cumsum([0, *(layer.filters for layer in state.layers)])
    sums = np.concatenate([[0], np.cumsum(state.arrays["dead"])])
    return np.asarray(sums[edges[1:]] - sums[edges[:-1]], np.int64)
