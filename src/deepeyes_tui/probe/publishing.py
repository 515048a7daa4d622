"""From the probe's numbers to the board: what is published, and how often."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import monotonic

from deepeyes_tui.link.board import BoardWriter
from deepeyes_tui.link.snapshot import LayerInfo, Status
from deepeyes_tui.probe.discovery import OutputPoint
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.scalars import Scalars
from deepeyes_tui.probe.statistics.table import StatisticsTable

EVERY = 0.25
"""Seconds between two publications: what a viewer draws at most."""
RAREST = 3.0
"""Seconds between two publications at most: viewers take a run that is quiet for longer for one that hangs."""
SHARE_OF_BUDGET = 0.2
RATE_OVER = 5.0
"""Seconds over which steps per second are counted."""


def describe(layers: Sequence[Layer], points: Sequence[OutputPoint]) -> list[LayerInfo]:
    """Return what viewers need to know of the layers."""
    infos, offset = [], 0
    for layer, point in zip(layers, points, strict=True):
        infos.append(
            LayerInfo(
                name=layer.name,
                kind=layer.kind,
                filters=layer.filters,
                offset=offset,
                parameters=layer.parameters,
                output_point=_words(layer, point),
                unit=layer.unit,
                signed=_is_signed(layer, point),
                frozen=layer.frozen,
                calls=point.calls,
                also=layer.also,
                receptive_field=point.receptive_field,
                grid=point.grid,
                positions_per_input=point.positions_per_input,
            )
        )
        offset += layer.filters
    return infos


def _is_signed(layer: Layer, point: OutputPoint) -> bool:
    return layer.signed or (point.nonlinearity is not None and point.nonlinearity.signed)


def _words(layer: Layer, point: OutputPoint) -> str:
    absolute = "absolute values" if _is_signed(layer, point) else ""
    return " of ".join(part for part in (absolute, " + ".join(point.words)) if part)


class StepRate:
    """Steps per second over the last `RATE_OVER` seconds; pauses are cut out by `restart`."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def restart(self) -> None:
        """Count anew."""
        self._marks.clear()

    def at(self, step: int) -> float:
        """Note the step that was reached now, and return the rate; NaN at first."""
        now = monotonic()
        self._marks.append((now, step))
        while len(self._marks) > 2 and now - self._marks[1][0] > RATE_OVER:
            self._marks.popleft()
        then, before = self._marks[0]
        passed = now - then
        return (step - before) / passed if passed > 0.05 else float("nan")


class Publisher:
    """Owns the board of one run; a new structure of the model is a new `generation` of it."""

    def __init__(self, path: Path, run: str, labels: Sequence[str], share: float) -> None:
        self._path, self._run, self._share = path, run, share
        self.labels: tuple[str, ...] = tuple(labels)
        self.layers: tuple[LayerInfo, ...] = ()
        self._writer: BoardWriter | None = None
        self.generation = 0
        self._last = 0.0
        self._every = EVERY
        self._taken: deque[float] = deque(maxlen=5)

    def open(self, infos: Sequence[LayerInfo]) -> None:
        """Start a board for these layers; one that was there tells its readers to look for the new one."""
        self.generation += 1
        self._open(infos)

    def describe_anew(self, infos: Sequence[LayerInfo]) -> None:
        """Start another board for the same layers where what is said of them has changed; the generation stays."""
        if tuple(infos) != self.layers:
            self._open(infos)

    def _open(self, infos: Sequence[LayerInfo]) -> None:
        old, self.layers = self._writer, tuple(infos)
        self._writer = BoardWriter(
            self._path, run=self._run, generation=self.generation, layers=infos, labels=self.labels
        )
        if old is not None:
            old.supersede()
            old.close()

    def due(self) -> bool:
        """Return whether it is time again."""
        return monotonic() - self._last >= self._every

    def publish(self, status: Status, table: StatisticsTable, scalars: Scalars) -> None:
        """Put everything on the board."""
        if self._writer is not None:
            self._writer.publish(status, table.arrays(), scalars.series())
            self._last = monotonic()

    def took(self, seconds: float) -> None:
        """Note what a publication cost, with all that belongs to it; what takes long is done less often."""
        self._taken.append(seconds)
        self._every = min(max(EVERY, median(self._taken) / (SHARE_OF_BUDGET * self._share)), RAREST)

    def close(self, *, superseded: bool = False) -> None:
        """Let go of the board; the file stays. Readers of one that is superseded look for another."""
        if self._writer is not None:
            if superseded:
                self._writer.supersede()
            self._writer.close()
            self._writer = None
