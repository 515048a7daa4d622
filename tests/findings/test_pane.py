"""The pane of the findings: at every size and in ASCII, where its keys lead, its text twin."""

from dataclasses import replace

import pytest

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.finding_moves import moved, offered, opened
from deepeyes_tui.app.found import EVERY, MOST_OF_A_KIND, finding_here, findings_of
from deepeyes_tui.app.moves import MOVES
from deepeyes_tui.app.panes.findings import PANE, draw_findings, finding_at
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.room import Room
from deepeyes_tui.findings import Kind, find
from deepeyes_tui.link.findings import Evidence, LayerEvidence, Purities
from tests.app import synthetic, synthetic_maps
from tests.findings.test_find import quiet

ROOM = Room(80, 20)


def scene(**changes):
    made = quiet()
    made.arrays["dead"][[0, 7, 25]] = True
    known = LayerEvidence("fc1", 1, 2000, 900, ((4, 1),), 499, 500, Purities(0.5, 0.02, 0.6, 0.02, 0.1, 0.01, 0.1))
    whole = synthetic.scene(made, maps=synthetic_maps.maps(evidence=Evidence(1, (known,))))
    return replace(whole, **changes).with_desk(focus=PaneName.FINDINGS)


def at(kind, layer):
    """A scene with the cursor on a finding."""
    found = findings_of(scene())
    number = next(i for i, f in enumerate(found) if (f.kind, f.layer) == (kind, layer))
    return scene().with_desk(focus=PaneName.FINDINGS, finding=number)


@pytest.mark.parametrize("glyphs", list(Glyphs))
@pytest.mark.parametrize(("width", "height"), [(40, 8), (58, 14), (80, 21), (64, 30), (200, 57)])
def test_every_finding_can_be_reached_and_is_read_in_full(glyphs, width, height):
    shown = scene(glyphs=glyphs)
    for step in range(len(findings_of(shown))):
        here = moved(shown, step)
        canvas = draw_findings(here, width, height)
        text = " ".join(" ".join(canvas.lines()).split())
        finding = finding_here(here)
        assert finding is not None
        assert all(word.replace("±", "+-") in text or word in text for word in finding.sentence.split()), text
        if glyphs is Glyphs.ASCII:
            assert text.isascii()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_the_pane_has_its_place_on_every_screen(size):
    assert "which filters are degenerated" in as_text(scene(), *size)


def test_enter_goes_to_the_view_with_the_filters_marked():
    there = opened(at(Kind.DEAD, "conv2"))
    assert there.desk.focus is PaneName.FILTERS
    assert (there.layer_name, there.selection.marks) == ("conv2", {5})
    maps = MOVES["open"](at(Kind.REDUNDANT, "fc1"), ROOM)
    assert (maps.desk.focus, maps.desk.maps_screen) == (PaneName.FILTER_MAP, True)
    assert maps.selection.marks == {1, 4}


def test_x_offers_the_act_of_the_finding():
    command = offered(at(Kind.REDUNDANT, "fc1"))
    assert command is not None
    assert (command.action, command.arguments) == ("prune", {"filters": {"fc1": [1]}})
    assert offered(at(Kind.PURITY, "fc1")) is None
    assert offered(synthetic.scene(quiet(observed=0))) is None


def test_keys_go_along_the_findings_and_stop_at_the_ends():
    shown, count = scene(), len(findings_of(scene()))
    assert MOVES["down"](shown, ROOM).desk.finding == 1
    assert MOVES["up"](shown, ROOM).desk.finding == 0
    assert MOVES["last"](shown, ROOM).desk.finding == count - 1
    assert MOVES["first"](shown.with_desk(finding=count + 5), ROOM).desk.finding == 0


def test_rows_know_their_finding():
    shown = at(Kind.DEAD, "conv1")
    lines = list(draw_findings(shown, 80, 20).lines())
    row = next(row for row, line in enumerate(lines) if "2 of 20 filters of conv1" in line)
    assert finding_at(shown, 80, 20, row) == shown.desk.finding
    assert finding_at(shown, 80, 20, 0) is None
    assert finding_at(shown, 80, 20, 500) is None


def test_its_text_says_everything_and_what_is_not_known_yet():
    text = PANE.text(scene())
    assert all(found.sentence in text for found in findings_of(scene()))
    without = scene(maps=synthetic_maps.maps())
    assert "not known yet" in PANE.text(without)
    assert PANE.facts(scene()).startswith("3 to look at")
    assert PANE.columns(scene())[1][0][0] == "T1"


def test_a_network_of_hundreds_of_layers_is_looked_through_every_few_seconds_and_told_in_part():
    layers = synthetic.many(100, 5_000)
    first, soon, later = (
        synthetic.scene(synthetic.snapshot(layers, seed=seed, published_at=at))
        for seed, at in enumerate((9_000.0, 9_001.0, 9_000.0 + 2 * EVERY))
    )
    assert findings_of(soon) is findings_of(first)
    assert findings_of(later) is not findings_of(first)
    told = sum(found.kind is Kind.SILENT for found in findings_of(first))
    assert told == MOST_OF_A_KIND < sum(found.kind is Kind.SILENT for found in find(first.snapshot))
    assert "more: `deepeyes report --json` tells them all" in PANE.text(first)
