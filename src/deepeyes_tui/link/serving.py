"""Many clients on one socket, none of which can block, flood or outlive the thread that serves them."""

from __future__ import annotations

import selectors
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, sleep

from deepeyes_tui.link.messages import MAX_LINE, Outcome, encode
from deepeyes_tui.link.owned import Mark
from deepeyes_tui.link.sockets import peer_is_trusted

MAX_CLIENTS = 32
MAX_OUTGOING = 4 * MAX_LINE
"""Bytes a client may leave unread before it is dropped."""
CHUNK = 65536
OUT_OF_FILES_PAUSE = 0.1
"""Seconds until the next try when the process has no descriptor left: the connection stays in the queue."""

_TOO_LONG = encode(Outcome(0, False, f"a line of more than {MAX_LINE} bytes is no command"))
_FULL = encode(Outcome(0, False, f"{MAX_CLIENTS} viewers are connected already"))
_STRANGER = encode(Outcome(0, False, "this run belongs to another user"))


@dataclass(eq=False, slots=True)
class Client:
    """One connection; used by the server's thread alone, but for `waiting`, the commands not answered yet."""

    connection: socket.socket
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    waiting: int = 0
    last_heard: float = 0.0
    leaving: bool = False
    gone: bool = False


class SocketLoop:
    """Accepts, reads lines and hands them to `receive(client, line) -> keep`, writes what is put or sent.

    It ends where other code of the process has closed its sockets: their numbers may be that code's by now.
    """

    def __init__(self, listener: socket.socket, receive: Callable[[Client, bytes], bool]) -> None:
        self._listener = listener
        self._receive = receive
        self._clients: list[Client] = []
        self._outbox: deque[tuple[Client, bytes, bool]] = deque()
        self._selector = selectors.PollSelector()  # which has no descriptor of its own, to be closed by others
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._marks = {end: Mark.of(end.fileno()) for end in (listener, self._woken, self._waker)}
        self._stopping = False
        self._lost = self.closed = False

    def run(self) -> None:
        """Serve until `close`; the thread's body."""
        while not self._stopping:
            for key, events in self._selector.select():
                if not all(mark.holds() for mark in self._marks.values()):
                    self._lost = True
                    self.drop_descriptors()
                    return
                self._serve(key, events)
            self._deliver()
        self._deliver()
        for client in list(self._clients):
            self._drop(client)
        self._selector.close()
        for end in (self._listener, self._woken, self._waker):
            self._let_go(end)

    @property
    def lost(self) -> bool:
        """Whether other code has closed the sockets."""
        ends = (self._marks.get(self._listener), self._marks.get(self._waker))
        self._lost = self._lost or not all(mark is None or mark.holds() for mark in ends)
        return self._lost

    def send(self, client: Client, line: bytes, *, answers: bool = False) -> None:
        """Queue a line from another thread; never blocks."""
        if not self.closed:
            self._outbox.append((client, line, answers))
            self._wake()

    def close(self) -> None:
        """End `run`, from another thread."""
        if not self.closed:
            self.closed = True
            self._stopping = True
            self._wake()

    def put(self, client: Client, line: bytes) -> None:
        """Write a line now, as far as it goes; only from within `receive`."""
        if client.gone:
            return
        client.outgoing += line
        self._flush(client)

    def drop_descriptors(self) -> None:
        """Close all descriptors without a word to anyone: for a forked child, or where some are lost."""
        self.closed = self._stopping = True
        for end in list(self._marks):
            self._let_go(end)

    def _let_go(self, end: socket.socket) -> None:
        """Close a socket, unless its number is that of something else by now."""
        mark = self._marks.pop(end, None)
        if mark is not None and not mark.holds():
            end.detach()
        end.close()

    def _wake(self) -> None:
        if not self.lost:
            with suppress(OSError):
                self._waker.send(b"!")

    def _serve(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._listener:
            self._accept()
        elif key.fileobj is self._woken:
            self._woken.recv(CHUNK)
        elif not key.data.gone:
            if events & selectors.EVENT_WRITE:
                self._flush(key.data)
            if events & selectors.EVENT_READ and not key.data.gone:
                self._read(key.data)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            sleep(OUT_OF_FILES_PAUSE)
            return
        connection.setblocking(False)
        refusal = b"" if peer_is_trusted(connection) else _STRANGER
        if not refusal and len(self._clients) >= MAX_CLIENTS and not self._make_room():
            refusal = _FULL
        if refusal:
            _say_and_close(connection, refusal)
            return
        self._marks[connection] = Mark.of(connection.fileno())
        client = Client(connection, last_heard=monotonic())
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _make_room(self) -> bool:
        """Drop the client that has been silent longest and waits for nothing."""
        idle = [client for client in self._clients if client.waiting == 0]
        if idle:
            self._drop(min(idle, key=lambda client: client.last_heard))
        return bool(idle)

    def _read(self, client: Client) -> None:
        try:
            data = client.connection.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
        elif not client.leaving:
            client.last_heard = monotonic()
            client.incoming += data
            self._split(client)

    def _split(self, client: Client) -> None:
        *lines, rest = client.incoming.split(b"\n")
        client.incoming = rest
        for line in lines:
            if client.leaving or client.gone:
                return
            if len(line) >= MAX_LINE:
                self._dismiss(client, _TOO_LONG)
            elif not self._receive(client, bytes(line)):
                self._dismiss(client, b"")
        if len(rest) >= MAX_LINE:
            self._dismiss(client, _TOO_LONG)

    def _dismiss(self, client: Client, last_words: bytes) -> None:
        """Hear no more of a client, and close when it has read the last words."""
        client.leaving = True
        client.incoming.clear()
        self.put(client, last_words)

    def _flush(self, client: Client) -> None:
        try:
            while client.outgoing:
                sent = client.connection.send(client.outgoing[:CHUNK])
                del client.outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        done = client.leaving and not client.outgoing
        if done or len(client.outgoing) > MAX_OUTGOING:
            self._drop(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.outgoing else 0)
        self._selector.modify(client.connection, wanted, client)

    def _deliver(self) -> None:
        while self._outbox:
            client, line, answers = self._outbox.popleft()
            client.waiting -= answers
            self.put(client, line)

    def _drop(self, client: Client) -> None:
        if client.gone:
            return
        client.gone = True
        self._clients.remove(client)
        self._selector.unregister(client.connection)
        self._let_go(client.connection)


def _say_and_close(connection: socket.socket, line: bytes) -> None:
    try:
        connection.send(line)
    except OSError:
        pass
    connection.close()
