"""When what the findings rest on is asked for."""

import pytest

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.mapping import LOOK_AGAIN, RESTS, SURVEY_EVERY, Cartographer
from deepeyes_tui.app.maps import MapBox
from deepeyes_tui.app.moves import to_pane
from deepeyes_tui.link.findings import Evidence, EvidenceRequest
from deepeyes_tui.link.maps import Progress, Stage
from tests.app import synthetic, synthetic_maps


class Desk:
    """A cartographer with its clock, and what it has asked."""

    def __init__(self, folder, stage=Stage.READY):
        self.now, self.requests, box = 0.0, [], MapBox(lambda: self.now)
        box.receive(Progress(0, stage))
        self.maps_of = Cartographer(self, box, lambda: folder, lambda _: None, lambda: self.now)

    def ask(self, request):
        self.requests.append(request)

    def look(self, seconds, pane=PaneName.TRAINING, evidence=None):
        self.now += seconds
        self.maps_of.look(to_pane(synthetic.scene(maps=synthetic_maps.maps(evidence=evidence)), pane))
        return len(self.requests)


@pytest.mark.parametrize("pane", [PaneName.TRAINING, PaneName.LAYERS, PaneName.FINDINGS])
def test_findings_are_looked_for_from_any_pane_of_the_overview(tmp_path, pane):
    desk = Desk(tmp_path)
    assert desk.look(0.1, pane) == 1
    assert isinstance(desk.requests[0], EvidenceRequest)
    assert desk.look(LOOK_AGAIN / 2, pane) == 1
    assert desk.look(LOOK_AGAIN, pane) == 2


def test_what_took_long_is_not_asked_again_soon(tmp_path):
    desk, known, took = Desk(tmp_path), Evidence(1), 10.0
    desk.look(0.1)
    assert desk.look(took, evidence=known) == 1
    assert desk.look(SURVEY_EVERY, evidence=known) == 1
    assert desk.look(RESTS * took, evidence=known) == 2


def test_the_process_is_not_started_for_findings_that_nobody_looks_at(tmp_path):
    desk = Desk(tmp_path, Stage.STARTING)
    assert desk.look(0.1) == 0
    assert desk.look(0.1, PaneName.FINDINGS) == 1
