"""Going through a recorded run."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.bindings import BINDINGS, MAPS, PANES, Context, PaneName, applicable, find
from deepeyes_tui.app.keeping import view_text
from deepeyes_tui.app.moves import MOVES
from deepeyes_tui.app.panes.help import help_text
from deepeyes_tui.app.panes.timeline import draw_timeline
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.app.prompt import typed
from deepeyes_tui.app.replay_feed import ReplayFeed
from deepeyes_tui.app.replaying import Timeline, advanced, read_step, started
from deepeyes_tui.app.room import Room
from deepeyes_tui.app.scene import Asking
from deepeyes_tui.app.steering import refusal
from deepeyes_tui.cli import main
from deepeyes_tui.history import History, history_path
from tests.app.driving import screen, viewer
from tests.app.recorded import EVENTS, STEPS, record, recorded_run, state_at
from tests.app.synthetic import scene


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("HOME", "LIVE"):
        monkeypatch.setenv(f"DEEPEYES_{name}", str(tmp_path / name.lower()))
    return tmp_path


def replay_of(wanted=None, **changes):
    made = scene(state_at(wanted or STEPS[-1]), sentence="replay, training", **changes)
    return replace(made, replay=started(Timeline(np.array(STEPS), EVENTS, 1_700_000_000.0), wanted))


def pressed(shown, *actions):
    for action in actions:
        shown = MOVES[action](shown, Room())
    return shown


def test_stepping_stays_within_the_record():
    assert pressed(replay_of(400), "next_state", "next_state").replay.step == 480
    assert pressed(replay_of(40), "previous_state").replay.step == 40
    assert pressed(replay_of(400), "last_state", "next_state").replay.step == STEPS[-1]
    assert pressed(replay_of(), "first_state").replay.step == STEPS[0]
    assert pressed(replay_of(400), "last_state").replay.wanted is None


def test_the_end_is_followed_as_the_record_grows():
    grown = replace(replay_of().replay, timeline=Timeline(np.array([*STEPS, 2000])))
    assert grown.step == 2000
    held = replace(replay_of(400).replay, timeline=Timeline(np.array([*STEPS, 2000])))
    assert held.step == 400


def test_events_are_gone_to_in_both_directions_and_told_of():
    shown, seen = replay_of(40), []
    for _ in EVENTS:
        shown = pressed(shown, "next_event")
        seen.append(shown.replay.step)
    assert seen == [200, 400, 440, 920]
    assert "step 920: fc1 gives NaN" in shown.desk.note
    assert "no event after" in pressed(shown, "next_event").desk.note
    assert pressed(shown, "previous_event").replay.step == 440


def test_playing_goes_on_to_the_end_and_begins_again():
    playing = pressed(replay_of(1120), "play")
    assert advanced(playing, 1).replay.step == 1160
    over = advanced(playing, 50).replay
    assert (over.step, over.playing) == (STEPS[-1], False)
    assert pressed(replay_of(), "play").replay.step == STEPS[0]
    assert advanced(replay_of(400), 5).replay.step == 400
    fast = pressed(replay_of(), "faster", "faster").replay.speed
    assert fast > pressed(replay_of(), "faster").replay.speed > pressed(replay_of(), "slower").replay.speed


@pytest.mark.parametrize(
    ("text", "step"), [("600", 600), ("1,200", 1200), ("0.4k", 400), ("50%", 600), ("+100", 500), ("-1_00", 300)]
)
def test_steps_are_read_as_they_are_typed(text, step):
    assert read_step(text, replay_of(400).replay) == step


@pytest.mark.parametrize("text", ["soon", "k", "%", "1e999", "nan", "12 34 x"])
def test_what_is_no_step_is_said(text):
    asked = pressed(replay_of(400), "jump")
    for character in text:
        asked = typed(asked, character, character)
    after = typed(asked, "enter", None)
    assert "is no step" in after.desk.note
    assert after.replay.step == 400


def test_every_state_is_reached_by_typing_its_step():
    asked = pressed(replay_of(400), "jump")
    for character in "95%":
        asked = typed(asked, character, character)
    assert typed(asked, "enter", None).replay.step == 1120


@pytest.mark.parametrize(
    ("typed_step", "said"), [("400", "step 400"), ("410", "asked for step 410, the nearest record before it: step 400")]
)
def test_a_step_that_was_not_recorded_is_said(typed_step, said):
    shown = replay_of().with_desk(typing=typed_step, asking=Asking.STEP)
    assert typed(shown, "enter", None).desk.note.startswith(said)


def test_a_replay_is_played_by_space_and_speaks_of_no_training():
    shown = replay_of(400).with_desk(focus=PaneName.TRAINING)
    binding = find("space", " ", shown.context)
    assert binding is not None
    assert pressed(shown, binding.id).replay.playing
    marking = find("space", " ", shown.with_desk(focus=PaneName.FILTERS).context)
    assert marking is not None
    assert marking.id == "mark"
    told = help_text(shown)
    assert "layer stable" in told
    assert "freeze" not in told


def test_keys_of_a_replay_apply_there_alone_and_none_twice():
    only = {b.id for b in BINDINGS if b.id in ("play", "jump", "next_event", "first_state", "faster")}
    for focus in PANES:
        context = Context(focus=focus, searched=True, replaying=True, live=False, tree=True, roots=True)
        here = list(applicable(context))
        keys = [key for b in here for key in b.keys]
        assert only <= {b.id for b in here}
        assert len(keys) == len(set(keys))
        assert not only & {b.id for b in applicable(Context(focus=focus))}


def test_nothing_is_steered_in_a_replay():
    shown = replay_of(400)
    assert not shown.context.live
    assert "this is a replay" in refusal(shown)


@settings(max_examples=40, deadline=None)
@given(st.integers(80, 240), st.sampled_from(STEPS), st.booleans())
def test_the_line_of_time_fits_every_width(width, step, playing):
    shown = replay_of(step)
    shown = replace(shown, replay=replace(shown.replay, playing=playing))
    line = draw_timeline(shown, shown.replay, width).lines()[0]
    assert cell_len(line) == width
    assert f"{step:,} of 1,200" in line
    assert "d" in line.split(":", 2)[2]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_maps_are_there_of_the_last_state_alone(size):
    for name in MAPS:
        text = as_text(replay_of(400).with_desk(focus=name), *size)
        assert "was kept up to here: K keeps one" in " ".join(text.split())
        assert "was kept up to here" not in as_text(replay_of().with_desk(focus=name), *size)


def test_the_legend_tells_the_values_of_the_step():
    early, late = (as_text(replay_of(step), 120, 40) for step in (40, 1200))
    assert early != late
    loss = next(line for line in early.splitlines() if line.startswith("loss"))
    assert (
        loss.split("training ")[1]
        != next(line for line in late.splitlines() if line.startswith("loss")).split("training ")[1]
    )


def test_the_text_twin_lists_the_events():
    text = view_text(replay_of(400).with_desk(focus=PaneName.TRAINING))
    assert "step 400 of 1,200, 0:00:40" in text
    assert all(event.text in text for event in EVENTS)


def feed_of(path, wanted=None):
    return ReplayFeed(lambda: History(path), lambda: [], wanted=wanted)


def test_the_newest_wish_wins_and_comes_soon(tmp_path):
    feed = feed_of(record(tmp_path / "history.sqlite"), 400).start()
    try:
        assert feed.wait_for_snapshot(10).view.snapshot.status.step == 400
        took = []
        for step in (80, 1160, 600):
            before = time.perf_counter()
            for other in (40, 120, step):
                feed.seek(other)
            assert feed.settle(10)
            took.append(time.perf_counter() - before)
            assert feed.latest.view.snapshot.status.step == step
        assert min(took) < 0.1
        assert len(feed.latest.timeline.steps) == len(STEPS)
        assert feed.latest.view.snapshot.series["loss"].step[-1] > 1100
    finally:
        feed.stop()


def test_a_run_under_way_is_followed(tmp_path):
    path = record(tmp_path / "history.sqlite", STEPS[:5])
    feed = feed_of(path)
    feed.read()
    assert feed.latest.view.snapshot.status.step == STEPS[4]
    number = feed.latest.number
    feed.read()
    assert feed.latest.number == number
    record(path, (2000,))
    feed.read()
    assert feed.latest.view.snapshot.status.step == 2000
    assert feed.latest.timeline.last == 2000


async def test_keys_go_through_the_record_in_the_viewer(tmp_path):
    feed = feed_of(record(tmp_path / "history.sqlite"), 400).start()
    feed.wait_for_snapshot(10)
    app = viewer(type("Given", (), {"feed": feed})(), step=400)

    async def at(pilot, step):
        for _ in range(200):
            if app.scene.snapshot.status.step == step:
                return
            await pilot.pause(0.02)
        raise AssertionError(f"at {app.scene.snapshot.status.step}, not {step}")

    async with app.run_test(size=(120, 40)) as pilot:
        await at(pilot, 400)
        await pilot.press("L", "L")
        await at(pilot, 480)
        await pilot.press("home")
        await at(pilot, STEPS[0])
        await pilot.press(".", ".")
        await at(pilot, 400)
        assert "3 more dead" in screen(app)
        await pilot.press("J", *"920", "enter")
        await at(pilot, 920)
        await pilot.press("X")
        assert "this is a replay" in screen(app)
        await pilot.press("end")
        await at(pilot, STEPS[-1])
        await pilot.press("home", "}", "}", "}", "}", "}", "P")
        await at(pilot, STEPS[-1])
        assert not app.scene.replay.playing
    feed.stop()


def test_one_frame_of_a_replay(home, capsys):
    recorded_run()
    assert main(["replay", "kept", "--once", "--step", "400", "--size", "100x30"]) == 0
    said = capsys.readouterr().out
    assert "step   400 of 1,200" in said
    assert main(["replay", "kept", "--once", "--text"]) == 0
    assert "fc1 gives NaN" in capsys.readouterr().out


def test_what_cannot_be_replayed_is_one_sentence(home, capsys):
    run = recorded_run()
    path = history_path(run)
    path.write_bytes(b"no history" * 1000)
    assert main(["replay", "kept", "--once"]) == 1
    damaged = capsys.readouterr().err
    path.unlink()
    assert main(["replay", "kept", "--once"]) == 1
    missing = capsys.readouterr().err
    record(path, ())
    assert main(["replay", "kept", "--once"]) == 1
    empty = capsys.readouterr().err
    for said in (damaged, missing, empty):
        assert said.startswith("deepeyes: kept cannot be replayed: ")
        assert said.count("\n") == 1
    assert len({damaged, missing, empty}) == 3


def test_a_history_of_another_version_is_one_sentence(home, capsys):
    path = history_path(recorded_run())
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert main(["replay", "kept", "--once"]) == 1
    assert "newer deepeyes_tui" in capsys.readouterr().err


@pytest.mark.parametrize("step", ["-1", "soon"])
def test_a_wrong_step_is_refused(home, capsys, step):
    with pytest.raises(SystemExit):
        main(["replay", "kept", f"--step={step}"])
    assert "a step is a number" in capsys.readouterr().err
