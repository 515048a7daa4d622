"""The app, driven by keys."""

import asyncio
import signal
from dataclasses import replace

import pytest
from textual import events

from deepeyes_tui.app import steering
from deepeyes_tui.app import viewer as viewer_module
from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.plots.palette import Theme
from deepeyes_tui.link.snapshot import RunState
from deepeyes_tui.link.watcher import Condition
from tests.app import synthetic
from tests.app.driving import SIZES, rows, screen, source, viewer
from tests.app.synthetic import snapshot


async def quiet(pilot):
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@pytest.mark.parametrize("size", [*SIZES, (20, 5)])
async def test_the_screen_is_filled_exactly(size):
    app = viewer()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert [len(row) for row in rows(app)] == [size[0]] * size[1]
        assert ("lenet-mnist" in screen(app)) is (size != (20, 5))


async def test_new_data_is_taken_once_and_nothing_is_drawn_without():
    given = source()
    app = viewer(given)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        displays = []
        app.post_display_hook = lambda: displays.append(1)
        app.tick()
        await pilot.pause()
        before = len(displays)
        app.tick()
        await pilot.pause(0.1)
        assert len(displays) == before
        given.tell(snapshot(step=1211, seed=1))
        app.tick()
        await pilot.pause()
        assert "step 1,211" in screen(app)
        assert len(displays) == before + 1


async def test_only_what_changed_is_sent():
    app = viewer()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        patches, real = [], app.surface._send
        app.surface._send = lambda patch: patches.append(patch) or real(patch)
        app.scene = app.scene.with_desk(help_top=1)
        assert patches == []
        await pilot.press("right_square_bracket")
        (patch,) = patches
        assert sum(x2 - x1 for _, x1, x2 in patch.spans) < 120 * 40 / 2


async def test_under_the_palette_textual_draws():
    given = source()
    app = viewer(given)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("colon")
        await pilot.pause(0.2)
        given.tell(snapshot(step=4000))
        app.tick()
        await pilot.press("escape")
        await pilot.pause()
        assert "step 4,000" in screen(app)
        assert "4,000" in app.screen_svg()


async def test_numbers_tab_and_full_screen():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        assert app.scene.desk.focus is PaneName.FILTERS
        assert "always on" in screen(app)
        await pilot.press("tab", "tab", "tab", "tab", "tab")
        assert app.scene.desk.focus is PaneName.FINDINGS
        await pilot.press("tab")
        assert app.scene.desk.focus is PaneName.TRAINING
        await pilot.press("0")
        assert app.scene.desk.focus is PaneName.FINDINGS
        await pilot.press("shift+tab", "f")
        assert app.scene.desk == replace(app.scene.desk, focus=PaneName.LOG, full=True)


async def test_resized_a_hundred_times():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        for i in range(100):
            await pilot.resize_terminal(18 + (i * 74) % 200, 5 + (i * 26) % 60)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert [len(row) for row in rows(app)] == [120] * 40


async def test_freezing_keeps_the_picture():
    given = source()
    app = viewer(given)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("z")
        given.tell(snapshot(step=2000))
        app.tick()
        await pilot.pause()
        assert "step 1,203" in screen(app)
        assert "frozen" in screen(app)
        await pilot.press("z")
        assert "step 2,000" in screen(app)


async def test_help_opens_scrolls_and_closes():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        assert "Keys that work in Training" in screen(app)
        await pilot.press("G")
        assert "leave the viewer" in screen(app)
        await pilot.press("escape")
        assert "Keys that work" not in screen(app)


async def test_search_goes_to_a_filter():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", "slash", *"fc1", "colon", *"42", "enter")
        assert (app.scene.selection.layer, app.scene.selection.cursor) == (2, 42)
        assert "filter 42:" in screen(app)
        assert "match 1 of 1" in rows(app)[-1]


class Trainer:
    """Stands for the training process; keeps what it was told."""

    def __init__(self, monkeypatch, ok=True):
        self.told = []

        async def send(path, command, timeout=10.0):
            self.told.append((command.action, dict(command.arguments)))
            return steering.Said(f"{command.action} done" if ok else f"{command.action} refused", ok)

        monkeypatch.setattr(steering, "send", send)


async def test_pausing_and_resuming(monkeypatch):
    trainer, given = Trainer(monkeypatch), source()
    app = viewer(given)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await quiet(pilot)
        assert "pause done" in rows(app)[-1]
        given.tell(snapshot(state=RunState.PAUSED), Condition.PAUSED, "paused at step 1203")
        app.tick()
        await pilot.press("P")
        await quiet(pilot)
        assert "paused at step 1203" in screen(app)
        assert trainer.told == [("pause", {}), ("resume", {})]


async def test_resetting_asks(monkeypatch):
    trainer = Trainer(monkeypatch)
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("right_square_bracket", "R")
        assert "Forget the maximum activations of conv2?" in rows(app)[-1]
        await pilot.press("n", "R", "x", "y")
        await quiet(pilot)
        assert trainer.told == [("reset", {"layer": "conv2"})]


async def test_a_refusal_is_shown(monkeypatch):
    Trainer(monkeypatch, ok=False)
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await quiet(pilot)
        assert "pause refused" in rows(app)[-1]
        assert app.scene.desk.note_is_error


