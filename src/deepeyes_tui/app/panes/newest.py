"""The newest value of a curve: one in header and legend, though curves are drawn less often."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Second:
    """A snapshot for all of its second: those of one second compare equal."""

    key: tuple[object, ...]
    snapshot: Snapshot | None = field(compare=False)


def second_of(scene: Scene) -> Second:
    """Return what curves are drawn anew for: once a second is enough while training goes on, as they cost most."""
    made = scene.snapshot
    if made is None or scene.ended or scene.replay is not None or not made.status.published_at:
        return Second((made,), made)
    status = made.status
    return Second((made.run, int(status.published_at), status.state, made.generation, len(made.series)), made)


def newest(scene: Scene, name: str, last: float) -> float:
    """Return the newest value of a curve as its legend has it, `last` where that is no number or there is no curve.

    Of a run that has ended it is `last`, that of its last step: a point of a long curve is a mean of several.
    """
    goes_on = scene.replay is None and not scene.ended
    value = _newest(second_of(scene), name) if goes_on and math.isfinite(last) else last
    return value if math.isfinite(value) else last


@lru_cache(maxsize=16)
def _newest(second: Second, name: str) -> float:
    series = second.snapshot.series.get(name) if second.snapshot is not None else None
    return float(series.value[-1]) if series is not None and len(series.value) else math.nan
