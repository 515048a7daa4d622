"""A real analysis process: what it answers, what it does with bad data, and how it is brought back."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from deepeyes_tui.link.analyst import DEATHS, Analyst
from deepeyes_tui.link.maps import (
    Failure,
    FilterMap,
    FilterMapRequest,
    InputMapRequest,
    MapFrame,
    MapQuality,
    MapShape,
    Progress,
    Sample,
    Stage,
    Survey,
    SurveyRequest,
)
from tests.processes.rings import write_ring

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
WITHIN = 120.0


class Listener:
    """Collects answers, and waits for what ends a request."""

    def __init__(self):
        self.answers = []
        self._came = threading.Condition()

    def __call__(self, answer):
        with self._came:
            self.answers.append(answer)
            self._came.notify_all()

    def wait(self, until):
        with self._came:
            assert self._came.wait_for(lambda: any(map(until, self.answers)), WITHIN), self.answers[-5:]
        return next(filter(until, self.answers))

    def done(self, number):
        return self.wait(
            lambda a: (
                a.number == number and (isinstance(a, Failure) or (isinstance(a, Progress) and a.stage is Stage.READY))
            )
        )

    def of(self, kind, number):
        return [answer for answer in self.answers if isinstance(answer, kind) and answer.number == number]


@pytest.fixture(scope="module")
def shared():
    listener = Listener()
    analyst = Analyst(listener)
    analyst.start()
    listener.wait(lambda a: isinstance(a, Progress) and a.stage is Stage.READY)
    yield analyst, listener
    analyst.close()


@pytest.fixture
def ask(shared):
    """Ask, wait until it is done, and return the listener."""
    analyst, listener = shared

    def send(request):
        analyst.ask(request)
        listener.done(request.number)
        return listener

    return send


numbers = iter(range(1, 10_000))


def test_a_map_comes_in_parts_and_its_clusters_are_the_labels(ask, tmp_path):
    number = next(numbers)
    path = write_ring(tmp_path)
    told = ask(InputMapRequest(number, path, "layer0", renew=True))
    (sample,), (shape,), (quality,) = (told.of(kind, number) for kind in (Sample, MapShape, MapQuality))
    frames = told.of(MapFrame, number)
    assert sample.size == 600
    assert shape.levels == 1
    assert shape.weights.sum() == 600
    assert frames[0].iteration <= 10
    assert frames[-1].iteration == frames[-1].iterations
    places, labels = frames[-1].positions, sample.labels[shape.points]
    nearest = np.linalg.norm(places[:, None] - places[None], axis=2).argsort(axis=1)[:, 1]
    assert (labels[nearest] == labels).mean() > 0.98
    assert quality.trustworthiness.mean() > 0.9
    assert not any(array.flags.writeable for array in (sample.activations, places, quality.continuity))


def test_a_large_map_has_levels_to_drill_into(ask, tmp_path):
    number, path = next(numbers), write_ring(tmp_path, size=3000)
    told = ask(InputMapRequest(number, path, "layer0", renew=True))
    sample, shape = told.of(Sample, number)[0], told.of(MapShape, number)[0]
    assert shape.levels >= 2
    assert shape.level == shape.levels - 1
    assert shape.weights.sum() == pytest.approx(3000, rel=1e-4)
    label = sample.labels[shape.points[0]]
    into = tuple(sample.ids[shape.points[sample.labels[shape.points] == label]].tolist())
    deeper = next(numbers)
    told = ask(InputMapRequest(deeper, path, "layer0", trail=(into,)))
    assert not told.of(Sample, deeper)
    inner = told.of(MapShape, deeper)[0]
    assert inner.sample == number
    assert inner.level == shape.level - 1
    assert inner.trail == (into,)
    assert (sample.labels[inner.points] == label).mean() > 0.95
    out = next(numbers)
    told = ask(InputMapRequest(out, path, "layer0"))
    assert np.array_equal(told.of(MapFrame, out)[0].positions, told.of(MapFrame, number)[-1].positions)


def test_a_renewed_map_keeps_what_looks_alike_where_it_was(ask, tmp_path):
    number, path = next(numbers), write_ring(tmp_path, size=800)
    told = ask(InputMapRequest(number, path, "layer0", renew=True))
    first, sample = told.of(MapFrame, number)[-1].positions, told.of(Sample, number)[0]
    again = next(numbers)
    told = ask(InputMapRequest(again, write_ring(tmp_path, size=800, seed=0), "layer0", renew=True))
    second = told.of(MapFrame, again)[-1].positions
    radius = np.abs(first - first.mean(0)).max()
    for label in range(5):
        moved = first[sample.labels == label].mean(0) - second[sample.labels == label].mean(0)
        assert np.linalg.norm(moved) < 0.2 * radius


def test_a_renewed_hierarchy_keeps_its_landmarks_and_their_places(ask, tmp_path):
    first, second = next(numbers), next(numbers)
    told = ask(InputMapRequest(first, write_ring(tmp_path, size=6000, of=7000, dims=40), "layer0", renew=True))
    before, places = told.of(MapShape, first)[-1], told.of(MapFrame, first)[-1].positions
    told = ask(InputMapRequest(second, write_ring(tmp_path, size=7000, dims=40), "layer0", renew=True))
    after, moved = told.of(MapShape, second)[-1], told.of(MapFrame, second)[-1].positions
    _, old, new = np.intersect1d(before.points, after.points, return_indices=True)
    assert len(old) > 0.8 * len(before.points)
    shift = np.linalg.norm(places[old] - moved[new], axis=1)
    assert np.median(shift) < 0.1 * np.abs(places - places.mean(0)).max()


def test_the_filter_map_and_the_survey(ask, tmp_path):
    path = write_ring(tmp_path, filters=40)
    number, survey = next(numbers), next(numbers)
    last = ask(FilterMapRequest(number, path, "layer0")).of(FilterMap, number)[-1]
    assert np.isfinite(last.positions[~last.dead]).all()
    assert last.iteration == last.iterations
    assert set(last.label[~last.dead].tolist()) <= set(range(5))
    told = ask(SurveyRequest(survey, (("layer0", path), ("gone", tmp_path / "no.ring"))))
    (found,) = told.of(Survey, survey)[0].layers
    assert found.layer == "layer0"
    assert found.purity > 0.9
    assert found.instances == 600


ZEROS = {"activations": np.zeros((50, 12)), "patches": np.zeros((50, 20))}
ODD = {
    "three instances": {"size": 3},
    "all identical": {"size": 50, "patches": np.ones((50, 20)), "activations": np.ones((50, 12))},
    "all zero": {"size": 50, **ZEROS},
    "large and identical": {"size": 2500, "patches": np.ones((2500, 20))},
    "NaN": {"size": 50, "patches": np.full((50, 20), np.nan), "activations": np.full((50, 12), np.nan)},
    "two filters": {"filters": 2},
    "one filter": {"filters": 1},
    "one label": {"classes": 1},
    "five thousand labels": {"size": 2500, "classes": 5000},
    "no labels": {"labels": np.full(600, -1)},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_instances_have_maps_too(ask, tmp_path, name):
    path = write_ring(tmp_path, **ODD[name])
    first, second, third = next(numbers), next(numbers), next(numbers)
    told = ask(InputMapRequest(first, path, "layer0", renew=True))
    assert not told.of(Failure, first)
    assert np.isfinite(told.of(MapFrame, first)[-1].positions).all()
    told = ask(FilterMapRequest(second, path, "layer0"))
    last = told.of(FilterMap, second)[-1]
    assert np.isfinite(last.positions[~last.dead]).all()
    assert ask(SurveyRequest(third, (("layer0", path),))).of(Survey, third)[0].layers


@pytest.mark.parametrize(("size", "words"), [(1, "needs at least 3"), (2, "needs at least 3")])
def test_too_few_instances_are_refused_in_a_sentence(ask, tmp_path, size, words):
    number = next(numbers)
    told = ask(InputMapRequest(number, write_ring(tmp_path, size=size), "layer0", renew=True))
    assert words in told.of(Failure, number)[0].sentence


def test_a_layer_that_is_gone_is_said_in_a_sentence(ask, tmp_path):
    number = next(numbers)
    told = ask(InputMapRequest(number, tmp_path / "99.ring", "layer9", renew=True))
    assert told.of(Failure, number)[0].sentence
    damaged = tmp_path / "bad.ring"
    damaged.write_bytes(b"DEEPRING" + os.urandom(5000))
    number = next(numbers)
    assert ask(InputMapRequest(number, damaged, "layer9", renew=True)).of(Failure, number)[0].sentence


def test_ten_changes_of_focus_in_a_second_end_in_the_last(shared, tmp_path):
    analyst, listener = shared
    paths = [write_ring(tmp_path, i, size=3000, dims=200) for i in range(10)]
    asked = [next(numbers) for _ in paths]
    for i, (number, path) in enumerate(zip(asked, paths, strict=True)):
        analyst.ask(InputMapRequest(number, path, f"layer{i}", renew=True))
        time.sleep(0.02)
    listener.done(asked[-1])
    assert listener.of(MapFrame, asked[-1])[-1].iteration == listener.of(MapFrame, asked[-1])[-1].iterations
    finished = [number for number in asked if listener.of(MapQuality, number)]
    assert asked[-1] in finished
    assert len(finished) < 10


def test_killed_it_is_started_again_and_goes_on(tmp_path):
    listener, path = Listener(), write_ring(tmp_path, size=3000, dims=200)
    analyst = Analyst(listener)
    try:
        analyst.start()
        listener.wait(lambda a: isinstance(a, Progress) and a.stage is Stage.READY)
        first = analyst.pid
        analyst.ask(InputMapRequest(1, path, "layer0", renew=True))
        listener.wait(lambda a: isinstance(a, Sample))
        os.kill(first, signal.SIGKILL)
        listener.done(1)
        assert listener.of(MapQuality, 1)
        assert analyst.pid != first
    finally:
        analyst.close()


def test_one_that_dies_again_and_again_is_given_up_with_its_last_words():
    listener = Listener()
    script = "import sys; print('no kernels today', file=sys.stderr); sys.exit(3)"
    analyst = Analyst(listener, (sys.executable, "-c", script))
    try:
        analyst.start()
        failure = listener.wait(lambda a: isinstance(a, Failure))
        assert f"it died {DEATHS} times" in failure.sentence
        assert "no kernels today" in failure.sentence
        assert analyst.pid is None
    finally:
        analyst.close()


def test_one_that_talks_nonsense_is_given_up_too():
    script = "import os, sys, time; os.write(int(sys.argv[1]), b'\\0\\0\\0\\4oops'); time.sleep(60)"
    listener = Listener()
    analyst = Analyst(listener, (sys.executable, "-c", script))
    try:
        analyst.start()
        assert f"it died {DEATHS} times" in listener.wait(lambda a: isinstance(a, Failure)).sentence
    finally:
        analyst.close()


def test_what_cannot_be_started_is_said():
    listener = Listener()
    analyst = Analyst(listener, ("/nonexistent/python",))
    analyst.start()
    assert "cannot be started" in listener.wait(lambda a: isinstance(a, Failure)).sentence
    analyst.close()


def test_it_ends_with_its_viewer():
    script = (
        "import os, time\n"
        "from deepeyes_tui.link.analyst import Analyst\n"
        "analyst = Analyst(lambda answer: None)\n"
        "analyst.start()\n"
        "print(analyst.pid, flush=True)\n"
        "time.sleep(1)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    pid = int(done.stdout)
    until = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.05)
