"""Instances of runs that are over: their rings are kept beside the last board, for the newest runs."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from deepeyes_tui.link.folders import is_own
from deepeyes_tui.link.words import WORDS

INSTANCES = "instances"
KEPT_RUNS = 3
"""Runs that keep their instances once they are over: up to some 200 MB each."""


def keep_instances(live: Path, folder: Path) -> None:
    """Copy rings and texts of tokens of a live folder to a lasting one, all or none; what finds no room is lost."""
    source = live / INSTANCES
    if not is_own(source) or not is_own(folder):
        return
    temporary = folder / f".{INSTANCES}.{os.getpid()}"
    try:
        temporary.mkdir(mode=0o700)
        for ring in (*source.glob("*.ring"), source / WORDS):
            if ring.is_file() and not ring.is_symlink():
                shutil.copyfile(ring, temporary / ring.name, follow_symlinks=False)
                (temporary / ring.name).chmod(0o600)
        if is_own(folder / INSTANCES):
            shutil.rmtree(folder / INSTANCES)
        temporary.rename(folder / INSTANCES)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    forget_instances(folder.parent)


def forget_instances(runs: Path) -> None:
    """Remove the instances of all but the newest `KEPT_RUNS` runs in the folder of runs."""
    found = []
    with suppress(OSError):
        for folder in runs.iterdir():
            kept = folder / INSTANCES
            if is_own(folder) and is_own(kept):
                found.append((kept.stat().st_mtime_ns, kept))
    for _, kept in sorted(found, reverse=True)[KEPT_RUNS:]:
        shutil.rmtree(kept, ignore_errors=True)
