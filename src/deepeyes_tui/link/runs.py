"""Run folders: what stays of a run, and what lives only as long as its process."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from deepeyes_tui.link.processes import process_alive, process_start_time

ADOPT = "DEEPEYES_RUN"
LONGEST_NAME = 48
MOST_OF_A_NAME = 10_000


class RunError(Exception):
    """Why a run cannot be made or found, in a sentence."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is written down of a run. `started` in seconds since the epoch; `exit_status` None while unknown."""

    name: str
    command: tuple[str, ...] = ()
    started: float = 0.0
    pid: int = 0
    process_started: int = 0
    exit_status: int | None = None
    live: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's two folders: `folder` stays, `live` is in memory and goes with the process."""

    name: str
    folder: Path
    live: Path

    @property
    def board(self) -> Path:
        """The live board, or the last picture of a run that has ended."""
        live = self.live / "board"
        return live if live.exists() or self.live.exists() else self.folder / "board"

    @property
    def control(self) -> Path:
        """The socket that takes commands."""
        return self.live / "control"

    @property
    def log(self) -> Path:
        """The script's own output."""
        return self.folder / "output.log"

    def record(self) -> RunRecord:
        """Return what is written down; what cannot be read is left at its default."""
        try:
            found = json.loads((self.folder / "run.json").read_text())
            return _record(self.name, found)
        except (OSError, ValueError, TypeError, AttributeError):
            return RunRecord(self.name)

    def update(self, **changes: Any) -> None:
        """Write some fields down anew, at once or not at all. Raises OSError."""
        record = {**asdict(self.record()), **changes}
        fresh = self.folder / f"run.json.{os.getpid()}"
        fresh.write_text(json.dumps(record, indent=1))
        fresh.replace(self.folder / "run.json")

    def is_live(self) -> bool:
        """Return whether the training process runs."""
        record = self.record()
        return process_alive(record.pid, record.process_started)

    def remove_live(self, keep_board: bool = True) -> None:
        """Remove what lies in memory; the last board moves to the folder that stays."""
        board = self.live / "board"
        if keep_board and board.exists():
            with contextlib.suppress(OSError):
                shutil.copyfile(board, self.folder / "board.new")
                (self.folder / "board.new").replace(self.folder / "board")
        shutil.rmtree(self.live, ignore_errors=True)


def claim_run(name: str, *, command: Sequence[str] = ()) -> Run:
    """Make the folders of a new run for this process. A taken name gets a number. Raises RunError."""
    try:
        return _claim(clean_name(name), command)
    except OSError as error:
        raise RunError(_why(error)) from None


def adopted_run() -> Run | None:
    """Return the run that a launcher made for this process (environment variable `DEEPEYES_RUN`), if any."""
    given = os.environ.get(ADOPT)
    if not given or not Path(given, "run.json").is_file():
        return None
    return open_run(Path(given))


def open_run(folder: Path) -> Run:
    """Return the run that is kept in a folder."""
    run = Run(folder.name, folder, Path())
    recorded = run.record().live
    return Run(folder.name, folder, Path(recorded) if recorded else live_root() / folder.name)


def list_runs() -> list[Run]:
    """Return all runs, the newest first."""
    try:
        folders = [entry for entry in runs_root().iterdir() if (entry / "run.json").is_file()]
    except OSError:
        return []
    runs = [open_run(folder) for folder in folders]
    return sorted(runs, key=lambda run: run.record().started, reverse=True)


def find_run(name: str | None = None) -> Run:
    """Return a run by name; without one the newest that is under way, else the newest. Raises RunError."""
    runs = list_runs()
    if name is not None:
        found = next((run for run in runs if run.name == name), None)
        if found is None:
            known = ", ".join(run.name for run in runs[:8])
            raise RunError(f"there is no run {name!r}; " + (f"there are: {known}" if known else "there is none yet"))
        return found
    if not runs:
        raise RunError("there is no run yet: start one with `deepeyes demo` or `deepeyes run train.py`")
    return next((run for run in runs if run.is_live()), runs[0])


def sweep() -> int:
    """Clear away what killed runs have left in memory, keeping their last board; return how many there were."""
    swept = 0
    for run in list_runs():
        if run.live.is_dir() and not run.is_live():
            run.remove_live()
            swept += 1
    return swept


def runs_root() -> Path:
    """Return the folder of all runs: `$DEEPEYES_HOME/runs`, else below the user's state folder."""
    home = os.environ.get("DEEPEYES_HOME")
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return (Path(home) if home else state / "deepeyes") / "runs"


def live_root() -> Path:
    """Return the folder in memory: `$DEEPEYES_LIVE`, `/dev/shm`, `$XDG_RUNTIME_DIR` or the temporary folder."""
    given = os.environ.get("DEEPEYES_LIVE")
    if given:
        return Path(given)
    choices = ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())
    base = next((path for path in choices if path and os.access(path, os.W_OK | os.X_OK)), tempfile.gettempdir())
    return Path(base) / f"deepeyes-{os.getuid()}"


def clean_name(name: str) -> str:
    """Return a name that is safe as a folder's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:LONGEST_NAME] or "run"


def _claim(name: str, command: Sequence[str]) -> Run:
    root, live = runs_root(), live_root()
    root.mkdir(parents=True, exist_ok=True)
    _make_private(live)
    sweep()
    for number in itertools.count(1):
        own = name if number == 1 else f"{name}-{number}"
        with contextlib.suppress(FileExistsError):
            (root / own).mkdir(mode=0o700)
            break
        if number > MOST_OF_A_NAME:
            raise RunError(f"there are {number} runs named {name}: give another name")
    run = Run(own, root / own, _make_live(live, own))
    run.update(
        command=list(command),
        started=time.time(),
        pid=os.getpid(),
        process_started=process_start_time(os.getpid()),
        live=str(run.live),
    )
    return run


def _make_live(root: Path, name: str) -> Path:
    for number in itertools.count(1):
        live = root / (name if number == 1 else f"{name}~{number}")
        with contextlib.suppress(FileExistsError):
            live.mkdir(mode=0o700)
            return live
    raise AssertionError


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise RunError(f"{folder} belongs to somebody else: set DEEPEYES_LIVE to a folder of your own")


def _record(name: str, found: Mapping[str, Any]) -> RunRecord:
    known = {field.name for field in fields(RunRecord)}
    values = {key: value for key, value in found.items() if key in known}
    exit_status = values.get("exit_status")
    return RunRecord(
        name=name,
        command=tuple(map(str, values.get("command", ()))),
        started=float(values.get("started", 0)),
        pid=int(values.get("pid", 0)),
        process_started=int(values.get("process_started", 0)),
        exit_status=None if exit_status is None else int(exit_status),
        live=str(values.get("live", "")),
    )


def _why(error: OSError) -> str:
    where = f" at {error.filename}" if error.filename else ""
    return f"the run's folder cannot be made{where} ({(error.strerror or str(error)).lower()})"
