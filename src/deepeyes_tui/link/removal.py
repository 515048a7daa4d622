"""Removing runs that are over: only what lies in their own folder, and nothing that a link there leads to."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.folders import is_own, runs_folder
from deepeyes_tui.link.records import RECORD
from deepeyes_tui.link.runs import Run, is_live


def size_of(run: Run) -> int:
    """Return the bytes that a run takes on the disk; links count as themselves."""
    return _taken(run.folder)


def remove_run(run: Run) -> int:
    """Remove the folder of a run, and return the bytes that this freed. Raises RunError.

    The record goes last: where something cannot be removed, the run is still there to be removed again.
    """
    if is_live(run):
        raise RunError(f"{run.name} is under way: stop it first, with `deepeyes ctl {run.name} stop`")
    if run.folder.parent != runs_folder() or not is_own(run.folder):
        raise RunError(f"{run.folder} is no folder of a run of this user: it is left as it is")
    before = _taken(run.folder)
    run.remove_live(keep_board=False)
    try:
        for part in list(run.folder.iterdir()):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            elif part.name != RECORD:
                part.unlink()
        shutil.rmtree(run.folder)
    except OSError as error:
        raise RunError(f"cannot remove {error.filename or run.folder}: {error.strerror}") from error
    return before


def _taken(folder: Path) -> int:
    """Return the bytes of all files below a folder, as the disk counts them."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                total += facts.st_blocks * 512
                if stat.S_ISDIR(facts.st_mode):
                    total += _taken(Path(entry.path))
    return total
