"""What is known of a run's process: `run.json`, written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.files import write_all
from deepeyes_tui.link.processes import process_alive, process_start_time

RECORD = "run.json"
LOCK_TRIES, LOCK_PAUSE = 20, 0.01
MAX_RECORD = 1 << 20
BLOCK, SPARE = 4096, 256
"""The file's size is a multiple of `BLOCK` bytes, of which `SPARE` at least are blank at first: there is always room
to note how a run has ended.
"""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """`created` in seconds since the epoch; `process_start` as `process_start_time` gives it; `exit_status` negative
    for a signal, None while unknown; `live` the path of the live folder; `folder` that of the lasting one.
    """

    name: str = ""
    command: tuple[str, ...] = ()
    created: float = 0.0
    pid: int = 0
    process_start: int = 0
    host: str = ""
    exit_status: int | None = None
    live: str = ""
    folder: str = ""

    @property
    def lost(self) -> bool:
        """Whether this only stands for a record that cannot be read."""
        return self.pid < 0

    @property
    def here(self) -> bool:
        """Whether the run is of this machine, so that its process can be looked at."""
        return self.host in ("", socket.gethostname())

    @property
    def alive(self) -> bool:
        """Whether its process runs, here."""
        return self.exit_status is None and self.here and process_alive(self.pid, self.process_start)


def new_record(name: str, command: tuple[str, ...], folder: Path, live: Path) -> RunRecord:
    """Return the record of a run that starts now, in this process."""
    pid = os.getpid()
    return RunRecord(
        name=name,
        command=command,
        created=time.time(),
        pid=pid,
        process_start=process_start_time(pid),
        host=socket.gethostname(),
        live=str(live),
        folder=str(folder),
    )


def read_record(folder: Path) -> RunRecord:
    """Return the record in a folder. Raises RunError."""
    path = folder / RECORD
    try:
        with path.open("rb") as file:
            plain = json.loads(file.read(MAX_RECORD))
    except OSError as error:
        raise RunError(f"{folder} is no run: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged") from error
    if not isinstance(plain, dict):
        raise RunError(f"{path} is damaged")
    return _record(plain)


def stand_in(folder: Path) -> RunRecord:
    """Return what can be said of a run whose record cannot be read. Raises OSError."""
    return RunRecord(name=folder.name, created=folder.stat().st_mtime, pid=-1, folder=str(folder))


def write_record(folder: Path, record: RunRecord) -> None:
    """Write the record as a whole, on a full disk in the place of the one that is there. Raises OSError."""
    path = folder / RECORD
    temporary = folder / f".{RECORD}.{os.getpid()}"
    text = json.dumps(asdict(record), indent=1).encode()
    try:
        temporary.write_bytes(_padded(text, -(-(len(text) + SPARE) // BLOCK) * BLOCK))
        temporary.chmod(0o600)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _overwrite(path, text)


def _overwrite(path: Path, text: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        if len(text) >= size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_all(fd, _padded(text, size), 0)
    finally:
        os.close(fd)


def _padded(text: bytes, size: int) -> bytes:
    return text.ljust(size - 1) + b"\n"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other writers of the record away, for a moment at most: one who was stopped must not stop us."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOCK_PAUSE)
            except OSError:
                break
            else:
                break
        yield
    finally:
        os.close(fd)


def _record(plain: dict[str, Any]) -> RunRecord:
    found = {}
    for entry in fields(RunRecord):
        value = _checked(entry.name, entry.default, plain.get(entry.name))
        if value is not None:
            found[entry.name] = value
    return RunRecord(**found)


def _checked(name: str, default: object, value: object) -> Any:
    """Return the value if it is of the default's kind, else None."""
    if name == "command":
        return tuple(map(str, value)) if isinstance(value, list) else None
    if isinstance(default, str):
        return value if isinstance(value, str) else None
    if isinstance(default, float):
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value if type(value) is int and abs(value) < 2**63 else None
