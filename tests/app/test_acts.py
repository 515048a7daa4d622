"""Acts: the journal as it is followed, marks on the curves, words beside them."""

import json
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.acts import JournalFollower, act_words, letter, undone
from deepeyes_tui.app.feed import Feed, News, open_feed, shown
from deepeyes_tui.app.keeping import view_text
from deepeyes_tui.app.panes.training import PANE, draw_training, training_text
from deepeyes_tui.app.picture import Painter, as_text
from deepeyes_tui.app.plots.curve_points import Curve
from deepeyes_tui.app.plots.curves import draw_curves
from deepeyes_tui.app.plots.flags import APART, Flag, placed
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.link.journal import JOURNAL, Entry, append
from deepeyes_tui.link.messages import Action
from deepeyes_tui.link.runs import Run
from tests.app.synthetic import scene, snapshot

PRUNED = Entry(1, "prune", 400, 1.0, "viewer", "prune conv1: 3 filters (3,7,11)", "conv1", "431,080", "394,517")
UNDONE = Entry(2, "undo", 404, 2.0, "ada", "undo prune conv1: 3 filters (3,7,11)", undoes=1)
SLOWER = Entry(3, "set", 900, 3.0, "script", "lr 0.1 -> 0.05", before="0.1", after="0.05")
ACTS = (PRUNED, UNDONE, SLOWER)
SIZES = ((80, 24), (120, 40), (200, 60))


def line(entry):
    return json.dumps(asdict(entry)).encode() + b"\n"


# The journal


def test_acts_are_read_as_they_come(tmp_path):
    path = tmp_path / JOURNAL
    follower = JournalFollower(path)
    assert follower.read_new() == []
    append(path, PRUNED)
    assert follower.read_new() == [PRUNED]
    assert follower.read_new() == []
    append(path, UNDONE)
    append(path, SLOWER)
    assert follower.read_new() == [UNDONE, SLOWER]


def test_plans_are_left_in_the_file(tmp_path):
    append(tmp_path / JOURNAL, replace(PRUNED, plans=({"kind": "prune"},)))
    assert JournalFollower(tmp_path / JOURNAL).read_new() == [PRUNED]


def test_a_line_that_is_still_being_written_is_read_once_it_ends(tmp_path):
    path, whole = tmp_path / JOURNAL, line(PRUNED) + line(UNDONE)
    follower = JournalFollower(path)
    path.write_bytes(whole[: len(line(PRUNED)) + 9])
    assert follower.read_new() == [PRUNED]
    path.write_bytes(whole)
    assert follower.read_new() == [UNDONE]


@pytest.mark.parametrize(
    "wrong",
    [b"no JSON", b"[1, 2]", b"{}", b"\xff\xfe", b'{"number": 1}', b"null"]
    + [json.dumps({**asdict(PRUNED), name: value}).encode() for name, value in (("step", "4"), ("sentence", None))],
)
def test_lines_that_are_no_acts_are_left_out(tmp_path, wrong):
    (tmp_path / JOURNAL).write_bytes(line(PRUNED) + wrong + b"\n\n" + line(SLOWER))
    assert JournalFollower(tmp_path / JOURNAL).read_new() == [PRUNED, SLOWER]


def test_an_entry_that_was_struck_out_again_is_followed_by_the_next(tmp_path):
    path = tmp_path / JOURNAL
    follower = JournalFollower(path)
    path.write_bytes(line(PRUNED) + line(UNDONE)[:20])
    assert follower.read_new() == [PRUNED]
    path.write_bytes(line(PRUNED))
    assert follower.read_new() == []
    append(path, SLOWER)
    assert follower.read_new() == [SLOWER]


def test_the_feed_keeps_acts_with_the_rest(tmp_path):
    path = tmp_path / JOURNAL
    feed = Feed(lambda: None, list, 4.0, JournalFollower(path).read_new)
    feed.read()
    assert feed.latest.number == 0
    append(path, PRUNED)
    feed.read()
    append(path, SLOWER)
    feed.read()
    assert (feed.latest.number, feed.latest.acts) == (2, (PRUNED, SLOWER))
    assert shown(scene(), feed.latest).acts == (PRUNED, SLOWER)


def test_the_journal_of_a_run_lies_in_its_folder(tmp_path):
    run = Run("lenet", tmp_path / "lasting", tmp_path / "live")
    (tmp_path / "lasting").mkdir()
    (tmp_path / "lasting" / "run.json").write_text("{}")
    append(run.folder / JOURNAL, PRUNED)
    try:
        feed = open_feed(run, None, 4.0)
    except ValueError:
        pytest.fail("a run without a readable record has no feed")
    feed.read()
    assert feed.latest.acts == (PRUNED,)


# Words


@pytest.mark.parametrize(
    ("action", "sentence", "sign"),
    [
        (Action.GROW, "", "g"),
        (Action.UNFREEZE, "unfreeze conv1", "t"),
        (Action.SET, "lr 0.1 -> 0.05", "l"),
        (Action.SET, "batch_size 64 -> 128", "b"),
        (Action.SET, "weight_decay 0 -> 0.1", "w"),
        (Action.SET, "something else", "o"),
        ("sing", "", "o"),
    ],
)
def test_letters_of_acts(action, sentence, sign):
    assert letter(replace(PRUNED, action=str(action), sentence=sentence)) == sign


def test_an_act_in_words():
    assert undone(ACTS) == {1}
    assert act_words(PRUNED, undone=True) == "prune conv1: 3 filters (3,7,11), by viewer (undone)"
    assert act_words(replace(PRUNED, sentence="", sender="")) == "prune conv1"
    assert act_words(replace(PRUNED, sentence="\x1b[2Jpr\u202eune ž"), ascii=True) == "prune ?, by viewer"


