"""A run as event files of TensorBoard: curves, what is known of each layer, and its perplexity histograms."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from deepeyes_tui.exporting.sources import Source
from deepeyes_tui.exporting.tables import Chosen, layers, scalars
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.snapshot import PERPLEXITY_BINS

LAYER_SCALARS = ("undetected", "stability", "dead", "always_on")
Entry = tuple[int, Any]
"""A step, and a value of a summary."""


def write_events(source: Source, chosen: Chosen, folder: Path) -> Path:
    """Write an event file into a folder, and return the folder. Raises RunError where tensorboard is not installed.

    Neither torch nor TensorFlow is needed. Raises OSError.
    """
    if find_spec("tensorboard") is None:
        raise RunError("event files of TensorBoard need tensorboard: pip install tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder.mkdir(parents=True, exist_ok=True)
    times = _times(source)
    writer = EventFileWriter(str(folder))
    try:
        for step, value in (*_curves(source, chosen), *_layers(source, chosen)):
            writer.add_event(Event(wall_time=np.interp(step, *times), step=step, summary=Summary(value=[value])))
    finally:
        writer.close()
    return folder


def _curves(source: Source, chosen: Chosen) -> Iterator[Entry]:
    from tensorboard.compat.proto.summary_pb2 import Summary

    columns = scalars(source, chosen).columns
    for name, step, value in zip(columns["name"], columns["step"], columns["value"], strict=True):
        yield step, Summary.Value(tag=name, simple_value=value)


def _layers(source: Source, chosen: Chosen) -> Iterator[Entry]:
    from tensorboard.compat.proto.summary_pb2 import Summary

    columns = layers(source, chosen).columns
    if not columns:
        return
    shares = np.array([columns[f"perplexity_{number:02}"] for number in range(PERPLEXITY_BINS)], np.float64).T
    for row, (step, layer) in enumerate(zip(columns["step"], columns["layer"], strict=True)):
        for name in LAYER_SCALARS:
            value = columns[name][row]
            if value is not None and np.isfinite(value):
                yield step, Summary.Value(tag=f"layers/{layer}/{name}", simple_value=value)
        if np.isfinite(shares[row]).all():
            yield step, Summary.Value(tag=f"perplexity/{layer}", histo=_histogram(shares[row]))


def _histogram(shares: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Return the shares of the bins as a histogram over the numbers of the bins, from 0 to `PERPLEXITY_BINS`."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    middles = np.arange(PERPLEXITY_BINS) + 0.5
    return HistogramProto(
        min=0,
        max=PERPLEXITY_BINS,
        num=float(shares.sum()),
        sum=float(shares @ middles),
        sum_squares=float(shares @ middles**2),
        bucket_limit=range(1, PERPLEXITY_BINS + 1),
        bucket=shares.tolist(),
    )


def _times(source: Source) -> tuple[list[int], list[float]]:
    """Return steps and the times at which they were reached, of the states that are kept."""
    steps = source.steps.tolist() or [0]
    known = [source.at(step).status for step in (steps if len(source.steps) else [])]
    return [status.step for status in known] or [0], [status.published_at for status in known] or [0.0]
