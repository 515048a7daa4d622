"""How old what is seen is: said on every pane that shows statistics, and what to do about it in the header."""

from dataclasses import replace

import pytest

from deepeyes_tui.app.bindings import PANES, PaneName
from deepeyes_tui.app.keeping import view_text
from deepeyes_tui.app.panes.age import as_of
from deepeyes_tui.app.panes.header import header_text
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.link.age import is_old
from tests.app import synthetic

OF_STATISTICS = {PaneName.LAYERS, PaneName.PERPLEXITY, PaneName.FINDINGS, PaneName.LAYER, PaneName.FILTERS}


def scene(last=7, looks=2, every=200, **status):
    made = synthetic.snapshot(step=400)
    made.arrays["last_observed_step"][:] = last
    made.arrays["observed"][:] = looks
    return synthetic.scene(replace(made, status=replace(made.status, observed_every=every, **status)))


@pytest.mark.parametrize("pane", PANES)
def test_panes_of_statistics_say_of_which_step_they_are(pane):
    shown = scene().with_desk(focus=pane, full=True)
    says = "as of step 7 of 400" in as_text(shown, 120, 40)
    assert says == (pane in OF_STATISTICS)
    assert says == ("as of step 7 of 400" in view_text(shown))


def test_what_is_seen_as_the_training_goes_on_says_nothing():
    assert not any(as_of(scene(last=390), pane) for pane in PANES)


def test_what_is_old_is_a_fifth_of_the_training_and_more_than_a_few_steps():
    assert [is_old(last, 400) for last in (-1, 319, 320)] == [False, True, False]
    assert [is_old(last, 30) for last in (-1, 9, 10)] == [False, True, False]


def test_one_layer_tells_its_own_age():
    shown = scene(last=399)
    assert shown.snapshot is not None
    shown.snapshot.arrays["last_observed_step"][0] = 9
    assert as_of(shown, PaneName.LAYER) == "as of step 9 of 400"
    assert as_of(shown, PaneName.LAYERS) == ""


def test_the_header_names_the_budget_where_looks_are_rare():
    assert "--budget 0.1" in header_text(scene(summary="watches a model"))
    assert "watch(budget=0.1)" in header_text(scene())
    assert "budget" not in header_text(scene(looks=20))
    assert "budget" not in header_text(scene(looks=10, every=40))
