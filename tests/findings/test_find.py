"""What is found from a snapshot alone, and from evidence: words, numbers, acts, and when too little is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from deepeyes_tui.app.bindings import KEY_OF, PaneName
from deepeyes_tui.ctl.arguments import add_actions
from deepeyes_tui.findings import Kind, Task, Weight, find
from deepeyes_tui.findings.acts import SHORT, ctl_line
from deepeyes_tui.findings.finding import KEYS, PANES
from deepeyes_tui.findings.gathered import gathered
from deepeyes_tui.findings.quiet import nothing_found
from deepeyes_tui.findings.undetected import is_pattern
from deepeyes_tui.findings.words import with_error
from deepeyes_tui.link.findings import Evidence, LayerEvidence, Purities, Tally
from deepeyes_tui.link.messages import Command
from deepeyes_tui.link.snapshot import LEAST_WINDOW
from tests.app import synthetic

RECTIFIED = tuple(replace(info, output_point="relu") for info in synthetic.infos())


def quiet(infos=RECTIFIED, **arrays):
    """A snapshot in which nothing is wrong but what is said."""
    made = synthetic.snapshot(infos)
    made.arrays["dead"][:] = made.arrays["always_on"][:] = False
    made.arrays["frequency"][:] = 0.2
    made.arrays["undetected"][:] = 0.0
    made.arrays["window_instances"][:] = 10_240
    for name, value in arrays.items():
        made.arrays[name][:] = value
    return made


def of(findings, kind):
    return [found for found in findings if found.kind is kind]


def evidence(**fields):
    known = LayerEvidence("fc1", 1, 2000, 1000, effective=480.0, living=500, undetected=0.0, blank=0.0)
    return Evidence(1, (replace(known, **fields),))


def test_a_healthy_network_has_no_faults():
    assert not [found for found in find(quiet(), evidence()) if found.weight is Weight.FAULT]


def test_dead_filters_are_named_with_what_was_looked_at_and_may_be_pruned():
    made = quiet()
    made.arrays["dead"][[0, 7, 25]] = True
    first, second = of(find(made), Kind.DEAD)
    assert (first.layer, first.filters, second.layer, second.filters) == ("conv1", (0, 7), "conv2", (5,))
    assert "2 of 20 filters of conv1 not seen active in the last 200 observed steps" in first.sentence
    assert first.act is not None
    assert first.act.arguments == {"filters": {"conv1": [0, 7]}}


@pytest.mark.parametrize("arrays", [{"dead_window": 2}, {"window_instances": 10, "dead_window": 10}])
def test_few_looks_or_few_inputs_call_nothing_dead(arrays):
    made = quiet(**arrays)
    made.arrays["dead"][0] = True
    findings = find(made)
    assert not of(findings, Kind.DEAD)
    assert [found.filters for found in of(findings, Kind.UNKNOWN)] == [(0,)]


def test_looks_are_told_to_count_from_when_a_layer_got_new_filters():
    made = quiet(dead_window=6, observed=21)
    made.arrays["dead"][0] = True
    (early,) = of(find(made), Kind.UNKNOWN)
    assert "6 observed steps since it got new filters are too few to be certain" in early.sentence
    made.arrays["dead"][0] = False
    said = nothing_found(Task.DEGENERATED, made, (), None)
    assert said == f"No filter is judged yet: 6 observed steps since it got new filters, {LEAST_WINDOW} are needed."
    made.arrays["dead_window"][1:] = 40  # those that got none
    assert nothing_found(Task.DEGENERATED, made, (), None).startswith("No filter of conv1 is judged yet: 6 observed")
    made.arrays["observed"][:] = 6
    assert "since" not in nothing_found(Task.DEGENERATED, made, (), None)


def test_without_a_nonlinearity_behind_it_a_filter_below_zero_is_not_called_dead():
    made = quiet(tuple(replace(info, output_point="") for info in synthetic.infos()))
    made.arrays["dead"][0] = True
    (silent,) = of(find(made), Kind.SILENT)
    assert silent.act is None
    assert silent.weight is Weight.FACT
    assert not of(find(made), Kind.DEAD)


def test_always_on_needs_certainty():
    made = quiet()
    made.arrays["always_on"][3], made.arrays["frequency"][3] = True, 0.99
    (found,) = of(find(made), Kind.ALWAYS_ON)
    assert found.filters == (3,)
    made.arrays["window_instances"][:] = 20
    for looks in (10, 1_000_000):  # a frequency forgets what was long ago
        made.arrays["observed"][:] = looks
        assert not of(find(made), Kind.ALWAYS_ON)


def test_stable_layers_say_since_when_and_the_others_how_far_they_move():
    made = quiet(stability=0.12)
    made.arrays["stable_since"][:] = [412, -1, -1, -1]
    findings = find(made)
    (stable,) = of(findings, Kind.STABLE)
    assert "stable since step 412, for 791 steps" in stable.sentence
    assert [found.layer for found in of(findings, Kind.MOVING)] == ["conv2", "fc1", "fc2"]
    assert "0.12" in of(findings, Kind.MOVING)[0].sentence


def test_a_layer_that_is_frozen_is_stable_for_that_and_is_not_to_be_frozen():
    infos = tuple(replace(info, frozen=info.name == "conv2") for info in RECTIFIED)
    findings = of(find(quiet(infos, stable_since=412)), Kind.STABLE)
    assert [found.layer for found in findings if found.act is None] == ["conv2"]
    assert findings[1].sentence.endswith("for 791 steps: it is frozen.")


def test_how_far_a_layer_is_from_stable_is_told_in_windows():
    made = quiet(stability=0.01, stable_since=-1)
    made.arrays["stability"][0, -5:] = 0.2, 0.3, 0.054, 0.01, 0.01
    made.arrays["stability"][1, :] = 0.054
    made.arrays["stability"][2, ::4] = 0.2
    first, second, third, _ = of(find(made), Kind.MOVING)
    assert "conv1 is stable no more, as it was until 5 windows ago: it moves by 0.01 a window." in first.sentence
    assert first.sentence.endswith("Stable is under 0.05 in 5 windows in a row, of which it has had 2.")
    assert second.sentence == (
        "conv2 is not stable yet: it moves by 0.054 a window. Stable is under 0.05 in 5 windows in a row."
    )
    assert third.numbers["calm_windows"] == 3
    (told,) = of(gathered((first, second, third)), Kind.MOVING)
    assert "conv1 by 0.01 (2 of 5), conv2 by 0.054 and fc1 by 0.01 (3 of 5)" in told.sentence
    assert told.sentence.endswith("conv1 was stable before.")


def test_early_layers_are_named_in_one_sentence():
    made = quiet(stability=np.nan, stable_since=-1, observed=12)
    (early,) = of(find(made), Kind.UNKNOWN)
    assert "conv1, conv2, fc1 and fc2 are stable: 12 observed steps so far, 60 are needed" in early.sentence


def test_nan_is_a_fault():
    made = quiet()
    made.arrays["nan"][1], made.arrays["nonfinite_since"][1] = 412, 1203
    (found,) = of(find(made), Kind.NONFINITE)
    assert "conv2" in found.sentence
    assert "412 NaN" in found.sentence


def test_a_label_that_goes_undetected_is_a_pattern():
    labels = (*(Tally(str(i), 100, 2) for i in range(9)), Tally("9", 100, 80))
    (found,) = of(find(quiet(), evidence(labels=labels, undetected=0.1)), Kind.UNSEEN_PATTERN)
    assert "80 % of the inputs of label 9 (80 of 100), 2 % of all others" in found.sentence.replace("2.0 %", "2 %")


@pytest.mark.parametrize(("unseen", "rest"), [(3, 2), (24, 0), (60, 450), (80, 450)])
def test_odd_examples_chance_and_a_layer_that_misses_everything_are_none(unseen, rest):
    assert not is_pattern(Tally("9", 100, unseen), 900, rest, 10)


def test_redundant_filters_keep_one_of_each_group():
    (found,) = of(find(quiet(), evidence(groups=((4, 1, 9), (30, 2)), effective=350.0)), Kind.REDUNDANT)
    assert found.filters == (1, 2, 4, 9, 30)
    assert found.act is not None
    assert found.act.arguments == {"filters": {"fc1": [1, 2, 9]}}
    assert "Effective number of filters: 350 of 500" in found.sentence
    assert "larger than it needs" in found.sentence


def test_a_copying_layer_is_of_no_use_unless_labels_come_apart():
    flat = Purities(0.6, 0.01, 0.601, 0.01, 0.001, 0.004, 0.1)
    assert of(find(quiet(), evidence(copied=0.97, purities=flat)), Kind.USELESS)[0].layer == "fc1"
    steep = replace(flat, after=0.8, rise=0.2)
    assert not of(find(quiet(), evidence(copied=0.97, purities=steep)), Kind.USELESS)
    assert not of(find(quiet(), evidence(copied=0.3, purities=flat)), Kind.USELESS)
    assert of(find(quiet(), evidence(unchanged="conv2", added=0.01)), Kind.USELESS)


def test_a_layer_may_be_missing_only_where_labels_still_come_apart_at_the_end():
    before = LayerEvidence("fc1", 1, 2000, 1000, purities=Purities(0.3, 0.01, 0.45, 0.01, 0.15, 0.01, 0.1))
    last = LayerEvidence("fc2", 1, 2000, 1000, purities=Purities(0.5, 0.01, 0.55, 0.01, 0.05, 0.01, 0.1))
    (found,) = of(find(quiet(), Evidence(1, (before, last))), Kind.MISSING)
    assert found.layer == "fc1"
    apart = replace(last, purities=replace(last.purities, before=0.9, after=0.95))
    assert not of(find(quiet(), Evidence(1, (before, apart))), Kind.MISSING)
    unsure = replace(last, purities=replace(last.purities, before=0.41))
    assert not of(find(quiet(), Evidence(1, (before, unsure))), Kind.MISSING)


def test_purity_says_of_which_steps_its_instances_are():
    known = [
        LayerEvidence(name, 1, 2000, 1000, purities=Purities(start, 0.01, start + 0.2, 0.01, 0.2, 0.01, 0.1), step=1200)
        for name, start in (("fc1", 0.2), ("fc2", 0.4))
    ]
    findings = find(quiet(), Evidence(1, tuple(known)))
    (missing,), (along, first, _) = of(findings, Kind.MISSING), of(findings, Kind.PURITY)
    assert all("; of steps 600 to 1,200 together" in found.sentence for found in (missing, along, first))
    assert "as it is now may keep labels further apart" in missing.sentence
    assert "together" not in of(find(quiet(), evidence(purities=known[0].purities)), Kind.PURITY)[0].sentence


@pytest.mark.parametrize(("error", "said"), [(0.004, ".89 ± <.01"), (0.01, ".89 ± .01"), (np.nan, ".89")])
def test_a_small_error_is_not_none(error, said):
    assert with_error(0.89, error) == said


def test_a_share_that_goes_undetected_is_told_with_the_inputs_behind_it():
    made = quiet(undetected=0.05, window_instances=643)
    first, *_ = found = of(find(made), Kind.UNDETECTED)
    assert f"from some {round(643 / made.layers[0].positions_per_input, -1):.0f} inputs of" in first.sentence
    assert "inputs of the last observed steps" in of(gathered(found), Kind.UNDETECTED)[0].sentence


def test_evidence_of_other_filters_and_of_few_inputs_is_not_used():
    groups = ((4, 1),)
    assert not of(find(quiet(), evidence(groups=groups, generation=2)), Kind.REDUNDANT)
    few = Evidence(1, (LayerEvidence("fc1", 1, 30, 30),))
    (said,) = of(find(quiet(), few), Kind.UNKNOWN)
    assert "Too little is known of conv1, conv2, fc1 and fc2" in said.sentence
    assert "instances of only 0 to 30 inputs were kept" in said.sentence


def test_findings_come_in_the_order_of_the_tasks_and_go_into_json():
    made = quiet(undetected=0.2)
    made.arrays["dead"][0] = True
    findings = find(made, evidence(groups=((4, 1),), undetected=0.2))
    tasks = [list(Task).index(found.task) for found in findings]
    assert tasks == sorted(tasks)
    for found in findings:
        assert json.loads(json.dumps(found.to_json()))["sentence"] == found.sentence
        assert found.sentence.endswith(".")


def test_a_network_without_anything_seen_has_no_findings():
    assert find(quiet(observed=0)) == ()


def test_each_kind_leads_to_a_pane_of_the_viewer_by_its_key():
    assert set(PANES) == set(Kind)
    assert {KEY_OF[PaneName(pane)] for pane in PANES.values()} == {KEYS[pane] for pane in PANES.values()}
    assert all(KEYS[pane] == KEY_OF[PaneName(pane)] for pane in KEYS)


@pytest.mark.parametrize(
    "act",
    [
        Command("prune", {"filters": {"conv 1": [1, 2, 3, 9]}}),
        Command("drop-layer", {"layer": "fc1"}),
        Command("add-layer", {"layer": "fc1"}),
        Command("grow", {"layer": "fc1", "count": 4, "how": "random", "source": None}),
        Command("freeze", {"layer": "fc1", "filters": None}),
    ],
)
def test_acts_are_said_as_ctl_reads_them(act):
    import argparse
    import shlex

    parser = argparse.ArgumentParser()
    add_actions(parser)
    order = parser.parse_args(shlex.split(ctl_line("demo", act))[2:]).order
    known = {name: value for name, value in order.arguments.items() if name != "action"}
    assert order.arguments.get("action", str(order.action)) == act.action
    assert {**known, **act.arguments} == known
    assert act.action in SHORT


def test_tokens_without_a_response_are_padding():
    layers = tuple(replace(info, kind="Embedding", signed=True) for info in RECTIFIED)
    made = quiet(layers, undetected=0.4)
    told = of(find(made), Kind.UNDETECTED)
    assert len(told) == len(layers)
    assert all("vector of zeros: padding" in found.sentence for found in told)
