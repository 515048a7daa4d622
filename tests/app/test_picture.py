"""The screen as a function of the scene: nothing cut, nothing overlapping, at every size."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.bindings import KEY_OF, MAPS, ON_BOTH_SCREENS, PANES, PaneName
from deepeyes_tui.app.layout import arrange
from deepeyes_tui.app.maps import Maps
from deepeyes_tui.app.panes.filters import filters_text
from deepeyes_tui.app.panes.perplexities import perplexities_text
from deepeyes_tui.app.picture import PANES as DRAWN
from deepeyes_tui.app.picture import as_text, draw_picture
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.numbers import unknown
from deepeyes_tui.app.scene import LayerOrder, Quantity, Scene, filter_order, not_seen
from deepeyes_tui.link.snapshot import RunState
from tests.app import synthetic
from tests.app.driving import SIZES
from tests.app.synthetic import infos, many, scene, snapshot

HOSTILE = (
    ("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", 3, 1, (1,), ()),
    ("[bold red]markup[/]", "[link]", 1, 1, (1, 1), (1, 1)),
    ("🦄🧠👩‍👩‍👧" * 20, "💥", 40, 1, (), ()),
    ("x" * 500, "y" * 500, 4096, 10**12, (10**6,), ()),
    ("层\u202e\u0301\x00\n\t", "\r", 2, 0, (), ()),
    ("", "", 0, 0, (), ()),
)
SCENES = {
    "lenet": scene(),
    "many": scene(snapshot(many())),
    "no numbers": scene(synthetic.without_numbers()),
    "nothing yet": Scene(run="r"),
    "no layers": scene(snapshot(())),
    "hostile": replace(
        scene(snapshot(infos(HOSTILE)), run="\x1b[2J[red]" + "z" * 500), log=("\x1b[2Jx", "\t層" * 999, "")
    ),
    "never ran": scene(snapshot()),
}
SCENES["never ran"].snapshot.arrays["observed"][:] = 0


@pytest.mark.parametrize("name", SCENES)
@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(80, 240),
    height=st.integers(24, 70),
    focus=st.sampled_from(PANES),
    full=st.booleans(),
    help=st.booleans(),
    glyphs=st.sampled_from(Glyphs),
    quantity=st.sampled_from(Quantity),
    order=st.sampled_from(LayerOrder),
)
def test_every_row_is_exactly_as_wide_as_the_screen(name, width, height, focus, full, help, glyphs, quantity, order):
    looked_at = replace(SCENES[name], glyphs=glyphs).with_desk(
        focus=focus, full=full, help=help, quantity=quantity, layer_order=order
    )
    lines = draw_picture(looked_at, width, height).canvas.lines()
    assert [cell_len(line) for line in lines] == [width] * height
    assert not any(ord(character) < 32 or character in "\x7f\x9b\u202e" for line in lines for character in line)
    if glyphs is Glyphs.ASCII:
        assert "".join(lines).isascii()


@given(
    width=st.integers(80, 300),
    height=st.integers(24, 100),
    focus=st.sampled_from(PANES),
    full=st.booleans(),
    layers=st.integers(0, 300),
)
def test_panes_tile_the_screen(width, height, focus, full, layers):
    arranged = arrange(width, height, focus, full, layers)
    cover = np.zeros((height, width), int)
    for box in (arranged.header, arranged.status, *arranged.panes.values()):
        assert box.x >= 0
        assert box.x + box.width <= width
        assert box.y + box.height <= height
        assert box.height >= 1
        cover[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert cover.max() == 1
    assert focus in arranged.panes
    assert (cover == 0).sum() <= 4 * height  # the gaps between columns


@pytest.mark.parametrize("size", [(20, 5), (79, 24), (80, 23), (10, 3), (1, 1)])
def test_below_the_least_size_a_sentence_says_so(size):
    lines = draw_picture(scene(), *size).canvas.lines()
    assert [cell_len(line) for line in lines] == [size[0]] * size[1]
    if size[0] >= 20:
        assert "80x24" in "".join(lines)


@pytest.mark.parametrize("size", SIZES)
def test_all_panes_can_be_seen(size):
    for name in PANES:
        assert f"{KEY_OF[name]} {name} " in as_text(scene().with_desk(focus=name), *size)


def test_everything_is_side_by_side_on_a_large_screen():
    overview, maps = as_text(scene(), 200, 60), as_text(scene().with_desk(focus=PaneName.INPUT_MAP), 200, 60)
    for name, key in KEY_OF.items():
        assert (f" {key} {name} " in overview) is (name not in MAPS)
        assert (f" {key} {name} " in maps) is (name in MAPS or name in ON_BOTH_SCREENS)


def test_the_overview_says_what_matters():
    text = as_text(scene(), 80, 24)
    for words in ("lenet-mnist", "training", "step 1,203", "epoch 7.7", "84.2 steps/s", "loss 0.0928", "97.1%"):
        assert words in text
    assert "monitor 1.2% of 2%" in text
    assert "conv1: stable since step 412" in text


def test_lost_numbers_are_said_in_words():
    text = as_text(SCENES["no numbers"].with_desk(focus=PaneName.LAYERS), 80, 24)
    assert "412 NaN since step 1,203" in text
    assert "loss NaN" in text


def test_a_layer_that_never_ran_says_so():
    for name in (PaneName.LAYERS, PaneName.PERPLEXITY, PaneName.LAYER, PaneName.FILTERS):
        assert "has not run" in as_text(SCENES["never ran"].with_desk(focus=name), 80, 24)


@pytest.mark.parametrize("quantity", [Quantity.MAXIMUM, Quantity.FREQUENCY])
def test_filters_of_which_nothing_was_seen_are_not_shown_as_measured(quantity):
    made = snapshot()
    for name, value in (("maximum", 0), ("frequency", 0), ("reached_step", -1), ("dead", False)):
        made.arrays[name][:3] = value
    made.arrays["dead"][2] = True
    shown = scene(made).with_desk(focus=PaneName.FILTERS, full=True, quantity=quantity)
    assert not_seen(shown.layer)[:4].tolist() == [True, True, False, False]
    order = filter_order(shown, shown.layer).tolist()
    assert sorted(order[-2:]) == [0, 1]
    text = as_text(shown, 80, 24)
    assert "filter 0: no activation above 0 seen yet" in text
    assert "maximum 0" not in text
    lines = [line.split() for line in filters_text(shown).splitlines()]
    assert ["0", "-", "-", "-"] in lines


@pytest.mark.parametrize("size", SIZES)
def test_without_a_window_of_perplexities_the_next_look_is_waited_for(size):
    made = snapshot()
    for name in ("window_instances", "histogram", "histogram_before", "undetected", "undetected_before"):
        made.arrays[name][:1] = 0
    made.arrays["stable_since"][0] = -1
    for focus in (PaneName.LAYERS, PaneName.PERPLEXITY, PaneName.LAYER):
        shown = scene(made).with_desk(focus=focus, full=True)
        text = as_text(shown, *size)
        assert "waits for the next look" in text
        assert "0% undetected" not in text
    assert "▁" not in as_text(scene(made).with_desk(focus=PaneName.LAYER, full=True), *size)
    conv1 = perplexities_text(scene(made)).splitlines()[1].split()
    assert conv1[:3] == ["conv1", unknown(), unknown()]


@pytest.mark.parametrize(("state", "when"), [("paused", "when the training goes on"), ("training", "with the next")])
def test_maps_of_filters_that_are_others_now_say_what_they_wait_for(state, when):
    made = snapshot(state=RunState(state))
    made.arrays["window_instances"][0] = 0
    shown = scene(made, maps=Maps(failure="there are no instances of this layer yet"))
    for focus in MAPS:
        text = " ".join(as_text(shown.with_desk(focus=focus, full=True, maps_screen=True), 120, 40).split())
        assert "conv1: its filters are others now, new instances come" in text
        assert when in text


def test_a_training_that_waits_is_resumed_by_its_key():
    assert "P pause" in as_text(scene(), 120, 40)
    paused = as_text(scene(snapshot(state=RunState.PAUSED, cost=0.01)), 120, 40)
    assert "P resume" in paused
    assert "P pause" not in paused
    assert "monitor 1% of 2%" in paused


@pytest.mark.parametrize("size", SIZES)
def test_a_message_takes_the_rows_that_it_needs(size):
    said = "lr 0.00964, 0.01928 -> 0.01943, 0.03886 at step 501; " + "its bounds are scaled alike, " * 4 + "the end"
    text = as_text(scene().with_desk(note=said), *size)
    assert said in " ".join(text.split())
    lines = as_text(scene().with_desk(note="word " * 400), *size).splitlines()
    assert [line.startswith(" word word") for line in lines[-4:]] == [False, True, True, True]
    assert lines[-1].endswith("...")


def test_no_snapshot_yet_shows_why_and_the_log():
    text = as_text(replace(Scene(run="r"), sentence="waiting for the script", log=("Loading data",)), 80, 24)
    assert "waiting for the script" in text
    assert "Loading data" in text


def test_the_focus_is_seen_among_300_layers():
    big = replace(SCENES["many"], selection=replace(SCENES["many"].selection, layer=271))
    for name in (PaneName.LAYERS, PaneName.PERPLEXITY):
        text = as_text(big.with_desk(focus=name), 80, 24)
        assert re.search(r"▸ *(\+ layers|layers\.90\.attn)", text)


def test_a_pane_that_reads_nothing_new_is_not_drawn_again():
    from deepeyes_tui.app.picture import Painter

    painter = Painter()
    painter.draw(scene(), 200, 60)
    shown = scene()
    painter.draw(shown, 200, 60)
    before = {name: drawn[1] for name, drawn in painter._drawn.items()}
    painter.draw(replace(shown, selection=replace(shown.selection, cursor=3)), 200, 60)
    changed = {name for name, drawn in painter._drawn.items() if drawn[1] is not before[name]}
    assert changed == {PaneName.FILTERS}


@pytest.mark.parametrize("name", PANES)
@pytest.mark.parametrize("kind", SCENES)
def test_every_pane_has_a_text_twin(name, kind):
    text = DRAWN[name].text(SCENES[kind])
    assert text.strip()
    assert "\x1b" not in text


def test_text_twins_carry_the_numbers():
    shown = scene()
    assert "conv2" in DRAWN[PaneName.LAYERS].text(shown)
    assert "stable since step 412" in DRAWN[PaneName.LAYERS].text(shown)
    assert DRAWN[PaneName.FILTERS].text(shown).count("\n") == 20 + 2
    assert "25,050" not in DRAWN[PaneName.LAYER].text(shown)
    assert "520 parameters" in DRAWN[PaneName.LAYER].text(shown)
    assert "val_loss" in DRAWN[PaneName.TRAINING].text(shown)
