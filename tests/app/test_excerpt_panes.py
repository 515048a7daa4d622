"""The Instances pane for texts, signals and tables: at every size, in all glyphs, under the cursor, as text."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.keeping import view_csv, view_text
from deepeyes_tui.app.map_moves import move_on_tiles
from deepeyes_tui.app.moves import to_pane
from deepeyes_tui.app.panes.excerpts import distinct, frequent_tokens, mean_columns, mean_curve
from deepeyes_tui.app.panes.instances import draw_instances, shown_rows, tile_row
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.room import Room
from deepeyes_tui.link.excerpts import BESIDE, NOTHING, TOKENS, Excerpts, InputKind
from deepeyes_tui.link.instances import OTHER_LABEL
from tests.app.synthetic_maps import input_map, mapped, maps, sample

WORDS = ["<pad>", "The", " cat", " sat", " on", " the", " mat", "\x1b[31m", " שלום", " 漢字", "\n", " " + "x" * 60]
SIZE, FILTER = 400, 3


def texts():
    draw = np.random.default_rng(0)
    tokens = draw.integers(len(WORDS), size=(SIZE, TOKENS)).astype(np.int32)
    tokens[::3, :5] = NOTHING
    tokens[:, BESIDE] = np.where(np.arange(SIZE) % 4, 2, 3)
    start = np.where(np.arange(SIZE) % 3, 12, 17 - 12)
    start[::3] = 0
    own = np.where(np.arange(SIZE) % 3, 20, BESIDE - 5)
    spans = np.stack([start, start + 17, own, own + 1, np.full(SIZE, 64)], axis=1)
    pieces = {number: word for number, word in enumerate(WORDS) if number != 4}
    return Excerpts(InputKind.TEXT, tokens, spans=spans.astype(np.int32), pieces=pieces, special=frozenset({0}))


def signals():
    values = np.random.default_rng(0).normal(size=(SIZE, 2, 64)).astype(np.float32).cumsum(2)
    values[:, :, 60:] = np.nan
    spans = np.tile(np.array([100, 220, 150, 180, 500], np.int32), (SIZE, 1))
    return Excerpts(InputKind.SIGNAL, values=values, spans=spans)


def rows():
    values = np.random.default_rng(0).normal(size=(SIZE, 1, 9)).astype(np.float32)
    values[:, 0, 1] = np.where(np.arange(SIZE) % 8, 40, 90)
    spans = np.tile(np.array([0, 9, 0, 9, 9], np.int32), (SIZE, 1))
    return Excerpts(InputKind.TABLE, values=values, spans=spans, names=("age", "größe\x1b[2J"))


KINDS = {"text": texts(), "signal": signals(), "table": rows()}


@functools.cache
def sample_of(kind):
    return replace(sample(size=SIZE, side=0), excerpts=KINDS[kind])


def showing(kind, glyphs=Glyphs.BRAILLE, colour=True, **desk):
    of = sample_of(kind)
    scene = replace(mapped(), maps=maps(sample=of, input=input_map(of)), glyphs=glyphs, colour=colour)
    scene = to_pane(scene, PaneName.INSTANCES).with_desk(**desk)
    return replace(scene, selection=replace(scene.selection, cursor=FILTER))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([*KINDS]),
    st.integers(20, 160),
    st.integers(5, 50),
    st.sampled_from(Glyphs),
    st.booleans(),
    st.booleans(),
)
def test_every_row_is_exactly_as_wide_as_the_pane(kind, width, height, glyphs, colour, large):
    lines = draw_instances(showing(kind, glyphs, colour, large=large), width, height).lines()
    assert [cell_len(line) for line in lines] == [width] * height
    assert "\x1b" not in "".join(lines)
    if glyphs is Glyphs.ASCII:
        assert "".join(lines).isascii()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [0, 1, 7, 20])
@pytest.mark.parametrize("height", [0, 1, 4])
def test_any_room_will_do(kind, width, height):
    for large in (False, True):
        canvas = draw_instances(showing(kind, large=large), width, height)
        assert (canvas.width, canvas.height) == (width, height)


def test_a_text_stands_about_its_token_and_its_mean_is_what_is_frequent():
    canvas = draw_instances(showing("text"), 100, 12)
    lines = canvas.lines()
    assert lines[0].split()[:4] == ["cat", "74%", "sat", "26%"]
    columns = {min(line.find(word) for word in (" cat", " sat") if line.find(word, 30) >= 0) for line in lines[1:]}
    assert "mean of" in lines[0]
    assert len(columns) >= 1
    own = canvas.look[1:] == 9  # bold and underlined
    assert own.any(axis=1).all()
    first = own.argmax(axis=1)
    assert set(first.tolist()) == {first[0]}


def test_the_first_tokens_share_is_of_all_that_are_listed():
    of = showing("text").sample
    listed = np.arange(SIZE)
    assert frequent_tokens(of, listed, 2) == [(2, 0.75), (3, 0.25)]
    whole = replace(of, excerpts=replace(of.excerpts, spans=np.tile(np.int32([0, 17, 0, 64, 64]), (SIZE, 1))))
    tokens = of.excerpts.tokens
    counts = np.bincount(tokens[tokens != NOTHING])
    assert frequent_tokens(whole, listed, 1)[0][0] == counts.argmax()


def test_the_mean_of_curves_and_rows():
    listed = np.arange(0, SIZE, 8)
    mean, spread = mean_curve(showing("signal").sample, listed)
    values = signals().values[listed][:, :, :60]
    assert np.allclose(mean, values.mean(0), atol=1e-5)
    assert np.allclose(spread, values.std(0), atol=1e-4)
    first = mean_columns(showing("table").sample, listed)[0]
    assert (first.name, first.value) == ("größe\x1b[2J", 90.0)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("text", ["tokens", "token 20 of 64", "[cat]", "#4"]),
        ("signal", ["values", "samples 150-179 of 500"]),
        ("table", ["columns by z-score", "age "]),
    ],
)
def test_the_text_twin_tells_what_is_seen(kind, words):
    text = view_text(showing(kind))
    assert all(word in text for word in words)
    assert "\x1b" not in text
    assert len(view_csv(showing(kind)).splitlines()) == len(shown_rows(showing(kind))) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_cursor_goes_to_what_is_drawn_there(kind):
    scene = showing(kind)
    listed = shown_rows(scene)
    found = [tile_row(scene, 100, 20, row, 40) for row in range(20)]
    assert {row for row in found if row is not None} <= set(listed.tolist())
    first = move_on_tiles(scene, Room(100, 20), 0, 1)
    second = move_on_tiles(first, Room(100, 20), 1, 0)
    at = [int(np.flatnonzero(scene.sample.ids[listed] == each.selection.point)[0]) for each in (first, second)]
    assert at[1] == at[0] + 1
    before, after = (draw_instances(each, 100, 20) for each in (first, second))
    assert len(after.changed_rows(before)) >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_one_instance_large_says_where_it_lies(kind):
    text = as_text(showing(kind, large=True, full=True), 100, 40)
    assert {"text": "token ", "signal": "samples 150-179 of 500", "table": "age"}[kind] in text


def test_labels_that_are_tokens_are_named_by_them():
    scene = showing("text")
    of = replace(scene.sample, labels=np.where(np.arange(SIZE) % 2, 2, OTHER_LABEL).astype(np.int32))
    of = replace(of, excerpts=replace(of.excerpts, named_labels=True))
    scene = replace(scene, maps=maps(sample=of, input=input_map(of)), selection=replace(scene.selection, layer=2))
    labels = {line.split(",")[1] for line in view_csv(scene).splitlines()[1:]}
    assert labels == {"cat", "other"}


def test_what_epochs_bring_again_is_listed_once():
    of = showing("table").sample
    again = replace(of, excerpts=replace(of.excerpts, values=of.excerpts.values[np.arange(SIZE) // 2]))
    assert distinct(again, np.arange(SIZE)).tolist() == list(range(0, SIZE, 2))
