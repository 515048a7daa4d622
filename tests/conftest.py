"""Every test has run folders of its own. One thread a process: tests run side by side, and some fork."""

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"
SLOW = ("distributed", "processes", "scripts", "history", "integrations", "findings")
"""Folders whose tests wait for processes: they begin first, so that none is left over at the end."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.parent.name not in SLOW)


@pytest.fixture(autouse=True)
def own_run_folders(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DEEPEYES_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("DEEPEYES_LIVE", str(tmp_path_factory.mktemp("live")))
    for name in ("DEEPEYES_RUN", "COLUMNS", "LINES"):  # a worker of pytest says its own size to its children
        monkeypatch.delenv(name, raising=False)
