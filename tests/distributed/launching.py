"""Trainings of two ranks: two processes under torchrun, or forked off one that has loaded torch already."""

from __future__ import annotations

import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.control import ControlClient
from deepeyes_tui.link.errors import LinkError
from deepeyes_tui.link.messages import Command, Outcome
from deepeyes_tui.link.runs import Run, find_run, list_runs
from deepeyes_tui.link.snapshot import Snapshot

ROOT = Path(__file__).parents[2]
RANKS = 2
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(RANKS))
PATIENCE = 90.0
"""Seconds, of a machine that does much else, for what takes less than one."""
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["torch._dynamo", "torch.distributed.fsdp", "deepeyes_tui.probe.ranks.probe"])


class Launched:
    """The run of a training under way; `ended()` tells, once all its processes are over, whether they ended well."""

    def __init__(self, name: str, output: Path, ended: Callable[[], bool | None]) -> None:
        self._name, self._output, self.ended = name, output, ended

    @property
    def run(self) -> Run:
        return find_run(self._name)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait(self, seconds: float = PATIENCE) -> str:
        """Return all that was printed, once it has ended well."""
        until = time.monotonic() + seconds
        while (ended := self.ended()) is None:
            assert time.monotonic() < until, f"does not end: {self.output}"
            time.sleep(0.05)
        assert ended, self.output
        return self.output

    def snapshot(self) -> Snapshot | None:
        reader = BoardReader(self.run.board)
        try:
            return reader.read()
        finally:
            reader.close()

    def until(self, holds: Callable[[Snapshot], Any], seconds: float = PATIENCE) -> Snapshot:
        """Return the first state of the run of which something holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.ended() is None, self.output
            try:
                if (found := self.snapshot()) is not None and holds(found):
                    return found
            except (LinkError, LookupError, OSError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"waited for {seconds} s in vain: {self.snapshot()}\n{self.output}")

    def go_on(self, steps: int = 8) -> None:
        """Wait until the training is some steps further."""
        before = self.snapshot()
        assert before is not None
        self.until(lambda snapshot: snapshot.status.step >= before.status.step + steps)

    def ask(self, action: str, /, **arguments: Any) -> Outcome:
        """Send a command, and return what came of it."""
        return ControlClient(self.run.control).send(Command(action, arguments, sender="test"), PATIENCE)

    def done(self, action: str, /, **arguments: Any) -> Outcome:
        """Send a command that has to succeed."""
        outcome = self.ask(action, **arguments)
        assert outcome.ok, outcome.message
        return outcome


class Forked(Launched):
    """`pids` are the processes of the ranks."""

    pids: Sequence[int]


@contextmanager
def forked(script: str, *args: object, name: str = "ranks") -> Iterator[Forked]:
    """Run `main` of a module of this folder in each rank; whatever happens, nothing of it is left."""
    output = Path(tempfile.mkdtemp(dir=os.environ["DEEPEYES_HOME"])) / "output"
    surroundings = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    arguments = [(rank, surroundings, output, script, tuple(map(str, args))) for rank in range(RANKS)]
    ranks = [FORKS.Process(target=_be, args=one) for one in arguments]
    output.touch()
    for one in ranks:
        one.start()

    def ended() -> bool | None:
        codes = [one.exitcode for one in ranks]
        return None if None in codes else not any(codes)

    training = Forked(name, output, ended)
    training.pids = [one.pid or 0 for one in ranks]
    try:
        yield training
    finally:
        for one in ranks:
            one.kill()
            one.join()


@contextmanager
def torchrun(command: Sequence[object], *, name: str, **options: Any) -> Iterator[Launched]:
    """Start a command in each rank, as users do; whatever happens, nothing of it is left."""
    output = Path(tempfile.mkdtemp(dir=os.environ["DEEPEYES_HOME"])) / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [*TORCHRUN, *map(str, command)], stdout=file, stderr=file, start_new_session=True, **options
        )

    def ended() -> bool | None:
        return None if process.poll() is None else process.returncode == 0

    try:
        yield Launched(name, output, ended)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)


def names_of_runs() -> list[str]:
    """Return the names of all runs there are."""
    return [run.name for run in list_runs()]


def step_of(outcome: Outcome) -> int:
    """Return the step at which something was done."""
    found = re.search(r"at step (\d+)", outcome.message)
    assert found is not None, outcome.message
    return int(found[1])


def _be(rank: int, surroundings: Mapping[str, str], output: Path, script: str, args: Sequence[str]) -> None:
    os.environ.update(surroundings, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(RANKS))
    with output.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    importlib.import_module(f"tests.distributed.{script}").main(*args)
    sys.stdout.flush()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
