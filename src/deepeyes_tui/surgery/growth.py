"""Plans to grow: new filters for a layer, with everything that has to grow along."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growing.insertions import Filling, How, doubtful, grown, insertion
from deepeyes_tui.surgery.growing.proving import Proof
from deepeyes_tui.surgery.growing.templates import Template, template_of
from deepeyes_tui.surgery.plan import Fill, Kind, Plan, Role
from deepeyes_tui.surgery.planning.refusals import check_can_be_asked
from deepeyes_tui.surgery.rehearsal import rehearse
from deepeyes_tui.surgery.running.hushed import hushed
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample

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
    check_can_be_asked(model)
    core = unwrapped(model)
    template = template_of(core, layer, source, Sample.of(sample))
    ways = -(-count // template.width)
    with hushed(core):
        proof = Proof(core, layer, template.sample, template.coupling.spans)
        kept = How.SPLIT if way is How.SPLIT else How.RANDOM
        proven = proof.first(_drafts(core, layer, template, ways, kept), template.refusal)
        plan = _read_at_random(proven) if way is How.RANDOM_OUTGOING else proven
        plan = replace(
            plan,
            exact=template.coupling.exact and way is not How.RANDOM_OUTGOING,
            warnings=_warnings(layer, count, way, template),
            seed=seed,
            sample=template.sample,
        )
        rehearsal = rehearse(plan, core, template.sample)
    return replace(plan, before=rehearsal.before, after=rehearsal.after, change=rehearsal.output_change)


def _checked(count: Any, how: str, source: int | None) -> How:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise SurgeryError(f"a layer grows by 1 to {MOST} filters, not by {count!r}")
    if how not in list(How):
        raise SurgeryError(f"new filters are {', '.join(map(repr, map(str, How)))}, not {how!r}")
    if source is not None and how != How.SPLIT:
        raise SurgeryError(f"a source is the filter that is split: new filters that are {how} have none")
    return How(how)


def _drafts(model: nn.Module, layer: str, template: Template, ways: int, how: How) -> list[Plan]:
    """Plans, the likeliest first: tensors that may both write and read the filters start at random or at zero."""
    coupling = template.coupling
    unsure = doubtful(model, coupling.cuts) if how is How.RANDOM else []
    zeros = dict.fromkeys([frozenset[str](), *(frozenset({one}) for one in unsure), frozenset(unsure)])
    return [
        Plan(
            kind=Kind.GROW,
            layer=layer,
            filters=template.new_filters(ways),
            insertions=tuple(insertion(cut, ways, filling.of(cut)) for cut in coupling.cuts),
            rescales=coupling.rescales,
            attributes=tuple(grown(one, ways) for one in coupling.attributes),
        )
        for filling in (Filling(model, how, coupling.cuts, zero) for zero in zeros)
    ]


def _read_at_random(plan: Plan) -> Plan:
    """Return the plan with random outgoing weights where it has none."""
    changed = tuple(
        replace(one, fill=Fill.RANDOM) if one.role is Role.READS and one.fill is Fill.ZERO else one
        for one in plan.insertions
    )
    return replace(plan, insertions=changed)


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
