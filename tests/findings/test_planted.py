"""Faults planted in small networks that the real probe watches: all of them found, nothing else. The whole is measured
by benchmarks/findings.py.
"""

import pytest
import torch
from planting import FAULTS, plant

from findings import KINDS, measure


@pytest.mark.timeout(600)
def test_planted_faults_are_found_and_nothing_in_a_healthy_network(monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setattr("findings.WATCHED", 60)
    score, alarms = measure(faulty=3, healthy=1, first=500, say=print)
    for kind in KINDS:
        assert score[kind, "recalled"] == score[kind, "planted"], kind
        assert score[kind, "wrong"] == 0, kind
        assert alarms[kind, "wrong"] == 0, kind
    assert sum(score[kind, "planted"] > 0 for kind in KINDS) >= 3


def test_the_same_seed_plants_the_same():
    one, other = plant(3, FAULTS[:3]), plant(3, FAULTS[:3])
    assert one.dead == other.dead != set()
    assert one.copies == other.copies != set()
    assert one.on == other.on
