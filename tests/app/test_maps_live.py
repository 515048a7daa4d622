"""The viewer with a real analysis process, over rings as a training writes them."""

import asyncio
import os
import signal
import time

import pytest
from textual.events import MouseMove

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.mapping import Cartographer
from deepeyes_tui.app.maps import MapBox
from deepeyes_tui.app.moves import to_layer, to_pane
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.maps import FilterMapRequest, InputMapRequest
from deepeyes_tui.link.watcher import Condition
from tests.app import synthetic
from tests.app.driving import screen, source, viewer
from tests.processes.rings import write_ring

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]
WITHIN = 120.0


@pytest.fixture
def rings(tmp_path):
    for number, (name, filters) in enumerate((("conv1", 20), ("conv2", 50), ("fc1", 500), ("fc2", 10))):
        write_ring(tmp_path, number, size=1500, filters=filters, classes=10, layer=name)
    return tmp_path


async def until(pilot, condition):
    end = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < end, screen(pilot.app)
        await pilot.pause(0.05)


async def test_from_layer_to_map_to_brush_to_the_other_layers(rings):
    app = viewer(rings=lambda: rings)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        assert "the analysis is starting" in screen(app)
        await until(pilot, lambda: app.scene.input_map is not None and app.scene.input_map.quality is not None)
        await until(pilot, lambda: app.scene.filter_map is not None and app.scene.maps.survey is not None)
        steps = app.scene.input_map.sample.steps
        assert f"conv1, step {steps.max():,}, labels, 1,500 of 1,500" in screen(app)
        await pilot.press("v", *["right"] * 12, *["down"] * 6, "enter")
        assert app.scene.selection.chosen
        assert "mean on the marked" in screen(app)
        await pilot.press("]")
        assert app.scene.selection.chosen == frozenset()
        await until(pilot, lambda: app.scene.input_map is not None)
        assert app.scene.input_map.sample.layer == "conv2"
        await pilot.press("[")
        assert app.scene.selection.chosen
    app.analyst.close()


async def test_a_killed_analysis_comes_back_and_the_last_map_stays(rings):
    given = source()
    app = viewer(given, rings=lambda: rings)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: app.scene.input_map is not None and app.scene.maps.survey is not None)
        number, before = app.scene.input_map.shape.number, app.analyst.pid
        os.kill(before, signal.SIGKILL)
        await until(pilot, lambda: app.analyst.pid not in (None, before))
        assert app.scene.input_map is not None
        await pilot.press("r")
        await until(pilot, lambda: app.scene.input_map.shape.number > number)
        given.tell(synthetic.snapshot(), Condition.FINISHED, "finished")
        await until(pilot, lambda: app.scene.ended)
        await until(pilot, lambda: "as of step" in screen(app))
    app.analyst.close()


async def test_the_mouse_draws_a_rectangle(rings):
    app = viewer(rings=lambda: rings)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: app.scene.input_map is not None and app.scene.input_map.complete)
        await pilot.mouse_down(offset=(8, 5))
        await pilot._post_mouse_events([MouseMove], None, offset=(60, 18), button=1)
        assert app.scene.brush is not None
        await pilot.mouse_up(offset=(60, 18))
        assert app.scene.brush is None
        assert len(app.scene.selection.chosen) > 10
    app.analyst.close()


class Asked:
    """Takes requests and answers none."""

    def __init__(self):
        self.requests = []

    def ask(self, request):
        self.requests.append(request)


def test_who_walks_along_the_layers_asks_for_the_last_one_alone(tmp_path):
    now, asked, focused = [0.0], Asked(), []
    maps_of = Cartographer(asked, MapBox(lambda: now[0]), lambda: tmp_path, focused.append, lambda: now[0])
    scene: Scene = to_pane(synthetic.scene(), PaneName.INPUT_MAP)
    maps_of.look(to_pane(scene, PaneName.TRAINING))
    for step in range(10):
        now[0] += 0.1
        maps_of.look(to_layer(scene, step % 4))
    assert asked.requests == []
    now[0] += 0.2
    maps_of.look(to_layer(scene, 9 % 4))
    assert [type(request) for request in asked.requests] == [InputMapRequest, FilterMapRequest]
    assert {request.layer for request in asked.requests} == {"conv2"}
    assert focused == ["conv2"]


async def test_without_instances_it_is_said(tmp_path):
    app = viewer(rings=lambda: tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "no instances of this layer yet" in screen(app))
        await asyncio.sleep(0)
    app.analyst.close()
