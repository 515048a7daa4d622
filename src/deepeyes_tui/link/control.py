"""The control socket's two ends. The server's thread only queues; the training thread acts when it likes."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from deepeyes_tui.link.client import ControlClient
from deepeyes_tui.link.errors import ControlError, MessageError
from deepeyes_tui.link.messages import WATCHING, Command, Outcome, decode_command, encode
from deepeyes_tui.link.serving import Client, SocketLoop
from deepeyes_tui.link.sockets import listen
from deepeyes_tui.link.threads import HiddenThread

__all__ = ["ControlClient", "ControlError", "ControlServer", "Request"]

MAX_WAITING = 256
"""Commands in the queue; more are refused, so that no sender can fill the trainer's memory."""
BACKLOG = 128
"""Connections not accepted yet; asyncio takes one more than that for connected (EAGAIN), so it is ample."""
LOST = "no command reaches the training any more: its script has closed descriptors that are the monitor's"


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A command and the client who sent it, to be answered once."""

    command: Command
    client: Client


class ControlServer:
    """Listens at `path` from a daemon thread. Raises ControlError when it cannot.

    With `allowed` false, every command but those of `WATCHING` is refused at once. A process forked from this one (a
    DataLoader's worker) has no such thread: there its copies of the sockets are closed, and every method does nothing.
    """

    def __init__(self, path: Path, *, allowed: bool = True) -> None:
        self._path = path
        self._allowed = allowed
        self._queue: deque[Request] = deque()
        self._wake = threading.Event()
        self._process = os.getpid()
        try:
            self._loop = SocketLoop(listen(path, BACKLOG), self._receive)
        except OSError as error:
            raise ControlError(f"the control socket cannot be made: {error.strerror or error}") from error
        self._thread = HiddenThread(self._loop.run)
        _servers.add(self)

    @property
    def notice(self) -> str:
        """Why no command arrives any more, in a sentence; empty if nothing is wrong."""
        return LOST if self._loop.lost else ""

    def pending(self) -> list[Request]:
        """Return the commands that came since the last call, oldest first. Never blocks; cheap when there are none."""
        if not self._queue or self._process != os.getpid():
            return []
        self._wake.clear()
        requests = []
        while self._queue:
            requests.append(self._queue.popleft())
        return requests

    def wait(self, timeout: float) -> bool:
        """Wait until a command is there, `timeout` seconds at most. Returns whether one is."""
        return self._wake.wait(timeout) and bool(self._queue)

    def answer(self, request: Request, outcome: Outcome) -> None:
        """Send what became of a request. Never blocks, and does nothing when the client has gone."""
        if self._process == os.getpid():
            self._loop.send(request.client, _encoded(outcome), answers=True)

    def close(self, reason: str = "the run has ended") -> None:
        """Stop listening, and refuse what is still in the queue, with the reason. Twice is fine."""
        if self._process != os.getpid() or self._loop.closed:
            return
        for request in self.pending():
            self.answer(request, Outcome(request.command.id, False, reason))
        self._loop.close()
        if not self._loop.lost:
            self._thread.join(timeout=1.0)
        self._path.unlink(missing_ok=True)

    def _receive(self, client: Client, line: bytes) -> bool:
        """Take one line, in the server's thread. Returns whether to keep the client."""
        try:
            command = decode_command(line)
        except MessageError as error:
            self._loop.put(client, _encoded(Outcome(0, False, str(error))))
            return False
        refusal = self._refusal(command)
        if refusal:
            self._loop.put(client, _encoded(Outcome(command.id, False, refusal)))
            return True
        client.waiting += 1
        self._queue.append(Request(command, client))
        self._wake.set()
        return True

    def _refusal(self, command: Command) -> str:
        if not self._allowed and command.action not in WATCHING:
            return 'this run takes no commands: its script calls watch(..., control="off")'
        if len(self._queue) >= MAX_WAITING:
            return f"{MAX_WAITING} commands are waiting already: the training is in a long step"
        return ""

    def leave_to_parent(self) -> None:
        """Close this process's copies of the sockets, after a fork."""
        self._queue.clear()
        self._loop.drop_descriptors()


def _encoded(outcome: Outcome) -> bytes:
    try:
        return encode(outcome)
    except MessageError as error:
        return encode(Outcome(outcome.id if isinstance(outcome.id, int) else 0, False, str(error)))


_servers: weakref.WeakSet[ControlServer] = weakref.WeakSet()


def _after_fork() -> None:
    for server in list(_servers):
        server.leave_to_parent()
    _servers.clear()


os.register_at_fork(after_in_child=_after_fork)
