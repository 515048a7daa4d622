"""What is told of all layers alike is told once; and what all of it rests on."""

from dataclasses import replace

import pytest

from deepeyes_tui.findings import Kind, Weight, find
from deepeyes_tui.findings.gathered import FEW, gathered
from deepeyes_tui.findings.rests import rests_on
from deepeyes_tui.link.findings import Evidence, LayerEvidence, Purities
from tests.app import synthetic
from tests.findings.test_find import of, quiet

LAYERS = 9
SAME = Purities(0.31, 0.02, 0.32, 0.02, 0.01, 0.02, 0.1)


def everything(**arrays):
    layers = synthetic.many(LAYERS, 9 * LAYERS)
    known = tuple(LayerEvidence(info.name, 1, 2000, 900, (), 9.0, 9, SAME) for info in layers)
    return find(quiet(layers, **arrays), Evidence(1, known))


def test_facts_of_many_layers_are_one_sentence_each():
    findings = everything(stability=0.12, stable_since=-1, undetected=0.02)
    told = gathered(findings)
    for kind in (Kind.MOVING, Kind.UNDETECTED, Kind.EFFECTIVE):
        (one,) = of(told, kind)
        assert len(of(findings, kind)) == LAYERS
        assert f"{LAYERS} layers" in one.sentence
        assert findings[0].layer in one.sentence
        assert one.sentence.endswith(".")
    assert len(of(told, Kind.PURITY)) == 2, "along the network, and of all layers"
    assert len(told) < len(findings)


def test_faults_and_what_offers_an_act_stand_for_themselves():
    findings = everything(dead=True, stable_since=4)
    told = gathered(findings)
    assert of(told, Kind.STABLE) == of(findings, Kind.STABLE)
    assert [f for f in told if f.weight is Weight.FAULT] == [f for f in findings if f.weight is Weight.FAULT]


def test_a_few_layers_keep_their_own_sentences():
    layers = synthetic.many(FEW, 18)
    findings = find(quiet(layers, stability=0.12, stable_since=-1))
    assert gathered(findings) == findings


def test_what_instances_say_of_an_older_network_is_told():
    made = quiet(last_observed_step=390)
    made = replace(made, status=replace(made.status, step=400))
    known = LayerEvidence("fc1", 1, 2000, 900, step=150)
    assert "as it was up to step 150 of 400" in rests_on(made, Evidence(1, (known,)))
    assert rests_on(made, Evidence(1, (replace(known, step=380),))) == ""
    assert rests_on(made, Evidence(1, (replace(known, inputs=40),))) == ""


@pytest.mark.parametrize(
    ("seen", "last", "says"),
    [
        (2, 7, "step 7, of 400"),
        (1, 7, "step 7 of 400"),
        (40, 390, "40 steps of 400 were observed, 60 are needed for T1"),
        (60, 390, ""),
    ],
)
def test_few_and_old_looks_are_told(seen, last, says):
    made = quiet(observed=seen, last_observed_step=last)
    made = replace(made, status=replace(made.status, step=400, summary="watches a model"))
    assert says in rests_on(made)
    assert bool(rests_on(made)) == bool(says)
    assert "--budget" in rests_on(made) or not says
