"""Keeping a run while it trains: the training hands over, a thread writes."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from deepeyes_tui.history.curves import Value
from deepeyes_tui.history.descriptors import LostDescriptorError
from deepeyes_tui.history.events import Event, EventFinder, EventKind, state_event
from deepeyes_tui.history.forking import Quiet
from deepeyes_tui.history.limits import Limits
from deepeyes_tui.history.places import shares_memory
from deepeyes_tui.history.writer import Batch, HistoryWriter
from deepeyes_tui.link.snapshot import RunState, Snapshot
from deepeyes_tui.link.threads import HiddenThread

FLUSH = 1.0
"""Seconds after which values and events are written: what a kill may cost."""
RETRY = 5.0
"""Seconds between two tries where the file cannot be written."""
MOST_VALUES, MOST_EVENTS = 1 << 17, 1000
"""That wait in memory while the file cannot be written; the oldest go first."""
TINY = 1 << 16
"""Bytes free below which a disk counts as full."""

Item = TypeVar("Item")


class Recorder:
    """Records one run into the file at `path`. No method blocks or raises, `close` apart, which waits for a time.

    `clock` tells seconds that only ever grow. A forked child records nothing.
    """

    def __init__(
        self, path: Path, limits: Limits | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._limits, self._clock = path, limits or Limits(), clock
        self._process, self._quiet = os.getpid(), Quiet()
        self._values: deque[Value] = deque(maxlen=MOST_VALUES)
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._newest: Snapshot | None = None
        self._state: RunState | None = None
        self._finder, self._step = EventFinder(), 0
        self._offered, self._every = -math.inf, self._limits.every
        self._failed_at: int | None = None
        self._lost = False
        self._spent = self._taken = 0.0
        self._writer: HistoryWriter | None = None
        self._waiting = Batch()
        self._wake, self._closing = threading.Event(), False
        self.notice = ""
        self._thread = HiddenThread(self._work)

    def due(self, state: RunState) -> bool:
        """Return whether a state is wanted now: it is time again, or the training's state has changed."""
        return not self._lost and (state != self._state or self._clock() - self._offered >= self._every)

    def offer(self, snapshot: Snapshot) -> None:
        """Let a state be recorded, unless a newer one comes before it is. Its arrays must not change any more."""
        if os.getpid() != self._process:
            return
        event = state_event(self._state, snapshot)
        if event is not None:
            self._events.append(event)
        self._state, self._offered = snapshot.status.state, self._clock()
        self._newest = snapshot
        self._wake.set()

    def scalar(self, name: str, step: int, value: float) -> None:
        """Add a value to a curve."""
        if os.getpid() == self._process:
            self._values.append((name, step, value))

    def event(self, step: int, kind: str, text: str) -> None:
        """Add an event that has just happened."""
        if os.getpid() == self._process:
            self._events.append(Event(step, time.time(), kind, text))

    def take_seconds(self) -> float:
        """Return the CPU time that the thread has used since the last call."""
        spent = self._spent
        taken, self._taken = spent - self._taken, spent
        return taken

    def close(self, timeout: float = 5.0) -> bool:
        """Write what waits and let go of the file. Returns whether that was done within `timeout` seconds."""
        if os.getpid() != self._process:
            return True
        self._closing = True
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        """Write about once a second, until told to close."""
        next_try = -math.inf
        while True:
            self._wake.wait(FLUSH)
            self._wake.clear()
            closing = self._closing
            if self._failed_at is None or closing or time.monotonic() >= next_try:
                started = time.thread_time()
                with self._quiet.lock:
                    if not self._try(closing):
                        next_try = time.monotonic() + RETRY
                self._spent += time.thread_time() - started
            if closing or self._lost:
                return

    def _try(self, closing: bool) -> bool:
        """Write what waits. Returns whether that went well; else it waits on."""
        try:
            self._gather()
            if self._waiting != Batch():
                self._write(self._waiting)
            if closing and self._writer is not None:
                self._writer.close()
        except Exception as error:  # the border to the user's training: whatever it is, it is shown, and tried again
            self._note_failure(error)
            return False
        return True

    def _gather(self) -> None:
        """Take over what was handed in since."""
        snapshot, self._newest = self._newest, None
        values, events = [*self._waiting.values, *_drained(self._values)], [*self._waiting.events]
        events += _drained(self._events)
        self._waiting = Batch(snapshot or self._waiting.state, values[-MOST_VALUES:], events[-MOST_EVENTS:])
        if snapshot is not None:
            self._step = snapshot.status.step
            self._waiting = replace(self._waiting, events=[*events, *self._finder.news(snapshot)])

    def _write(self, batch: Batch) -> None:
        if self._writer is None:
            self._writer = HistoryWriter(self._path, self._limits, shared_log=shares_memory(self._path.parent))
        started = time.thread_time()
        self._writer.write(replace(batch, events=[*batch.events, *self._gap()]))
        self._waiting = Batch()
        self._failed_at, self.notice = None, self._remark()
        if batch.state is not None:
            self._every = max(self._limits.every, (time.thread_time() - started) / self._limits.share)

    def _gap(self) -> list[Event]:
        if self._failed_at is None:
            return []
        text = f"nothing was recorded from step {self._failed_at} to step {self._step}"
        return [Event(self._step, time.time(), EventKind.GAP, text)]

    def _remark(self) -> str:
        if self._writer is not None and self._writer.full:
            return f"history: a state of this model is too large for {self._limits.total:,} bytes; curves are kept"
        if self._writer is not None and self._writer.refused:
            return f"history: {self._writer.refused} curves are too many, {self._limits.curves} are kept"
        return ""

    def _note_failure(self, error: Exception) -> None:
        if self._failed_at is None:
            self._failed_at = self._step
        if not isinstance(error, sqlite3.Error | OSError):
            self._waiting = Batch()  # what cannot be written at all must not keep the rest from it
        writer, self._writer = self._writer, None
        self._lost = isinstance(error, LostDescriptorError)
        if writer is not None:
            with suppress(sqlite3.Error, OSError):
                writer.close(last=False)
        self.notice = f"history: {self._reason(error)} since step {self._failed_at}; nothing is recorded"

    def _reason(self, error: Exception) -> str:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if isinstance(error, LostDescriptorError):
            return "the script has closed the monitor's descriptors"
        if not isinstance(error, sqlite3.Error | OSError):
            return f"a state cannot be written ({type(error).__name__}: {error})"
        try:
            full = shutil.disk_usage(self._path.parent).free < TINY
        except OSError:
            return f"the folder {self._path.parent} cannot be used"
        if full or code == sqlite3.SQLITE_FULL:
            return "the disk is full"
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM) or isinstance(
            error, PermissionError
        ):
            return f"{self._path} cannot be written: no permission"
        return f"{self._path} cannot be written ({error})"


def _drained(queue: deque[Item]) -> list[Item]:
    """Return what is in a queue that others may add to meanwhile, and take it out."""
    return [queue.popleft() for _ in range(len(queue))]
