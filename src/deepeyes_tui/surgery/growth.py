"""Plans to grow: new filters for a layer, with everything that has to grow along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from deepeyes_tui.surgery.comparing import tolerance
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.insertions import Filling, How, doubtful, grown, insertion
from deepeyes_tui.surgery.plan import Kind, Plan
from deepeyes_tui.surgery.quiet import output_of
from deepeyes_tui.surgery.rehearsal import rehearse
from deepeyes_tui.surgery.sample import Sample
from deepeyes_tui.surgery.templates import Template, template_of
from deepeyes_tui.surgery.wrappers import unwrapped

MOST = 65536
"""Filters that a layer can get at once."""

_LEARNS = "the new filters are read with random weights: the network's output changes, and has to be learned anew"


def plan_growth(
    model: nn.Module,
    layer: str,
    count: int,
    sample: Any,
    *,
    how: str = How.RANDOM,
    source: int | None = None,
    seed: int = 0,
) -> Plan:
    """Return the plan by which the layer at path `layer` gets `count` new filters. Nothing is changed.

    `sample` is a batch that the model runs on. `how` is one of `How`: with "random" the new filters' incoming weights
    are random, their outgoing ones zero; with "split" they are copies of filter `source` (the last one, if None) and
    share its outgoing weights, as in Chen, Goodfellow & Shlens 2016, "Net2Net", section 2.2: both leave the output as
    it is. "random outgoing" is that of ReVACNN and does not. New filters stand behind the one that is their model;
    `Plan.filters` are their numbers in the layer as it becomes. Units of several filters, such as heads, come whole.

    Raises SurgeryError, a ValueError with one sentence, where that is impossible or would change the output.
    """
    way = _checked(count, how, source)
    kept = Sample.of(sample).few()
    core = unwrapped(model)
    template = template_of(core, layer, source, kept)
    ways = -(-count // template.width)
    warnings = _warnings(layer, count, way, template)
    exact = template.coupling.exact and way is not How.RANDOM_OUTGOING
    plans = (
        replace(one, exact=exact, warnings=warnings, seed=seed, sample=kept)
        for one in _drafts(core, layer, template, ways, way)
    )
    return _that_holds(plans, core, layer)


def _checked(count: Any, how: str, source: int | None) -> How:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise SurgeryError(f"a layer grows by 1 to {MOST} filters, not by {count!r}")
    if how not in list(How):
        raise SurgeryError(f"new filters are {', '.join(map(repr, map(str, How)))}, not {how!r}")
    if source is not None and how != How.SPLIT:
        raise SurgeryError(f"a source is the filter that is split: new filters that are {how} have none")
    return How(how)


def _drafts(model: nn.Module, layer: str, template: Template, ways: int, how: How) -> Iterator[Plan]:
    """Plans, the likeliest first: tensors that may both write and read the filters start at random or at zero."""
    coupling = template.coupling
    unsure = doubtful(model, coupling.cuts) if how is How.RANDOM else ()
    several = [frozenset(unsure)] if len(unsure) > 1 else []
    for zero in (frozenset[str](), *(frozenset({one}) for one in unsure), *several):
        filling = Filling(model, how, coupling.cuts, zero)
        yield Plan(
            kind=Kind.GROW,
            layer=layer,
            filters=template.new_filters(ways),
            insertions=tuple(insertion(cut, ways, filling.of(cut)) for cut in coupling.cuts),
            rescales=coupling.rescales,
            attributes=tuple(grown(one, ways) for one in coupling.attributes),
        )


def _that_holds(plans: Iterator[Plan], model: nn.Module, layer: str) -> Plan:
    """Return the first plan that leaves the output as it should, with its costs."""
    refusal = f"{layer} cannot grow"
    for plan in plans:
        assert plan.sample is not None
        try:
            rehearsal = rehearse(plan, model, plan.sample)
        except SurgeryError as error:
            refusal = str(error)
            continue
        if plan.exact and rehearsal.output_change > _allowed(model, plan.sample):
            change = rehearsal.output_change
            refusal = f"{layer} cannot grow: the network's output would change by {change:.1g} of its size"
            continue
        return replace(plan, before=rehearsal.before, after=rehearsal.after, change=rehearsal.output_change)
    raise SurgeryError(refusal)


def _allowed(model: nn.Module, sample: Sample) -> float:
    with torch.no_grad():
        return tolerance(output_of(model, sample))


def _warnings(layer: str, count: int, how: How, template: Template) -> tuple[str, ...]:
    said = []
    if count % template.width:
        whole = -(-count // template.width) * template.width
        said.append(f"filters of {layer} come {template.width} at a time: it grows by {whole}, not by {count}")
    if how is How.RANDOM_OUTGOING:
        said.append(_LEARNS)
    spans = template.coupling.spans
    said += [
        f"{path} normalises over all its channels, also the new ones: the output changes a little" for path in spans
    ]
    return tuple(said)
