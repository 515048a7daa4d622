"""What commands of surgery ask for, checked, as makers of plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.link.messages import GROWTHS, JSON, SURGERY, Action
from deepeyes_tui.probe.renumbering import Renumbering, now_numbered
from deepeyes_tui.surgery.growing.adding import plan_layer_addition
from deepeyes_tui.surgery.growing.dropping import plan_layer_removal
from deepeyes_tui.surgery.growth import plan_growth
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.sample import Sample

Arguments = Mapping[str, JSON]
MakePlan = Callable[[nn.Module, Sample, Renumbering], Plan | None]
"""Makes a plan for the model as it is by now, after a change of its filters; None where nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be done, in a few words, and the plans of which it consists, one after the other."""

    action: str
    title: str
    makers: tuple[MakePlan, ...]
    layer: str
    structure: int | None
    inexact: bool
    copies: bool


def operation(action: JSON, arguments: Arguments) -> Operation:
    """Return what a command asks for. Raises ValueError in a sentence."""
    if action not in SURGERY:
        raise ValueError(f"{action!r} is no surgery: {', '.join(SURGERY)}")
    title, layer, makers = _READERS[Action(str(action))](arguments)
    return Operation(
        str(action),
        title,
        makers,
        layer,
        _structure(arguments.get("structure")),
        arguments.get("inexact") is True,
        arguments.get("copies") is not False,
    )


Read = tuple[str, str, tuple[MakePlan, ...]]


def _prune(arguments: Arguments) -> Read:
    wanted = arguments.get("filters")
    if not isinstance(wanted, dict) or not wanted:
        raise ValueError("prune takes layers with their filters, as in prune conv1 3,7")
    by_layer = {layer: filter_numbers(layer, filters) for layer, filters in wanted.items()}
    words = [f"{layer}: {_count(len(filters))} ({format_filters(filters)})" for layer, filters in by_layer.items()]
    return f"prune {', '.join(words)}", ", ".join(by_layer), tuple(_cut(*one) for one in by_layer.items())


def _cut(layer: str, filters: list[int]) -> MakePlan:
    def make(model: nn.Module, sample: Sample, change: Renumbering) -> Plan | None:
        left = now_numbered(change, layer, filters)
        return plan_removal(model, layer, left, sample) if left or not change else None

    return make


def _grow(arguments: Arguments) -> Read:
    layer, count, how, source = _layer(arguments), arguments.get("count"), arguments.get("how"), arguments.get("source")
    if isinstance(count, bool) or not isinstance(count, int):
        raise ValueError("grow takes a number of filters, as in grow conv1 4")
    if how is None:
        how = GROWTHS[0]
    if how not in GROWTHS:
        raise ValueError(f"{how!r} is no way of growing: {', '.join(GROWTHS)}")
    if source is not None and (isinstance(source, bool) or not isinstance(source, int)):
        raise ValueError("the filter to split is a number")
    number, way, of = count, str(how), source

    def make(model: nn.Module, sample: Sample, change: Renumbering) -> Plan:
        return plan_growth(model, layer, number, sample, how=way, source=of)

    ways = {"random": "at random", "split": f"by splitting {'one' if of is None else of}"}
    return f"grow {layer} by {_count(count)} {ways.get(way, 'at random, outgoing weights too')}", layer, (make,)


def _add_layer(arguments: Arguments) -> Read:
    layer = _layer(arguments)

    def make(model: nn.Module, sample: Sample, _: Renumbering) -> Plan:
        return plan_layer_addition(model, layer, sample)

    return f"add a layer behind {layer}", layer, (make,)


def _drop_layer(arguments: Arguments) -> Read:
    layer = _layer(arguments)

    def make(model: nn.Module, sample: Sample, _: Renumbering) -> Plan:
        return plan_layer_removal(model, layer, sample)

    return f"drop {layer}", layer, (make,)


_READERS: Mapping[Action, Callable[[Arguments], Read]] = {
    Action.PRUNE: _prune,
    Action.GROW: _grow,
    Action.ADD_LAYER: _add_layer,
    Action.DROP_LAYER: _drop_layer,
}


def _layer(arguments: Arguments) -> str:
    layer = arguments.get("layer")
    if not isinstance(layer, str) or not layer:
        raise ValueError("the name of a layer is needed")
    return layer


def filter_numbers(layer: str, filters: JSON) -> list[int]:
    """Return a list of filters as it came. Raises ValueError for anything else."""
    numbers = [one for one in filters if isinstance(one, int)] if isinstance(filters, list) else []
    if not isinstance(filters, list) or len(numbers) < len(filters) or any(isinstance(one, bool) for one in numbers):
        raise ValueError(f"the filters of {layer} are a list of numbers")
    return numbers


def _structure(value: JSON) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError("the structure is the number that a plan gave")
    return value


def _count(filters: int) -> str:
    return "1 filter" if filters == 1 else f"{filters} filters"
