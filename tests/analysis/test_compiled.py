"""Kernels: all warmed up, kept on disk wherever that is possible, spread over threads in order."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from deepeyes_tui.analysis.compiled import in_chunks
from deepeyes_tui.analysis.progress import Stopped
from deepeyes_tui.analysis.warm_up import warm_up


def test_chunks_come_in_order():
    chunks = in_chunks(lambda first, last: list(range(first, last)), 1003, 10)
    assert np.concatenate(chunks).tolist() == list(range(1003))
    assert len(chunks) == 101


def test_an_error_in_a_chunk_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        in_chunks(lambda first, last: 1 // (first - 20), 100, 10)


def test_warming_tells_and_stops():
    shares = []
    warm_up(lambda stage, share: shares.append((stage, share)))
    assert shares[0] == ("warming", 0.0)
    assert shares[-1] == ("warming", 1.0)
    with pytest.raises(Stopped):
        warm_up(lambda stage, share: share > 0.3)


COMPILED = """
import numpy as np
from numba.core.dispatcher import Dispatcher
from deepeyes_tui.analysis import (  # every module with kernels
    gradient, graph, nearest, neighbors, random, transitions, walks)
from deepeyes_tui.analysis.filter_map import embed_similarities
from deepeyes_tui.analysis.hierarchy import build_hierarchy
from deepeyes_tui.analysis.refresh import refresh
from deepeyes_tui.analysis.tsne import embed_points
from deepeyes_tui.analysis.warm_up import warm_up

def count():
    modules = gradient, graph, nearest, random, transitions, walks
    kernels = {value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
    return sum(len(kernel.signatures) for kernel in kernels)

warm_up()
before = count()
points = np.random.default_rng(0).normal(size=(5500, 130))
points.flags.writeable = False
hierarchy = build_hierarchy(points)
hierarchy.drill_in(2, [0, 1, 2], start=hierarchy.embed(2, 10)).embed(10)
refresh(hierarchy, np.arange(5500), points * 2, np.arange(50, 5550)).embed(2, 10)
hierarchy.representative(2)
embed_points(points[:100].astype(np.float32), 10)
embed_similarities(np.eye(50), iterations=10)
print(before, count())
"""


@pytest.mark.process
def test_nothing_is_left_to_compile_after_warming():
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before > 10
    assert after == before


KERNEL = """
import sys
import numpy as np
from numba.core import caching
if sys.argv[1] == "nowhere":
    caching.CacheImpl._locator_classes = []
from deepeyes_tui.analysis.random import mixed
print(mixed(np.uint64(1)))
"""


@pytest.mark.process
@pytest.mark.parametrize("where", ["told", "nowhere"])
def test_kernels_are_kept_where_numba_is_told_or_not_at_all(tmp_path, where):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", KERNEL, where]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "6238072747940578789"
    assert any(tmp_path.rglob("random.mixed*")) == (where == "told")
