"""The reading of the MNIST network, on a short training with the digits that ship."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from deepeyes_tui.analysis.sampling import input_numbers
from deepeyes_tui.demo.data import load_digits

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from reading.cells import NetworkReading, cell
from reading.claims import CLAIMS, claims_table, separation
from reading.groups import group_labels
from reading.measures import compare_faint, read_layer
from reading.network import LAYERS, train_in_stages
from reading.tables import all_tables
from reproduce_reading import main

STEPS = (5, 50)
INSTANCES = 150


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPEYES_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("DEEPEYES_LIVE", str(tmp_path_factory.mktemp("live")))
        return list(train_in_stages(load_digits(), STEPS, seed=0, instances=INSTANCES))


@pytest.fixture(scope="module")
def networks(stages):
    return [NetworkReading(0, stage.step, stage.accuracy, tuple(map(read_layer, stage.layers))) for stage in stages]


def test_instances_are_of_the_network_held_still_and_of_digits_shown_once(stages):
    for stage in stages:
        assert [seen.layer for seen in stage.layers] == list(LAYERS)
        for seen in stage.layers:
            assert len(seen) == INSTANCES
            assert seen.steps.min() > stage.step
            assert (seen.labels >= 0).all()
        whole = stage.layers[2]
        pictures = {picture.tobytes() for picture in whole.thumbnails}
        assert len(pictures) == len(np.unique(input_numbers(whole)))


def test_what_the_text_reads_off_the_maps(networks):
    conv1, conv2, fc1, fc2 = networks[-1].layers
    assert abs(separation(conv1)) < 0.1
    assert -0.1 < separation(conv2) < 0.3
    assert min(separation(fc1), separation(fc2)) > 0.45
    assert fc2.own.value > fc1.numbers.purity - 0.03
    assert conv1.faint.ink < 0.1 * conv1.faint.ink_of_others
    assert conv1.faint.blank > 0.8 > 0.25 > conv1.faint.blank_of_others
    assert conv2.faint.ink < conv2.faint.ink_of_others
    assert fc1.numbers.undetected == 0
    assert fc1.grouping.beyond_chance
    assert fc1.strength > conv1.strength
    assert fc2.digits >= 7


def test_training_sharpens_what_is_measured(networks):
    early, late = networks
    assert early.accuracy < late.accuracy
    assert separation(early.layer("fc2")) < separation(late.layer("fc2"))


def test_pairs_of_digits_are_mixed_as_the_survey_says(networks):
    for layer in networks[-1].layers[2:]:
        assert len(layer.mixed) == 45
        assert sum(share for *_, share in layer.mixed) < 1 - layer.numbers.purity + 0.03
        mixed = {(one, other): share for one, other, share in layer.mixed}
        for one, other, share in layer.numbers.confused:
            assert mixed[one, other] == pytest.approx(share, abs=0.006)


def test_a_filter_covers_more_at_a_lower_threshold(networks):
    for layer in networks[-1].layers:
        ascending = [layer.coverage[share] for share in sorted(layer.coverage, reverse=True)]
        assert all((one <= other).all() for one, other in pairwise(ascending))
        assert len(ascending[0]) == layer.filters - layer.dead == sum(layer.labels)


def test_groups_of_filters_and_labels_dealt_at_random():
    of_a_kind = np.repeat(np.arange(10, dtype=np.int32), 8)
    phi = np.where(of_a_kind[:, None] == of_a_kind, 0.8, 0.1).astype(np.float32)
    found = group_labels(phi, of_a_kind)
    assert found.same == 1
    assert found.beyond_chance
    assert found.chance == pytest.approx(7 / 79, abs=0.01)
    dealt = group_labels(phi, np.random.default_rng(3).permutation(of_a_kind))
    assert dealt.low <= dealt.same <= dealt.high
    with pytest.raises(ValueError, match="two filters"):
        group_labels(phi[:1, :1], of_a_kind[:1])


def test_faint_instances_are_told_from_the_others():
    maximum = np.arange(100, dtype=np.float32)
    ink = np.where(maximum < 8, 0.0, 0.5).astype(np.float32)
    faint = compare_faint(maximum, ink)
    assert (faint.share, faint.blank, faint.blank_of_others, faint.of_blank) == pytest.approx((0.1, 0.8, 0, 1))
    assert (faint.ink, faint.ink_of_others) == pytest.approx((0.1, 0.5))


def test_a_cell_holds_mean_and_deviation():
    assert cell([1.0, 3.0], 1) == "2.0 ± 1.4"
    assert cell([2.0], 1) == cell([2.0, 2.0, float("nan")], 1) == "2.0"
    assert cell([float("nan")]) == "-"


def test_tables_have_a_row_for_every_layer_and_stage(networks):
    tables = all_tables({network.step: [network] for network in networks})
    for step in STEPS:
        for layer in LAYERS:
            assert tables.count(f"| {layer} | {step} |") >= 4
    for block in tables.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1
    assert len(claims_table(networks).splitlines()) == len(CLAIMS) + 2


def test_a_document_is_filled_between_its_markers(tmp_path, capsys):
    document = tmp_path / "reading.md"
    document.write_text("before\n<!-- claims, shipped -->\nold\n<!-- end of claims, shipped -->\nafter\n")
    options = ["--steps", "2", "--seeds", "1", "--instances", "30", "--write", str(document)]
    assert main(options) == 0
    text = document.read_text()
    assert text.startswith("before\n<!-- claims, shipped -->\n10,000 training and 2,000 test digits")
    assert text.endswith("<!-- end of claims, shipped -->\nafter\n")
    assert "old" not in text
    assert CLAIMS[0].says in text
    assert "#### Labels among neighbours" in capsys.readouterr().out


def test_what_cannot_be_measured_is_said_in_a_sentence(tmp_path, capsys):
    digits = load_digits()
    few = tmp_path / "few.npz"
    np.savez(
        few, x_train=digits.x_train[:128], y_train=digits.y_train[:128], x_test=digits.x_test, y_test=digits.y_test
    )
    assert main(["--data", str(few), "--steps", "1", "--seeds", "1"]) == 1
    assert "too few digits" in capsys.readouterr().err
    assert main(["--data", str(tmp_path / "nowhere.npz")]) == 1
    assert "there is no data" in capsys.readouterr().err
