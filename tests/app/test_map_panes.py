"""The maps as text, at every size, in all glyphs, and with whatever an analysis may send."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.bindings import MAPS, PaneName
from deepeyes_tui.app.keeping import view_csv, view_text
from deepeyes_tui.app.maps import Maps, taken
from deepeyes_tui.app.moves import to_pane
from deepeyes_tui.app.picture import as_text, draw_picture
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.scene import MapShows
from deepeyes_tui.link.maps import Failure, FilterMap, MapFrame, Progress, Stage
from tests.app import synthetic
from tests.app.driving import SIZES
from tests.app.synthetic_maps import filter_map, input_map, mapped, maps, sample

SHOWN = (*MAPS, PaneName.LAYER, PaneName.LAYERS, PaneName.FILTERS)


def on(pane, known=None, **desk):
    scene = mapped() if known is None else replace(mapped(), maps=known)
    return to_pane(scene, pane).with_desk(**desk)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(80, 240),
    st.integers(24, 70),
    st.sampled_from(SHOWN),
    st.booleans(),
    st.sampled_from(Glyphs),
    st.booleans(),
    st.sampled_from([None, *MapShows]),
    st.booleans(),
)
def test_every_row_is_exactly_as_wide_as_the_screen(width, height, pane, full, glyphs, colour, shows, large):
    scene = replace(on(pane, full=full, shows=shows, large=large, letters=large), glyphs=glyphs, colour=colour)
    scene = replace(scene, selection=replace(scene.selection, cursor=3, point=1003))
    lines = as_text_lines(scene, width, height)
    assert [cell_len(line) for line in lines] == [width] * height
    if glyphs is Glyphs.ASCII:
        assert "".join(lines).isascii()


def as_text_lines(scene, width, height):
    return draw_picture(scene, width, height).canvas.lines()


@pytest.mark.parametrize("size", SIZES)
def test_the_four_linked_views_stand_together(size):
    text = as_text(on(PaneName.INPUT_MAP), *size)
    for number, name in ((6, "Input Map"), (7, "Instances"), (8, "Filter Map")):
        assert (f" {number} {name} " in text) or size[0] < 110
    assert "fc1, step 21, labels" in text


@pytest.mark.parametrize("pane", MAPS)
def test_there_is_a_text_twin_and_a_table_for_a_spreadsheet(pane):
    scene = replace(on(pane), selection=replace(mapped().selection, cursor=3))
    text, rows = view_text(scene), view_csv(scene).splitlines()
    count = {PaneName.INPUT_MAP: 328, PaneName.FILTER_MAP: 500, PaneName.INSTANCES: 10}[pane]
    assert len(rows) == count + 1
    assert rows[0].split(",")[0] in text
    assert rows[1].split(",")[0] in text


def test_points_have_the_colours_of_their_labels_and_grey_where_not_in_question():
    scene = on(PaneName.INPUT_MAP)
    inks = set(np.unique(draw_picture(scene, 120, 40).canvas.ink).tolist())
    assert set(range(Ink.LABEL, Ink.LABEL + 10)) <= inks
    only = replace(scene, selection=replace(scene.selection, labels=frozenset({3})))
    shown = draw_picture(only.with_desk(full=True), 120, 40).canvas
    plot = shown.ink[3:34, 1:119][shown.glyph[3:34, 1:119] > 0x2800]
    assert {Ink.LABEL + 3, Ink.GREYED} <= set(plot.tolist()) <= {Ink.LABEL + 3, Ink.GREYED, Ink.ON_CURSOR}


def test_undetected_instances_carry_a_sign():
    scene = on(PaneName.INPUT_MAP, full=True, shows=MapShows.MAXIMUM, letters=True)
    text = as_text(scene, 120, 40)
    assert "?" in text
    assert "1.7% undetected" in text


def test_the_truth_of_the_picture_is_said_in_letters_too():
    scene = replace(on(PaneName.INPUT_MAP, full=True, shows=MapShows.TRUTH), glyphs=Glyphs.ASCII)
    text = as_text(scene, 120, 40)
    assert "false neighbours" in text
    plot = "".join(text.splitlines()[3:33])
    assert {"f", "t"} <= set(plot)


def test_what_is_known_of_the_layers_stands_side_by_side():
    text = as_text(on(PaneName.LAYERS), 200, 60)
    for purity in (".16±.01", ".45±.02", ".93±.01"):
        assert purity in text
    assert "label purity .93±.01 (by chance .10)" in as_text(on(PaneName.LAYER), 200, 60)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Progress(0, Stage.STARTING), "the analysis is starting"),
        (Progress(0, Stage.WARMING, 9.0), "warming up, 9 s (compiling, this once)"),
        (Progress(1, Stage.NEIGHBOURS), "fc1: finding neighbours"),
        (Failure(1, "2 instances of fc1 so far: a map needs at least 3"), "a map needs at least 3"),
    ],
)
def test_why_there_is_no_map_is_said(answer, words):
    waiting = taken(Maps(progress=Progress(0, Stage.READY)), answer, 0.0)
    for pane in MAPS:
        assert words in as_text(on(pane, waiting), 80, 24)
        assert words in view_text(on(pane, waiting))


def test_the_last_map_stays_and_says_of_when_it_is():
    scene = replace(on(PaneName.INPUT_MAP), ended=True, sentence="finished")
    assert "as of step 21" in as_text(scene, 120, 40)


def test_a_map_on_its_way_says_how_far_it_is():
    whole = maps()
    partial = replace(whole, input=replace(whole.input, frame=MapFrame(2, 340, 1000, whole.input.frame.positions)))
    assert "340/1000" in as_text(on(PaneName.INPUT_MAP, partial), 120, 40)


def _with(of, **changes):
    return maps(sample=of, input=input_map(of, **changes))


ODD = {
    "three instances": _with(sample(size=3)),
    "all identical": _with(sample(size=50, classes=1)),
    "no pictures": _with(sample(side=0)),
    "colour pictures": _with(sample(channels=3, side=32)),
    "one pixel": _with(sample(side=1)),
    "five thousand labels": _with(sample(classes=5000)),
    "finest level": _with(sample(), level=0),
    "no labels": _with(replace(sample(), labels=np.full(1200, -1, np.int32))),
    "nothing detected": _with(
        replace(sample(), activations=np.zeros((1200, 500), np.float16), maximum=np.zeros(1200, np.float32))
    ),
    "no place is a number": maps(
        input=replace(input_map(sample()), frame=MapFrame(2, 1, 2, np.full((328, 2), np.nan, np.float32)))
    ),
    "one place": maps(input=replace(input_map(sample()), frame=MapFrame(2, 1, 2, np.zeros((328, 2), np.float32)))),
    "all filters dead": maps(
        filters=replace(filter_map(), dead=np.ones(500, bool), positions=np.full((500, 2), np.nan, np.float32))
    ),
    "quality of another map": maps(input=replace(input_map(sample()), quality=input_map(sample(), points=9).quality)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("size", SIZES)
def test_odd_maps_are_drawn(name, size):
    for pane in MAPS:
        for shows in MapShows if pane is PaneName.INPUT_MAP else (MapShows.LABELS, MapShows.TRUTH):
            scene = on(pane, ODD[name], shows=shows, large=pane is PaneName.INSTANCES and shows is MapShows.TRUTH)
            scene = replace(scene, selection=replace(scene.selection, cursor=3))
            assert [cell_len(line) for line in as_text_lines(scene, *size)] == [size[0]] * size[1]
        assert view_text(scene)


def test_many_labels_have_letters_and_the_most_present_come_first():
    many = sample(classes=100, size=3000)
    text = as_text(on(PaneName.INPUT_MAP, maps(sample=many, input=input_map(many, points=500)), letters=True), 120, 40)
    assert "more" in text
    counts = np.bincount(many.labels)
    assert f"{counts.argmax()} {counts.max()}" in text


def test_two_filters_are_a_map():
    assert isinstance(filter_map(filters=2), FilterMap)
    layers = synthetic.infos((("gate", "Linear", 2, 20, (), ()),))
    scene = replace(
        synthetic.scene(synthetic.snapshot(layers=layers)),
        maps=maps(filters=filter_map("gate", filters=2), sample=None, input=None),
    )
    text = as_text(to_pane(scene, PaneName.FILTER_MAP), 120, 40)
    assert "filter 0" in text


def test_an_answer_to_an_older_request_changes_nothing_that_is_shown():
    known = maps()
    late = taken(known, MapFrame(1, 5, 10, np.zeros((328, 2), np.float32)), 0.0)
    assert late.input is known.input
    other = taken(known, sample("conv2", 50, number=9), 0.0)
    assert other.input is None
    same = taken(known, sample(number=9), 0.0)
    assert same.input is known.input


def with_layer(scene, **changes):
    """The scene with its layer in focus otherwise."""
    made, index = scene.snapshot, scene.selection.layer
    layers = (*made.layers[:index], replace(made.layers[index], **changes), *made.layers[index + 1 :])
    return replace(scene, snapshot=replace(made, layers=layers))


@pytest.mark.parametrize("pane", [PaneName.INPUT_MAP, PaneName.INSTANCES, PaneName.FILTER_MAP])
def test_one_of_a_layer_is_called_what_it_is(pane):
    text = as_text(with_layer(on(pane, full=True, shows=MapShows.ACTIVATION), unit="units"), 120, 40)
    assert "unit 0" in text
    assert "filter 0" not in text


def test_filters_silent_on_the_map_are_dead_only_where_they_are_judged_to_be():
    scene = on(PaneName.FILTER_MAP, full=True)
    silent = np.flatnonzero(scene.filter_map.dead)
    scene = replace(scene, selection=replace(scene.selection, cursor=int(silent[0])))
    said = []
    for dead, window in ((True, 100), (True, 3), (False, 100)):
        made = synthetic.snapshot()
        here = made.layer(scene.selection.layer)
        here.dead[silent] = dead
        made.arrays["dead_window"][:] = window
        said.append(as_text(replace(scene, snapshot=made), 120, 40))
    assert [f"{len(silent)} dead:" in text for text in said] == [True, False, False]
    assert [f"{len(silent)} silent:" in text for text in said] == [False, True, True]
    assert [f"{silent[0]}: silent" in text for text in said] == [False, True, True]
