"""Running one script twice, as it is and watched, and reading what was seen of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.launch import RUNNER
from deepeyes_tui.link.runs import list_runs

HERE = Path(__file__).parent
VARIANTS = HERE / "variants"


@dataclass(frozen=True)
class Ended:
    """How a script ended: its exit status, what it printed, and where."""

    status: int
    out: str
    err: str

    @property
    def loss(self) -> float:
        """The last loss that it printed."""
        return float(re.findall(r"\bloss:? (\S+)$", self.out, re.MULTILINE)[-1])


class Nursery:
    """A process that scripts are forked from."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "nursery.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, target, arguments=(), *, watched, folder, module=False, environment=None, standard_input=""):
        """Run one script to its end."""
        folder.mkdir(parents=True)
        (folder / "in").write_text(standard_input)
        job = {
            "watched": watched,
            "target": str(target),
            "arguments": list(arguments),
            "module": module,
            "folder": str(folder),
            "name": "seen",
            "environment": environment or {},
        }
        if module:
            (folder / "variants").symlink_to(VARIANTS)
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        status = json.loads(self._process.stdout.readline())
        return Ended(status, (folder / "out").read_text(), (folder / "err").read_text())

    def close(self):
        self._process.stdin.close()
        self._process.wait(20)


def run_apart(target, arguments=(), *, watched, environment=None, standard_input="", options=(), folder=None):
    """Run one script in an interpreter of its own."""
    runner = [str(RUNNER), *options] if watched else []
    command = [sys.executable, *runner, str(target), *arguments]
    done = subprocess.run(
        command,
        input=standard_input,
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=folder,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def both(run_one):
    """Return what a script does as it is, and what it does watched; both at once."""
    with ThreadPoolExecutor(2) as pool:
        plain, watched = pool.submit(run_one, watched=False), pool.submit(run_one, watched=True)
        return plain.result(), watched.result()


def seen(*others):
    """Return the last picture of the only run that was made, but for the `others` of these names."""
    (run,) = [run for run in list_runs() if run.name not in others]
    return BoardReader(run.board).read()
