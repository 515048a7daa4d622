"""Every test has run folders of its own."""

import pytest


@pytest.fixture(autouse=True)
def own_run_folders(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DEEPEYES_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("DEEPEYES_LIVE", str(tmp_path_factory.mktemp("live")))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("DEEPEYES_RUN", raising=False)
