"""Going through a recorded run: what there is to go through, where one is, and what keys do with it. Pure functions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deepeyes_tui.history import Event
from deepeyes_tui.link.snapshot import Int

if TYPE_CHECKING:
    from deepeyes_tui.app.scene import Scene

SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""States a second."""
WHOLE = 60.0
"""Seconds that playing a whole record takes at first, about."""
MOST_TOLD = 6
"""Events of one step that are told of at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """A record: `steps (N,)`, rising, of which states are kept, what happened, and when it began (since the epoch)."""

    steps: Int
    events: tuple[Event, ...] = ()
    started_at: float = 0.0

    @property
    def last(self) -> int:
        """The newest step that is kept."""
        return int(self.steps[-1]) if len(self.steps) else 0

    def place(self, step: int) -> int:
        """Return the place of the newest state at or before a step; of the first one where there is none."""
        return max(bisect_right(self.steps, step) - 1, 0)


@dataclass(frozen=True, slots=True)
class Replay:
    """Where one is: at the newest state at or before step `wanted`; None follows the end."""

    timeline: Timeline
    wanted: int | None = None
    playing: bool = False
    speed: int = field(default=SPEEDS[0])

    @property
    def step(self) -> int:
        """The step that one is at."""
        steps = self.timeline.steps
        return int(steps[self.place]) if len(steps) else 0

    @property
    def place(self) -> int:
        """The place of that step's state among all."""
        steps = self.timeline.steps
        return max(len(steps) - 1, 0) if self.wanted is None else self.timeline.place(self.wanted)

    @property
    def at_end(self) -> bool:
        """Whether the newest state is shown."""
        return self.place >= len(self.timeline.steps) - 1

    def to_place(self, place: int) -> Replay:
        """Go to the state of a place, clipped to those there are; the last one is followed."""
        steps = self.timeline.steps
        if place >= len(steps) - 1:
            return replace(self, wanted=None)
        return replace(self, wanted=int(steps[max(place, 0)]))

    def to_step(self, step: int) -> Replay:
        """Go to a step."""
        return self.to_place(self.timeline.place(step))


def started(timeline: Timeline, wanted: int | None = None) -> Replay:
    """Return where a replay begins; its speed is such that the record takes about a minute."""
    rate = len(timeline.steps) / WHOLE
    return Replay(timeline, wanted, speed=min(SPEEDS, key=lambda speed: abs(speed - rate)))


def read_step(text: str, replay: Replay) -> int:
    """Read `1200`, `1.2k`, `50%`, or `+100` and `-100` from here. Raises ValueError with a sentence."""
    plain = text.strip().replace(",", "").replace("_", "").casefold()
    try:
        if plain.endswith("%"):
            return round(float(plain[:-1]) / 100 * replay.timeline.last)
        factor = {"k": 1000, "m": 1_000_000}.get(plain[-1:], 1)
        number = round(float(plain if factor == 1 else plain[:-1]) * factor)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no step: 1200, 1.2k, 50%, +100 or -100 is one") from None
    return replay.step + number if plain[0] in "+-" else number


def events_at(replay: Replay) -> list[Event]:
    """Return what happened since the state before the one that is shown."""
    steps, place = replay.timeline.steps, replay.place
    before = int(steps[place - 1]) if place else -1
    return [event for event in replay.timeline.events if before < event.step <= replay.step]


def event_words(replay: Replay) -> str:
    """Say what happened here."""
    here = events_at(replay)
    if not here:
        return f"step {replay.step:,}"
    more = f" and {len(here) - MOST_TOLD:,} more" if len(here) > MOST_TOLD else ""
    return f"step {replay.step:,}: {'; '.join(event.text for event in here[:MOST_TOLD])}{more}"


def advanced(scene: Scene, states: int) -> Scene:
    """Play on by some states; at the end playing stops."""
    replay = scene.replay
    if replay is None or not replay.playing or states < 1:
        return scene
    after = replay.to_place(replay.place + states)
    return _at(scene, replace(after, playing=not after.at_end))


def jumped(scene: Scene, text: str) -> Scene:
    """Go to the step that was typed, or say why not."""
    scene = scene.with_desk(typing=None)
    if scene.replay is None or not text:
        return scene
    try:
        asked = read_step(text, scene.replay)
    except ValueError as error:
        return scene.with_desk(note=str(error), note_is_error=True)
    after = _told(_at(scene, replace(scene.replay.to_step(asked), playing=False)))
    return after.with_desk(note=f"{_nearest(after.replay, asked)}{after.desk.note}") if after.replay else after


def _nearest(replay: Replay, asked: int) -> str:
    """Say that the step that was asked for is another than the one that is shown, where it is."""
    if replay.step == asked:
        return ""
    which = "before it" if replay.step < asked else "there is"
    return f"asked for step {asked:,}, the nearest record {which}: "


def _step(states: int) -> Callable[[Replay], Replay]:
    return lambda replay: replace(replay.to_place(replay.place + states), playing=False)


def _faster(by: int) -> Callable[[Replay], Replay]:
    def change(replay: Replay) -> Replay:
        place = SPEEDS.index(replay.speed) + by
        return replace(replay, speed=SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])

    return change


def _event(sign: int) -> Callable[[Replay], Replay]:
    """Return a move to the first state that shows the next event, or the one before."""

    def change(replay: Replay) -> Replay:
        steps, here = replay.timeline.steps, replay.place
        places = {min(int(steps.searchsorted(event.step)), len(steps) - 1) for event in replay.timeline.events}
        beyond = [place for place in places if (place - here) * sign > 0]
        return replay if not beyond else replay.to_place(min(beyond) if sign > 0 else max(beyond))

    return change


def _play(replay: Replay) -> Replay:
    """Play, or hold; at the end, from the beginning."""
    if not replay.playing and replay.at_end:
        replay = replay.to_place(0)
    return replace(replay, playing=not replay.playing)


def _at(scene: Scene, replay: Replay) -> Scene:
    return replace(scene, replay=replay)


def _told(scene: Scene) -> Scene:
    assert scene.replay is not None
    return scene.with_desk(note=event_words(scene.replay), note_is_error=False)


CHANGES: dict[str, Callable[[Replay], Replay]] = {
    "play": _play,
    "play_too": _play,
    "next_state": _step(1),
    "previous_state": _step(-1),
    "next_event": _event(1),
    "previous_event": _event(-1),
    "first_state": lambda replay: replace(replay.to_place(0), playing=False),
    "last_state": lambda replay: replace(replay, wanted=None, playing=False),
    "faster": _faster(1),
    "slower": _faster(-1),
}
TOLD = ("next_event", "previous_event")


def replayed(scene: Scene, action: str) -> Scene:
    """Return the scene after a key that goes through the record."""
    if scene.replay is None or not len(scene.replay.timeline.steps):
        return scene
    after = _at(scene, CHANGES[action](scene.replay))
    if action not in TOLD:
        return after
    if after.replay == scene.replay:
        return after.with_desk(note=f"no event {'after' if action == TOLD[0] else 'before'} this one")
    return _told(replace(after, replay=replace(after.replay, playing=False)) if after.replay else after)