@given(st.integers(0, 90), st.text(max_size=60), st.booleans())
def test_what_happened_to_an_act_is_what_is_cut_last(width, sentence, gone):
    words = act_words(replace(PRUNED, sentence=sentence), gone, width=width)
    assert cell_len(words) <= width
    if width >= 40:
        assert words.endswith(", by viewer (undone)" if gone else ", by viewer")


def test_the_word_undone_is_seen_beside_a_narrow_plot():
    long = replace(PRUNED, sentence="prune conv1: 9 filters (1,3,5,7,9,11,13,15,17)")
    lines = [line for line in draw_training(scene(acts=(long, UNDONE)), 52, 30).lines() if "by " in line]
    assert lines[0].rstrip().endswith("…, by viewer (undone)")


# The curves


def test_signs_that_would_touch_are_counted():
    assert placed([5, 9], ["p", "u"], 20) == [(5, "p"), (9, "u")]
    assert placed([9, 5, 6], ["u", "p", "g"], 20) == [(5, "2"), (9, "u")]
    assert placed([-1, 20, 19], ["a", "b", "c"], 20) == [(19, "c")]
    assert placed([3] * 120, ["l"] * 120, 20) == [(3, "99")]


@given(st.lists(st.integers(-5, 45)), st.integers(0, 40))
def test_signs_never_meet_and_none_is_lost(columns, width):
    signs = placed(columns, ["p"] * len(columns), width)
    at = [column for column, _ in signs]
    assert all(after - before >= APART for before, after in pairwise(at))
    assert set(at) <= {column for column in columns if 0 <= column < width}
    assert sum(1 if sign == "p" else int(sign) for _, sign in signs) == sum(0 <= c < width for c in columns)


def curve():
    x = np.arange(1, 101)
    return Curve("loss", x, 1 / x, np.zeros(100), Ink.TRAINING)


def test_a_sign_stands_on_the_axis_below_its_line():
    canvas = draw_curves(60, 12, [curve()], x_max=100, flags=[Flag(50, "p")])
    (column,) = np.flatnonzero(canvas.glyph[10] == ord("p"))
    assert canvas.look[10, column] == Look.BOLD
    assert (canvas.glyph[1:10, column] == ord("┊")).sum() >= 7
    left = 60 - len(canvas.lines()[10].split("└")[1])
    assert abs((column - left) / (59 - left) - 0.5) < 0.03


def test_where_the_axis_has_no_line_the_sign_stands_above():
    canvas = draw_curves(60, 6, [curve()], x_max=100, flags=[Flag(50, "p")])
    assert "p" in canvas.lines()[1]
    assert "p" not in draw_curves(60, 6, [curve()], x_max=100, flags=[Flag(500, "p")]).lines()[1]


@given(st.integers(0, 60), st.integers(0, 20), st.lists(st.floats(allow_nan=True), max_size=5))
def test_any_size_and_any_step_can_be_drawn(width, height, steps):
    canvas = draw_curves(width, height, [curve()], x_max=100, flags=[Flag(step, "p") for step in steps])
    assert [len(row) for row in canvas.lines()] == [width] * height


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("glyphs", Glyphs)
def test_acts_are_told_of_below_the_curves(size, glyphs):
    text = as_text(scene(acts=ACTS, glyphs=glyphs), *size)
    assert "l   900 lr 0.1 -> 0.05, by script" in text or "l 900 lr 0.1 -> 0.05, by script" in text
    assert "3 acts" in text
    assert glyphs is not Glyphs.ASCII or text.isascii()


def test_the_whole_screen_tells_of_more():
    text = as_text(scene(acts=ACTS).with_desk(full=True), 80, 24)
    assert "p 400 prune conv1: 3 filters (3,7,11), by viewer (undone)" in text
    many = tuple(replace(SLOWER, number=i, step=i, sentence=f"lr 0.{i}") for i in range(40))
    told = as_text(scene(acts=many).with_desk(full=True), 80, 24)
    assert "lr 0.39" in told
    assert "lr 0.34," in told
    assert "lr 0.33," not in told
    assert "accuracy" in told


@given(st.integers(1, 120), st.integers(1, 40), st.integers(0, 12))
def test_the_pane_is_filled_at_any_size(width, height, count):
    long = tuple(replace(PRUNED, number=i, sentence="prune " + "層" * 60) for i in range(count))
    canvas = draw_training(scene(acts=long), width, height)
    assert (canvas.width, canvas.height) == (width, height)


def test_a_new_act_is_drawn_though_the_curves_are_the_same():
    painter, made = Painter(), snapshot(published_at=5.0)
    before = painter.draw(scene(made), 80, 24).canvas.lines()
    after = painter.draw(scene(made, acts=ACTS), 80, 24).canvas.lines()
    assert before != after
    assert PANE.reads(scene(made)) != PANE.reads(scene(made, acts=ACTS))


def test_text_twins_tell_of_acts():
    told = training_text(scene(acts=ACTS))
    assert told.splitlines()[1].split() == [*act_words(PRUNED, undone=True).split(), "400", "431,080", "394,517"]
    assert told.endswith(training_text(scene()))
    assert "lr 0.1 -> 0.05, by script" in view_text(scene(acts=ACTS))
    assert "prune conv1" in training_text(replace(scene(acts=ACTS), snapshot=None))


def test_before_there_is_anything_to_see_acts_are_kept():
    assert shown(replace(scene(), snapshot=None), News(1, None, (), ACTS)).acts == ACTS
