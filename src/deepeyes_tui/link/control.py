"""The control socket: a thread takes commands in, the training thread carries them out when it comes by."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

from deepeyes_tui.link.messages import (
    MAX_LINE,
    Command,
    MessageError,
    Outcome,
    decode_command,
    decode_outcome,
    encode,
)

LONGEST_PATH = 107
MOST_CLIENTS = 32
MOST_WAITING = 64
"""Commands queued for the training thread; more are refused."""
LARGEST_BACKLOG = 1 << 20
"""Bytes of answers that a client may leave unread before it is let go."""
PEER = struct.Struct("3i")


class ControlError(Exception):
    """Why a command could not be delivered or was not answered, in a sentence."""


@dataclass(eq=False, slots=True)
class _Client:
    socket: socket.socket
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class Request:
    """A command that waits for the training thread, and who sent it."""

    command: Command
    client: _Client


class ControlServer:
    """Listens at `path`. With `allowed=False` every command is refused at once. Raises OSError where it cannot listen.

    Its thread only reads, queues and writes, and does not live on in a forked child.
    """

    def __init__(self, path: Path, *, allowed: bool = True) -> None:
        self._allowed = allowed
        self._path = path
        self._requests: deque[Request] = deque()
        self._arrived = threading.Event()
        self._lock = threading.Lock()
        self._clients: set[_Client] = set()
        self._selector = selectors.DefaultSelector()
        self._listener = _listen(path)
        self._wake, self._woken = socket.socketpair()
        for end in (self._listener, self._woken):
            end.setblocking(False)
            self._selector.register(end, selectors.EVENT_READ)
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="deepeyes-control", daemon=True)
        self._thread.start()

    def pending(self) -> list[Request]:
        """Return the commands that have come in since the last call; never waits."""
        if not self._requests:
            return []
        self._arrived.clear()
        requests = []
        with contextlib.suppress(IndexError):
            while True:
                requests.append(self._requests.popleft())
        return requests

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a command; return whether there is one."""
        return bool(self._requests) or self._arrived.wait(timeout)

    def answer(self, request: Request, outcome: Outcome) -> None:
        """Send an answer to whoever asked, if still there."""
        with self._lock:
            request.client.outgoing += encode(outcome)
        self._wake_thread()

    def close(self) -> None:
        """Stop listening and remove the socket; answers on their way are still sent."""
        self._closed = True
        self._wake_thread()
        if threading.current_thread() is not self._thread:
            self._thread.join(1.0)
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _wake_thread(self) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(b"!")

    def _serve(self) -> None:
        while not self._closed:
            for key, events in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    with contextlib.suppress(OSError):
                        self._woken.recv(4096)
                elif events & selectors.EVENT_READ:
                    self._read(key.data)
            self._write_all()
        for client in list(self._clients):
            self._drop(client)
        for end in (self._listener, self._wake, self._woken):
            end.close()
        self._selector.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MOST_CLIENTS or not _is_allowed_peer(connection):
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection)
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        client.incoming += data
        while (end := client.incoming.find(b"\n")) >= 0:
            line = bytes(client.incoming[:end])
            del client.incoming[: end + 1]
            self._take(client, line)
        if len(client.incoming) > MAX_LINE:
            self._refuse(client, 0, f"a message is one line of at most {MAX_LINE} bytes")
            self._flush(client)
            self._drop(client)

    def _take(self, client: _Client, line: bytes) -> None:
        try:
            command = decode_command(line)
        except MessageError as error:
            self._refuse(client, 0, str(error))
            return
        if not self._allowed:
            self._refuse(client, command.id, "this run takes no commands: it was started with control off")
        elif len(self._requests) >= MOST_WAITING:
            self._refuse(client, command.id, "too many commands are waiting for the training to take them")
        else:
            self._requests.append(Request(command, client))
            self._arrived.set()

    def _refuse(self, client: _Client, number: int, reason: str) -> None:
        with self._lock:
            client.outgoing += encode(Outcome(number, False, reason))

    def _write_all(self) -> None:
        for client in list(self._clients):
            if client.outgoing:
                self._flush(client)

    def _flush(self, client: _Client) -> None:
        try:
            with self._lock:
                sent = client.socket.send(client.outgoing) if client.outgoing else 0
                del client.outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        if len(client.outgoing) > LARGEST_BACKLOG:
            self._drop(client)
        elif client in self._clients:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.outgoing else 0)
            self._selector.modify(client.socket, events, client)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.discard(client)
            self._selector.unregister(client.socket)
            client.socket.close()


class ControlClient:
    """Sends commands to the run that listens at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, command: Command, timeout: float = 10.0) -> Outcome:
        """Send a command and wait for its outcome. Raises ControlError."""
        deadline = time.monotonic() + timeout
        command = replace(command, id=command.id or 1)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            received = bytearray()
            try:
                connection.connect(_address(self._path))
                connection.sendall(encode(command))
                while b"\n" not in received:
                    connection.settimeout(max(deadline - time.monotonic(), 0.001))
                    data = connection.recv(65536)
                    if not data:
                        raise ControlError("the run ended before it answered")
                    received += data
            except TimeoutError:
                raise ControlError(_no_answer(timeout)) from None
            except OSError as error:
                raise ControlError(_unreachable(error)) from None
        return _outcome(bytes(received))

    async def send_async(self, command: Command, timeout: float = 10.0) -> Outcome:
        """Do as `send`, without blocking the event loop. Raises ControlError."""
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_unix_connection(_address(self._path))
                try:
                    writer.write(encode(replace(command, id=command.id or 1)))
                    await writer.drain()
                    line = await reader.readline()
                finally:
                    writer.close()
        except TimeoutError:
            raise ControlError(_no_answer(timeout)) from None
        except (OSError, ValueError) as error:
            raise ControlError(_unreachable(error)) from None
        if not line:
            raise ControlError("the run ended before it answered")
        return _outcome(line)


def _outcome(line: bytes) -> Outcome:
    try:
        return decode_outcome(line.partition(b"\n")[0])
    except MessageError as error:
        raise ControlError(str(error)) from None


def _no_answer(timeout: float) -> str:
    return f"no answer within {timeout:g} s: the training is in a long step, and acts when it is through with it"


def _unreachable(error: Exception) -> str:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "the run is not under way: nothing listens to commands any more"
    return f"the run cannot be reached ({error})"


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        before = os.umask(0o177)
        try:
            listener.bind(_address(path))
        finally:
            os.umask(before)
        listener.listen(MOST_CLIENTS)
    except BaseException:
        listener.close()
        raise
    return listener


def _address(path: Path) -> str:
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise OSError(f"a socket's path has at most {LONGEST_PATH} bytes, {path} is longer")
    return str(path)


def _is_allowed_peer(connection: socket.socket) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    _, uid, _ = PEER.unpack(raw)
    return uid in (os.getuid(), 0)
