"""`deepeyes report` of a run that the real probe has watched, by a real analysis process."""

import json
import shutil

import pytest
from planting import plant

from deepeyes_tui.cli import main
from deepeyes_tui.findings import Task
from deepeyes_tui.link.runs import find_run
from findings import findings_of


@pytest.mark.process
@pytest.mark.timeout(600)
def test_a_report_answers_every_task_and_offers_acts(capsys):
    made = plant(9, ("dead",))
    findings_of(made, 9)
    name, (layer, dead) = "n9", sorted(made.dead)[0]
    assert main(["report", name]) == 0
    told = capsys.readouterr().out
    places = [told.index(f"\n{task}  ") for task in Task]
    assert places == sorted(places)
    assert f"filters of {layer} not seen active" in " ".join(told.split())
    assert f"deepeyes ctl {name} plan prune {layer} " in told
    assert max(map(len, told.splitlines()[:10])) <= 100
    assert main(["report", name, "--json", "--layer", layer]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["instances"]
    assert {found["layer"] for found in plain["findings"]} == {layer}
    assert any(dead in found["filters"] for found in plain["findings"] if found["kind"] == "dead filters")
    assert main(["report", name, "--layer", "nowhere"]) == 1
    assert "there is no layer 'nowhere'" in capsys.readouterr().err
    shutil.rmtree(find_run(name).instances)
    assert main(["report", name]) == 0
    assert "No instances are kept of this run" in " ".join(capsys.readouterr().out.split())


def test_a_run_that_nothing_is_known_of_is_refused_in_one_sentence(capsys):
    assert main(["report", "nothing"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
