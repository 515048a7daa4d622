"""Where runs lie, and folders that only their owner can use."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deepeyes_tui.link.errors import RunError


def runs_folder() -> Path:
    """Return the folder of all runs that stay: `$DEEPEYES_HOME/runs`, by default in `$XDG_STATE_HOME/deepeyes`."""
    home = os.environ.get("DEEPEYES_HOME")
    if home:
        return Path(home).expanduser().absolute() / "runs"
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser().absolute() / "deepeyes" / "runs"


def live_roots() -> Iterator[Path]:
    """Yield where live folders may lie, the best first; `$DEEPEYES_LIVE` is the only one where it is set."""
    chosen = os.environ.get("DEEPEYES_LIVE")
    if chosen:
        yield Path(chosen).expanduser().absolute()
        return
    name = f"deepeyes-{os.geteuid()}"
    if os.access("/dev/shm", os.W_OK | os.X_OK):
        yield Path("/dev/shm", name)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        yield Path(runtime, "deepeyes")
    yield Path(tempfile.gettempdir(), name)


def live_root() -> Path:
    """Return the folder of live runs, made if needed. Raises RunError."""
    problem = "there is no folder for live runs"
    for root in live_roots():
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
            root.mkdir(mode=0o700, exist_ok=True)
            check_own(root)
        except OSError as error:
            problem = f"cannot make the folder {root}: {error.strerror}"
        except RunError as error:
            problem = str(error)
        else:
            return root
    raise RunError(problem)


def check_own(folder: Path) -> None:
    """Raise RunError unless the folder is a real one, this user's, and closed to others; the last is put right."""
    try:
        facts = folder.lstat()
    except OSError as error:
        raise RunError(f"cannot use the folder {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(facts.st_mode):
        raise RunError(f"{folder} is a link or a file where a folder should be: remove it")
    if facts.st_uid != os.geteuid():
        raise RunError(f"{folder} belongs to another user: set DEEPEYES_LIVE or DEEPEYES_HOME to a folder of your own")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        folder.chmod(0o700)


def is_own(folder: Path) -> bool:
    """Return whether the folder is there and this user's."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
