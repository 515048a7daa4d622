"""Runs: a lasting folder with the record, the log and the last board; a live one with the board and the socket."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.folders import check_own, is_own, live_root, live_roots, runs_folder
from deepeyes_tui.link.keeping import INSTANCES, forget_instances, keep_instances
from deepeyes_tui.link.processes import process_alive, process_start_time
from deepeyes_tui.link.records import RECORD, RunRecord, locked, new_record, read_record, stand_in, write_record

__all__ = [
    "Run",
    "RunError",
    "RunRecord",
    "adopted_run",
    "claim_run",
    "find_run",
    "list_runs",
    "open_run",
    "process_alive",
    "process_start_time",
    "sweep",
]

RUN_VARIABLE = "DEEPEYES_RUN"
WHICH_RUN = "as `deepeyes ls` names it (the newest under way, else the newest)"
"""What commands say of the run that they take."""
MAX_NAME = 48
MAX_SAME_NAME = 10_000
UNFINISHED_AGE = 60.0
"""Seconds after which a live folder without a record counts as left behind: making both takes milliseconds."""
HISTORY = "history.sqlite"
LEFT = (RECORD, HISTORY, "output.log", "board")
"""Files of which each tells that a folder is that of a run."""
_ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: `folder` stays, `live` is there while its process is. Of one that is `damaged` the record is lost."""

    name: str
    folder: Path
    live: Path
    damaged: bool = False

    @property
    def board(self) -> Path:
        """Where the board is: in the live folder, or the last one in the lasting folder."""
        return (self.live if self.live.is_dir() else self.folder) / "board"

    @property
    def instances(self) -> Path:
        """The folder of the rings of instances: in the live folder, or in the lasting one."""
        return (self.live if self.live.is_dir() else self.folder) / INSTANCES

    @property
    def control(self) -> Path:
        """The control socket."""
        return self.live / "control"

    @property
    def log(self) -> Path:
        """What the script prints."""
        return self.folder / "output.log"

    @property
    def history(self) -> Path:
        """What was recorded, from the moment on in which a model is watched."""
        return self.folder / HISTORY

    @property
    def record_path(self) -> Path:
        """The record's file."""
        return self.folder / RECORD

    def record(self) -> RunRecord:
        """Return what is known of the process. Raises RunError."""
        try:
            return stand_in(self.folder) if self.damaged else read_record(self.folder)
        except OSError as error:
            raise RunError(f"{self.folder} is no run: {error.strerror}") from error

    def update(self, **changes: Any) -> RunRecord:
        """Change fields of the record, and return it. Raises RunError."""
        try:
            with locked(self.folder):
                record = replace(read_record(self.folder), **changes)
                write_record(self.folder, record)
            if is_own(self.live):
                write_record(self.live, record)
        except OSError as error:
            raise RunError(f"cannot write {self.record_path}: {error.strerror}") from error
        return record

    def remove_live(self, keep_board: bool = True) -> None:
        """Remove the live folder, its last board and instances saved in the lasting one where there is room.

        Twice is fine.
        """
        if keep_board:
            _keep_board(self.live, self.folder)
            keep_instances(self.live, self.folder)
        if is_own(self.live):
            shutil.rmtree(self.live, ignore_errors=True)


def claim_run(name: str, *, command: Sequence[str] = ()) -> Run:
    """Make a new run for this process; a name that is taken gets `-2`, `-3` ... Raises RunError."""
    runs, live = runs_folder(), live_root()
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for candidate in _names(clean_name(name)):
            run = Run(candidate, runs / candidate, live / candidate)
            if _make(run):
                _first_record(run, tuple(command))
                forget_instances(runs)
                return run
    except OSError as error:
        where = error.filename or runs
        remedy = "set DEEPEYES_HOME and DEEPEYES_LIVE to folders with room that can be written"
        raise RunError(f"cannot make a run at {where}: {error.strerror}; {remedy}") from error
    raise RunError(f"there are {MAX_SAME_NAME} runs of the name {name}: remove some from {runs}")


def _make(run: Run) -> bool:
    """Make both folders, or neither. Returns whether the name was free. Raises OSError."""
    try:
        run.folder.mkdir(mode=0o700)
    except FileExistsError:
        return False
    try:
        run.live.mkdir(mode=0o700)
    except OSError as error:
        run.folder.rmdir()
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