async def test_an_unreachable_trainer_is_a_sentence(tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await quiet(pilot)
        assert "pause failed: " in rows(app)[-1]


async def test_read_only_steers_nothing(monkeypatch):
    trainer = Trainer(monkeypatch)
    app = viewer(readonly=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P", "R", "y")
        app.ask_to_stop()
        await quiet(pilot)
        assert trainer.told == []
        assert "read-only" in screen(app)


async def test_leaving_an_attached_run_asks_nothing():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
    assert app.return_code == 0


async def test_leaving_a_run_of_its_own_asks_once(monkeypatch):
    trainer = Trainer(monkeypatch)
    app = viewer(owner=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+c")
        assert "Training goes on without the viewer" in rows(app)[-1]
        await pilot.press("escape", "q", "l")
        await pilot.pause()
    assert trainer.told == []
    assert not app.stopping


async def test_leaving_can_stop_the_training(monkeypatch):
    trainer = Trainer(monkeypatch)
    app = viewer(owner=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q", "s")
        await quiet(pilot)
    assert trainer.told == [("stop", {})]
    assert app.stopping


async def test_leaving_after_the_end_asks_nothing():
    app = viewer(source(condition=Condition.FINISHED, sentence="finished after 1203 steps"), owner=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_failure_shows_the_last_lines_of_the_log():
    given = source()
    app = viewer(given)
    async with app.run_test(size=(80, 24)) as pilot:
        log = [*synthetic.LOG, "Traceback (most recent call last):", "ValueError: no"]
        given.tell(snapshot(), Condition.GONE, "gone: killed by SIGKILL", log)
        app.tick()
        await pilot.pause()
        assert "gone: killed by SIGKILL" in rows(app)[0]
        assert "ValueError: no" in screen(app)


@pytest.mark.parametrize("depth", ["truecolor", "256", "16", "none"])
async def test_every_depth_of_colour_has_styles(depth):
    app = viewer(depth=depth)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("T")
        segments = [segment for y in range(40) for segment in app.surface.render_line(y)]
        assert all(segment.style is not None for segment in segments)
        if depth == "none":
            assert all(segment.style.color is None and segment.style.bgcolor is None for segment in segments)


async def test_themes_go_round():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        seen = []
        for _ in range(3):
            await pilot.press("T")
            seen.append(app.look)
    assert seen == [Theme.LIGHT, Theme.ANSI, Theme.DARK]


async def test_ascii_glyphs_are_ascii():
    app = viewer(glyphs="ascii")
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        assert screen(app).isascii()


async def test_writing_the_view_names_the_file(tmp_path):
    app = viewer(folder=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "w")
        (text,) = (tmp_path / "views").glob("*.txt")
        assert text.name in "".join(row.strip() for row in rows(app)[-3:])
        assert "stable since step 412" in text.read_text()
        assert text.with_suffix(".svg").read_text().startswith("<svg")


async def test_copying_takes_the_text_twin():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2", "c")
        assert "conv2" in app.clipboard


async def test_the_command_palette_has_our_commands():
    app = viewer()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("colon")
        await pilot.pause()
        await pilot.press(*"layer fc1")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert app.scene.selection.layer == 2


async def test_the_palette_lists_hostile_names_as_they_are():
    from deepeyes_tui.app.commands import entries

    app = viewer(source(snapshot(synthetic.infos((("[red]x[/]\x1b[2J", "Conv2d", 4, 1, (), ()),)))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("colon")
        await pilot.pause(0.3)
        titles = [title for title, _, _ in entries(app)]
        assert "layer [red]x[/]" in titles
        assert "pause training" in titles
        assert "stop training (asks)" in titles


async def test_a_click_selects():
    app = viewer()
    async with app.run_test(size=(80, 24)) as pilot:
        row = next(y for y, text in enumerate(rows(app)) if text.strip().startswith("fc1 "))
        await pilot.click(offset=(4, row))
        assert (app.scene.desk.focus, app.scene.selection.layer) == (PaneName.LAYERS, 2)
        await pilot.click(offset=(66, 2))
        await pilot.press("5")
        before = app.scene.selection.cursor
        await pilot.click(offset=(12, 4))
        assert app.scene.selection.cursor != before


async def test_a_picture_of_data_waits_for_the_terminal():
    given = source()
    app = viewer(given)
    async with app.run_test(size=(80, 24)) as pilot:
        app.pacer._ask = lambda: None
        app.pacer.sent()
        given.tell(snapshot(step=3000))
        app.tick()
        assert "step 1,203" in screen(app)
        await pilot.press("2")
        assert app.scene.desk.focus is PaneName.LAYERS
        app.post_message(events.CursorPosition(0, 0))
        await pilot.pause()
        app.tick()
        assert "step 3,000" in screen(app)


async def test_signals_end_the_viewer(monkeypatch):
    class Resort:
        def __init__(self, *_): ...
        def start(self): ...

    monkeypatch.setattr(viewer_module.threading, "Timer", Resort)
    app = viewer()
    async with app.run_test(size=(80, 24)):
        app._end_at_once(signal.SIGHUP)
        await asyncio.sleep(0.05)
    assert app.return_code == 128 + signal.SIGHUP


async def test_a_network_that_shrinks_keeps_the_selection_in_bounds():
    given = source()
    app = viewer(given)
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.press("5", "right_square_bracket", "right_square_bracket", "right_square_bracket", "G", "a")
        given.tell(snapshot(synthetic.infos(synthetic.LENET[:1])))
        app.tick()
        await pilot.pause()
        assert app.scene.selection.layer == 0
