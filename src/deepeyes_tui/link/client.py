"""Sending commands to a training process."""

from __future__ import annotations

import asyncio
import itertools
import socket
from dataclasses import replace
from pathlib import Path
from time import monotonic

from deepeyes_tui.link.errors import ControlError, MessageError, NobodyListensError, RunError
from deepeyes_tui.link.messages import MAX_LINE, Command, Outcome, decode_outcome, encode
from deepeyes_tui.link.records import read_record
from deepeyes_tui.link.sockets import peer_is_trusted, short_path

TIMEOUT = 10.0
"""Seconds to wait for an answer: several of the longest steps that are usual."""

_GONE = "the run is gone: nobody listens at its control socket"
_DEAF = "nobody listens at the control socket: the run is starting, or its training is over"
_STRANGER = "the control socket belongs to another user"


class ControlClient:
    """Speaks to the control socket at `path`. Each command has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = itertools.count(1)

    def send(self, command: Command, timeout: float = TIMEOUT) -> Outcome:
        """Send and wait for what becomes of it, `timeout` seconds at most.

        Raises ControlError; NobodyListensError where nothing was sent.
        """
        command = self._numbered(command)
        line = _line(command)
        deadline = monotonic() + timeout
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout)
                with short_path(self._path) as address:
                    connection.connect(address)
                _check_peer(connection)
                connection.sendall(line)
                return _receive(connection, command, deadline)
        except TimeoutError as error:
            raise ControlError(_late(timeout)) from error
        except BlockingIOError as error:
            raise ControlError(_late(timeout)) from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NobodyListensError(self._unheard()) from error
        except OSError as error:
            raise ControlError(_GONE) from error

    async def send_async(self, command: Command, timeout: float = TIMEOUT) -> Outcome:
        """Do as `send`, without blocking the event loop."""
        command = self._numbered(command)
        line = _line(command)
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(line, command)
        except TimeoutError as error:
            raise ControlError(_late(timeout)) from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NobodyListensError(self._unheard()) from error
        except OSError as error:
            raise ControlError(_GONE) from error

    async def _exchange(self, line: bytes, command: Command) -> Outcome:
        with short_path(self._path) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=MAX_LINE)
        try:
            _check_peer(writer.get_extra_info("socket"))
            writer.write(line)
            await writer.drain()
            while True:
                try:
                    answer = await reader.readline()
                except ValueError as error:
                    raise ControlError("the run answered with something else than an outcome") from error
                outcome = _match(answer, command)
                if outcome is not None:
                    return outcome
        finally:
            writer.close()

    def _unheard(self) -> str:
        """Say why nobody listens, by the record beside the socket."""
        try:
            return _DEAF if read_record(self._path.parent).alive else _GONE
        except RunError:
            return _GONE

    def _numbered(self, command: Command) -> Command:
        return command if command.id else replace(command, id=next(self._ids))


def _line(command: Command) -> bytes:
    try:
        return encode(command)
    except MessageError as error:
        raise ControlError(str(error)) from error


def _check_peer(connection: socket.socket) -> None:
    if not peer_is_trusted(connection):
        raise ControlError(_STRANGER)


def _receive(connection: socket.socket, command: Command, deadline: float) -> Outcome:
    held = b""
    while True:
        connection.settimeout(max(deadline - monotonic(), 0.001))
        data = connection.recv(MAX_LINE)
        held += data
        if not data:
            _match(b"", command)
        *lines, held = held.split(b"\n")
        for line in lines:
            outcome = _match(line, command)
            if outcome is not None:
                return outcome
        if len(held) > MAX_LINE:
            raise ControlError("the run answered with something else than an outcome")


def _match(line: bytes, command: Command) -> Outcome | None:
    """Return the outcome if it is this command's, or one that refuses the connection as a whole (id 0)."""
    if not line:
        raise ControlError(_GONE)
    try:
        outcome = decode_outcome(line)
    except MessageError as error:
        raise ControlError(str(error)) from error
    return outcome if outcome.id in (command.id, 0) else None


def _late(timeout: float) -> str:
    return f"no answer within {timeout:g} s: the training is in a long step; the command stays queued"
