"""Trainings of two ranks, started as users start them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.control import ControlClient
from deepeyes_tui.link.errors import LinkError
from deepeyes_tui.link.messages import Command, Outcome
from deepeyes_tui.link.runs import Run, find_run, list_runs
from deepeyes_tui.link.snapshot import Snapshot

ROOT = Path(__file__).parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


class Launched:
    """A training under torchrun, and its run."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self.process, self._name = process, name
        self.output = ""

    @property
    def run(self) -> Run:
        return find_run(self._name)

    def wait(self, seconds: float = 60) -> str:
        """Return all that was printed, once it has ended well."""
        self.output, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, self.output
        return self.output

    def snapshot(self) -> Snapshot | None:
        reader = BoardReader(self.run.board)
        try:
            return reader.read()
        finally:
            reader.close()

    def until(self, holds: Callable[[Snapshot], Any], seconds: float = 40) -> Snapshot:
        """Return the first state of the run of which something holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()[0]
            try:
                if (found := self.snapshot()) is not None and holds(found):
                    return found
            except (LinkError, LookupError, OSError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"waited for {seconds} s in vain: {self.snapshot().status}")

    def ask(self, action: str, /, **arguments: Any) -> Outcome:
        """Send a command, and return what came of it."""
        return ControlClient(self.run.control).send(Command(action, arguments, sender="test"), 30)

    def done(self, action: str, /, **arguments: Any) -> Outcome:
        """Send a command that has to succeed."""
        outcome = self.ask(action, **arguments)
        assert outcome.ok, outcome.message
        return outcome


@contextmanager
def launched(script: str, *args: object, name: str = "ranks") -> Iterator[Launched]:
    """Start a module of this folder in two ranks; whatever happens, nothing of it is left."""
    command = [*TORCHRUN, "-m", f"tests.distributed.{script}", *map(str, args)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield Launched(process, name)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=20)


def names_of_runs() -> list[str]:
    """Return the names of all runs there are."""
    return [run.name for run in list_runs()]
