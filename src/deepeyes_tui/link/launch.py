"""Starting a training script in a process of its own, which outlives whoever started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deepeyes_tui.link.draining import Reading, drained
from deepeyes_tui.link.errors import LaunchError, RunError
from deepeyes_tui.link.interpreter import python_options
from deepeyes_tui.link.modules import module_exists
from deepeyes_tui.link.processes import process_start_time
from deepeyes_tui.link.runs import RUN_VARIABLE, Run, claim_run
from deepeyes_tui.link.script_options import ScriptOptions

LAST_WORDS = 2.0
"""Seconds that a script's output may take after its end; longer where a process that it has left behind prints."""
RUNNER = Path(__file__).parents[1] / "script" / "__main__.py"
"""What runs a script unmodified. By its path: `python -m` would put the working folder before everything else."""
LAUNCHED = ("RANK", "LOCAL_RANK")
"""Set by `torchrun` and its like for each process of a training."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A script that was started for a run."""

    run: Run
    process: subprocess.Popen[bytes]
    output: Reading
    """What it prints, on the way into the run's log."""

    def poll(self) -> int | None:
        """Return the exit status (minus the signal's number where one ended it), or None while it runs."""
        return self._note(self.process.poll())

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end and the last of the output, and return the exit status; None when the time is up."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self.output.wait(LAST_WORDS)
        return self._note(status)

    def _note(self, status: int | None) -> int | None:
        if status is not None:
            with contextlib.suppress(RunError):
                if self.run.record().exit_status is None:
                    self.run.update(exit_status=status)
            self.run.remove_live()
        return status


def start_script(
    arguments: Sequence[str],
    *,
    name: str,
    module: bool = False,
    environment: Mapping[str, str] | None = None,
    options: ScriptOptions | None = None,
    keep_input: bool = False,
    shown: bool = False,
) -> Launched:
    """Start `python SCRIPT ARGS` or `python -m MODULE ARGS`. Raises LaunchError before anything is made, RunError.

    With `options` what the script trains is found and watched, else it has to call `watch`. The process has a session
    of its own, and no standard input (or ours, where it is to be kept). Its output goes to the run's log and, where it
    is `shown`, to our own, by way of a process that stays when we go.
    """
    _check(arguments[0], module)
    run = claim_run(name, command=[sys.executable, *_target(arguments, module)])
    surroundings = {**os.environ, **(environment or {}), RUN_VARIABLE: str(run.folder), "PYTHONUNBUFFERED": "1"}
    try:
        with drained(run.log, shown=shown) as drain:
            process = subprocess.Popen(
                _command(arguments, module, options),
                stdin=None if keep_input else subprocess.DEVNULL,
                stdout=drain.out,
                stderr=drain.err,
                env=surroundings,
                start_new_session=True,
            )
    except OSError as error:
        run.remove_live(keep_board=False)
        raise RunError(f"the script cannot be started ({error.strerror or error})") from None
    with contextlib.suppress(RunError):
        run.update(pid=process.pid, process_start=process_start_time(process.pid))
    return Launched(run, process, drain.reading)


def is_under_launcher() -> bool:
    """Return whether this process is one of several that `torchrun` or its like has started."""
    return any(os.environ.get(name) for name in LAUNCHED)


def become_script(arguments: Sequence[str], *, module: bool, options: ScriptOptions) -> NoReturn:
    """Go on as the script, watched, in this very process: whoever started us keeps its child, input and output.

    Raises LaunchError.
    """
    _check(arguments[0], module)
    sys.stdout.flush()
    sys.stderr.flush()
    command = _command(arguments, module, options)
    os.execv(command[0], command)


def _command(arguments: Sequence[str], module: bool, options: ScriptOptions | None) -> list[str]:
    runner = [str(RUNNER), *options.to_arguments()] if options is not None else []
    return [sys.executable, *python_options(), *runner, *_target(arguments, module)]


def _target(arguments: Sequence[str], module: bool) -> list[str]:
    return [*(["-m"] if module else []), *arguments]


def run_unwatched(arguments: Sequence[str], *, module: bool = False) -> int:
    """Run a script as python would, in the foreground, and return its exit status, 128 + n for signal n."""
    status = subprocess.run(_command(arguments, module, None), check=False).returncode
    return status if status >= 0 else 128 - status


def follow_headless(launched: Launched) -> int:
    """Wait until a script ends; return its exit status, 128 + n where signal n ended it.

    SIGINT and SIGTERM go on to the script; SIGHUP is ignored: a lost terminal ends nothing.
    """
    with _forwarded(launched.process):
        launched.wait()
    status = launched.process.returncode
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _forwarded(process: subprocess.Popen[bytes]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(target: str, module: bool) -> None:
    if module:
        if not module_exists(target):
            raise LaunchError(f"there is no module {target!r}: run it from where `python -m {target}` works")
        return
    path = Path(target)
    if not path.exists():
        raise LaunchError(f"there is no script {target!r}: give its path, or -m for a module")
    if path.is_dir() and not (path / "__main__.py").exists():
        raise LaunchError(f"{target!r} is a folder: give a script, or -m for a module")
    if not os.access(path, os.R_OK):
        raise LaunchError(f"the script {target!r} may not be read")
