"""What instances say: copies beyond error, patterns nobody detects, layers that pass on what they get."""

from functools import partial

import numpy as np
import pytest

from deepeyes_tui.analysis.alike import similarity_errors, surely_alike
from deepeyes_tui.analysis.evidence import gather_evidence, newest_half
from deepeyes_tui.analysis.process import read
from deepeyes_tui.analysis.similarity import weighted_jaccard
from deepeyes_tui.analysis.unseen import blank
from deepeyes_tui.analysis.usefulness import copied_share, entry_of, stream_before
from tests.processes.rings import write_ring


@pytest.fixture
def random():
    return np.random.default_rng(3)


def of_ring(tmp_path, **given):
    return partial(read, write_ring(tmp_path, **given), f"layer{given.get('number', 0)}")


def test_errors_of_similarities_are_those_of_repeated_samples(random):
    def sample():
        common = random.exponential(size=(100, 1)).repeat(4, axis=0)  # four instances an input resemble each other
        return (common + random.exponential(0.3, size=(400, 2))).astype(np.float32)

    values = [float(weighted_jaccard(sample())[0, 1]) for _ in range(300)]
    inputs = np.arange(400) // 4
    said = [similarity_errors(sample(), inputs, np.array([0]), np.array([1]))[0] for _ in range(30)]
    assert np.mean(said) == pytest.approx(np.std(values), rel=0.2)


def test_copies_are_found_with_the_strongest_first_and_chance_finds_none(random):
    base = np.maximum(random.normal(size=(800, 30)), 0).astype(np.float32)
    base[:, 7] = 1.04 * base[:, 2] + 0.01 * random.random(800)
    phi = weighted_jaccard(base)
    groups = surely_alike(base, np.arange(800), phi, np.zeros(30, bool), 0.9, 0.05)
    assert [group.tolist() for group in groups] == [[7, 2]]


def test_a_similarity_just_above_is_no_finding_while_its_error_is_as_large(random):
    found = 0
    for _ in range(60):
        a = np.abs(random.normal(size=(150, 1)))
        pair = np.concatenate([a, a * np.exp(random.normal(0, 0.145, size=(150, 1)))], axis=1).astype(np.float32)
        groups = surely_alike(pair, np.arange(150), weighted_jaccard(pair), np.zeros(2, bool), 0.9, 0.05)
        found += len(groups)
    assert found <= 9  # true similarity a little below 0.9: one in twenty, within what 60 draws may show


def test_a_label_without_response_and_blank_instances_are_told_apart(tmp_path):
    labels = np.arange(600) % 5
    random = np.random.default_rng(0)
    patches = random.random((600, 20))
    activations = random.random((600, 12))
    activations[labels == 3] = 0
    patches[:100], activations[:100] = 0.4, 0
    given = {"labels": labels, "patches": patches, "activations": activations, "inputs": np.arange(600)}
    (known,) = gather_evidence(1, [of_ring(tmp_path, **given, steps=np.full(600, 9))]).layers
    assert known.blank == pytest.approx(1 / 6, abs=1e-3)
    assert known.undetected == pytest.approx(0.2, abs=0.01)
    assert {tally.group: (tally.inputs, tally.unseen) for tally in known.labels} == {
        str(label): (100, 100 if label == 3 else 0) for label in range(5)
    }


def test_patches_of_one_value_are_never_blank():
    assert not blank(np.zeros((5, 1), np.float32)).any()
    assert blank(np.zeros((5, 3), np.float32)).all()


@pytest.mark.parametrize(("noise", "least", "most"), [(0.0, 0.999, 1.0), (0.1, 0.95, 1.0), (3.0, 0.0, 0.3)])
def test_copies_of_the_input_are_a_share_of_the_output(random, noise, least, most):
    patches = random.normal(size=(500, 16)).astype(np.float32)
    out = np.maximum(1.3 * patches + noise * random.normal(size=(500, 16)), 0).astype(np.float32)
    assert least <= copied_share(patches, out, 0.85) <= most


def test_a_mixing_layer_copies_nothing(random):
    patches = np.maximum(random.normal(size=(500, 16)), 0).astype(np.float32)
    out = np.maximum(patches @ random.normal(size=(16, 24)), 0).astype(np.float32)
    assert copied_share(patches, out, 0.85) < 0.2


def test_a_branch_that_adds_nothing_is_seen_from_the_stream(random):
    mix = random.normal(size=(24, 24))
    stream = [(random.normal(size=(900, 24)) @ mix).astype(np.float32) for _ in range(3)]
    nothing, much = (0.01 * stream[0]).astype(np.float32), (stream[1] @ random.normal(size=(24, 24))).astype(np.float32)
    entries = [
        entry_of("inner", stream[0], much),
        entry_of("outer", stream[1], nothing),
        entry_of("next", stream[2], much),
    ]
    before, added = stream_before(entries, 1, 0.98)
    assert before in ("inner", "outer")
    assert added < 0.02
    other = [*entries[:2], entry_of("next", (stream[2] @ random.normal(size=(24, 24))).astype(np.float32), much)]
    assert stream_before(other, 1, 0.98)[0] == ""


def test_few_inputs_nan_and_layers_without_a_ring_say_nothing(tmp_path):
    few = of_ring(tmp_path, size=40, number=0, steps=8 + np.arange(40) // 16)
    broken = np.random.default_rng(0).random((600, 12))
    broken[5] = np.nan
    hurt = of_ring(tmp_path, number=1, activations=broken, inputs=np.arange(600), steps=np.full(600, 9))
    first, second = gather_evidence(1, [few, hurt, lambda: None]).layers
    assert np.isnan(first.effective)
    assert first.inputs == 40
    assert second.labels == ()
    assert np.isnan(second.undetected)
    assert second.effective > 0


def test_without_labels_purity_is_unknown_and_the_rest_is_not(tmp_path):
    (known,) = gather_evidence(1, [of_ring(tmp_path, labels=np.full(600, -1))]).layers
    assert np.isnan(known.purities.rise)
    assert known.labels == ()
    assert known.living > 0


def test_instances_of_a_network_that_had_hardly_been_trained_are_left_out(tmp_path):
    seen = of_ring(tmp_path, size=1000, filters=8)()
    assert seen.steps.min() < seen.steps.max() / 2
    late = newest_half(seen)
    assert late.steps.min() >= seen.steps.max() / 2
    assert len(late) == int((seen.steps >= seen.steps.max() / 2).sum()) == len(late.activations) == len(late.patches)
    (known,) = gather_evidence(1, [lambda: seen]).layers
    assert known.step == seen.steps.max()
    assert known.inputs == len(set(zip(late.steps.tolist(), late.inputs.tolist(), strict=True)))
