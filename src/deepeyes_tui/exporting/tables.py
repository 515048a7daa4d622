"""What is exported, as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.exporting.sources import Source
from deepeyes_tui.history import HistoryError
from deepeyes_tui.history.kept import KeptMaps, load
from deepeyes_tui.link.snapshot import LEAST_WINDOW, PERPLEXITY_BINS, LayerStatistics, Snapshot


@dataclass(frozen=True, slots=True)
class Chosen:
    """What part is wanted: up to or at a step, of one layer."""

    step: int | None = None
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length. Unknown numbers are None or NaN, which the files tell alike. `columns` that hold no
    numbers with a point are of a kind in `KINDS`, by their name.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]


KINDS: Mapping[str, type] = {
    **dict.fromkeys(("name", "layer", "kind", "unit", "text", "map"), str),
    **dict.fromkeys(("step", "count", "nonfinite", "filters", "parameters", "observed", "stable_since"), int),
    **dict.fromkeys(("nan", "infinite", "filter", "reached_step", "last_observed_step", "id", "label"), int),
}
"""Columns of text and whole numbers, of all tables; `dead` and `always_on` are counts of layers, flags of filters."""
FLAGS: Mapping[str, Mapping[str, type]] = {
    "layers": {"dead": int, "always_on": int},
    "filters": {"dead": bool, "always_on": bool},
}


def kind_of(table: Table, column: str) -> type:
    """Return what a column holds: str, int, bool or float."""
    return FLAGS.get(table.name, {}).get(column) or KINDS.get(column, float)


def decimals(values: ArrayLike) -> list[Any]:
    """Return numbers of single precision as the shortest decimals that stand for them, whole ones as they are."""
    numbers = np.asarray(values)
    if numbers.dtype.kind != "f":
        return list(numbers.tolist())
    return [float(str(number)) for number in numbers.astype(np.float32)]


def scalars(source: Source, chosen: Chosen) -> Table:
    """Every point of every curve: of the `count` values up to `step`, mean and bounds."""
    columns: dict[str, list[Any]] = {key: [] for key in ("name", "step", "value", "low", "high", "count", "nonfinite")}
    for name in source.series_names:
        curve = source.curve(name, last=chosen.step)
        columns["name"] += [name] * len(curve.step)
        for key, values in (("value", curve.mean), ("low", curve.low), ("high", curve.high)):
            columns[key] += decimals(values)
        for key in ("step", "count", "nonfinite"):
            columns[key] += getattr(curve, key).tolist()
    return Table("scalars", columns)


def layers(source: Source, chosen: Chosen) -> Table:
    """One row a layer and state; `perplexity_00` ... are the shares of the instances in each of so many equal parts of
    the perplexities from 1 to `filters`. What was not measured yet is unknown.
    """
    newest = source.at(_last(source) if chosen.step is None else chosen.step)
    wanted = {layer.info.name for layer in _layers(newest, chosen)} if chosen.layer else None
    rows = [
        {"step": state.status.step, **_layer_row(layer)}
        for state in states(source, chosen)
        for layer in map(state.layer, range(len(state.layers)))
        if wanted is None or layer.info.name in wanted
    ]
    return Table("layers", _columns(rows))


def filters(source: Source, chosen: Chosen) -> Table:
    """One row a filter, of the state at the chosen step, or of the newest."""
    state = source.at(_last(source) if chosen.step is None else chosen.step)
    parts = [_filter_columns(state.status.step, layer) for layer in _layers(state, chosen)]
    names = parts[0] if parts else ()
    return Table("filters", {name: [value for part in parts for value in part[name]] for name in names})


def events(source: Source, chosen: Chosen) -> Table:
    """What happened; times in seconds since the epoch."""
    wanted = [event for event in source.events if chosen.step is None or event.step <= chosen.step]
    keys = ("step", "at", "kind", "text")
    return Table("events", {key: [getattr(event, key) for event in wanted] for key in keys})


def maps(source: Source, chosen: Chosen) -> Table:
    """One row a point of the maps that somebody kept; `label` -1 is none. The `weight` of a point of an Input Map
    (`input`) is how many instances it stands for, of a Filter Map (`filter`) how strongly it goes with its label.
    """
    columns: dict[str, list[Any]] = {key: [] for key in ("step", "layer", "map", "id", "x", "y", "label", "weight")}
    for known in source.kept:
        if chosen.layer in (None, known.layer) and (chosen.step is None or known.step <= chosen.step):
            for which, *values in _points(load(known.path)):
                columns["step"] += [known.step] * len(values[0])
                columns["layer"] += [known.layer] * len(values[0])
                columns["map"] += [which] * len(values[0])
                for key, column in zip(("id", "x", "y", "label", "weight"), values, strict=True):
                    columns[key] += decimals(column)
    return Table("maps", columns)


def _points(kept: KeptMaps) -> Iterator[tuple[Any, ...]]:
    """Yield the kind of each map, then id, x, y, label and weight of its points."""
    sample, points, places = kept.sample, kept.shape.points, kept.frame.positions
    yield "input", sample.ids[points], places[:, 0], places[:, 1], sample.labels[points], kept.shape.weights
    if (filters := kept.filters) is not None:
        places = filters.positions
        yield "filter", np.arange(len(places)), places[:, 0], places[:, 1], filters.label, filters.strength


TABLES: Mapping[str, Callable[[Source, Chosen], Table]] = {
    "scalars": scalars,
    "layers": layers,
    "filters": filters,
    "events": events,
    "maps": maps,
}


def states(source: Source, chosen: Chosen) -> Iterator[Snapshot]:
    """Yield the state at the chosen step, or all that are kept and can be read."""
    if chosen.step is not None:
        yield source.at(chosen.step)
        return
    seen = -1
    for step in source.steps.tolist():
        state = source.at(step)
        if state.status.step > seen:
            seen = state.status.step
            yield state


def _last(source: Source) -> int:
    return int(source.steps[-1]) if len(source.steps) else 0


def _layers(state: Snapshot, chosen: Chosen) -> list[LayerStatistics]:
    names = [layer.name for layer in state.layers]
    if chosen.layer is None:
        return [state.layer(index) for index in range(len(names))]
    if chosen.layer not in names:
        raise HistoryError(f"there is no layer {chosen.layer!r} at step {state.status.step}: {', '.join(names[:20])}")
    return [state.layer(names.index(chosen.layer))]


def _layer_row(layer: LayerStatistics) -> dict[str, Any]:
    stability = layer.stability[np.isfinite(layer.stability)]
    seen, judged = layer.window_instances > 0, layer.dead_window >= LEAST_WINDOW
    bins = decimals(layer.histogram) if seen else [None] * PERPLEXITY_BINS
    return {
        "layer": layer.info.name,
        "kind": layer.info.kind,
        "unit": layer.info.unit,
        "filters": layer.info.filters,
        "parameters": layer.info.parameters,
        "observed": layer.observed,
        "last_observed_step": layer.last_observed_step if layer.has_run else None,
        "undetected": decimals([layer.undetected])[0] if seen else None,
        "stability": decimals(stability[-1:])[0] if len(stability) else None,
        "stable_since": layer.stable_since,
        "dead": int(layer.dead.sum()) if judged else None,
        "always_on": int(layer.always_on.sum()) if judged else None,
        "nan": layer.nan,
        "infinite": layer.infinite,
        **{f"perplexity_{number:02}": share for number, share in enumerate(bins)},
    }


def _filter_columns(step: int, layer: LayerStatistics) -> dict[str, list[Any]]:
    count = layer.info.filters
    return {
        "step": [step] * count,
        "layer": [layer.info.name] * count,
        "filter": list(range(count)),
        "maximum": decimals(layer.maximum),
        "reached_step": [step if step >= 0 else None for step in layer.reached_step.tolist()],
        "frequency": decimals(layer.frequency),
        "dead": layer.dead.tolist(),
        "always_on": layer.always_on.tolist(),
    }


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