def _first_record(run: Run, command: tuple[str, ...]) -> None:
    record = new_record(run.name, command, run.folder, run.live)
    try:
        write_record(run.folder, record)
        write_record(run.live, record)
    except OSError:
        shutil.rmtree(run.live, ignore_errors=True)
        shutil.rmtree(run.folder, ignore_errors=True)
        raise


def clean_name(name: str) -> str:
    """Return a name of `[A-Za-z0-9._-]`, 1 to 48 characters, that starts with a letter or a digit."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name[:1000]).lstrip("._-")[:MAX_NAME].rstrip(".-_")
    return cleaned or "run"


def _names(name: str) -> Iterator[str]:
    yield name
    for number in range(2, MAX_SAME_NAME + 1):
        ending = f"-{number}"
        yield name[: MAX_NAME - len(ending)] + ending


def open_run(folder: Path) -> Run:
    """Return the run in a lasting folder. Raises RunError."""
    folder = folder.absolute()
    check_own(folder)
    record = read_record(folder)
    live = Path(record.live)
    if not live.is_absolute():
        raise RunError(f"{folder / RECORD} is damaged")
    return Run(folder.name, folder, live)


def list_runs() -> list[Run]:
    """Return all runs, the newest first; folders that are none are passed over."""
    found = []
    with suppress(OSError):
        for folder in runs_folder().iterdir():
            with suppress(RunError):
                run = _run_in(folder)
                found.append((run.record().created, run))
    return [run for _, run in sorted(found, key=lambda entry: entry[0], reverse=True)]


def _run_in(folder: Path) -> Run:
    """Return the run of a folder, though its record may be lost. Raises RunError for one that holds none."""
    try:
        return open_run(folder)
    except RunError:
        check_own(folder)
        under_way = any(is_own(root / folder.name) for root in live_roots())
        if under_way or not any((folder / name).is_file() for name in LEFT):
            raise
        return Run(folder.name, folder, folder / "live", damaged=True)


def find_run(name: str | None) -> Run:
    """Return the run of that name, or the only one whose name starts so; without a name the newest live one, else the
    newest. Raises RunError, which says what there is.
    """
    runs = list_runs()
    if not runs:
        raise RunError("there are no runs yet: start one with `deepeyes demo` or `deepeyes run SCRIPT`")
    if name is None:
        return next((run for run in runs if is_live(run)), runs[0])
    same = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    if len(same) == 1:
        return same[0]
    names = ", ".join(run.name for run in (same or runs)[:8])
    raise RunError(f"{'several runs match' if same else 'there is no run'} {name!r}; there are: {names}")


def is_live(run: Run) -> bool:
    """Return whether the run's process is there."""
    try:
        return run.record().alive
    except RunError:
        return False


def adopted_run() -> Run | None:
    """Return the run that a launcher made for this process, once; None where there is none, or another process of the
    same script has taken it.
    """
    folder = os.environ.get(RUN_VARIABLE)
    if not folder:
        return None
    try:
        run = open_run(Path(folder))
        check_own(run.live)
        if run.record().exit_status is not None:
            return None
        os.close(os.open(run.live / _ADOPTED, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        pid = os.getpid()
        run.update(pid=pid, process_start=process_start_time(pid))
    except (RunError, OSError):
        return None
    return run


def sweep() -> int:
    """Remove the live folders of processes that are gone, keeping each last board and its instances.

    Returns how many.
    """
    removed = 0
    for root in live_roots():
        if not is_own(root):
            continue
        with suppress(OSError):
            for live in list(root.iterdir()):
                removed += _sweep_one(live)
    return removed


def _sweep_one(live: Path) -> bool:
    if not is_own(live):
        return False
    try:
        record = read_record(live)
    except RunError:
        if _age(live) < UNFINISHED_AGE:
            return False
        record = RunRecord()
    if record.alive or not record.here:
        return False
    folder = Path(record.folder)
    if record.folder and is_own(folder):
        _keep_board(live, folder)
        keep_instances(live, folder)
    shutil.rmtree(live, ignore_errors=True)
    return True


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _keep_board(live: Path, folder: Path) -> None:
    """Copy the last board; one for which there is no room is lost."""
    temporary = folder / f".board.{os.getpid()}"
    try:
        shutil.copyfile(live / "board", temporary, follow_symlinks=False)
        temporary.chmod(0o600)
        temporary.replace(folder / "board")
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
