"""Merges vectors over the ranks, one after the other, in a thread of its own: the training never waits for it."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from time import sleep

from deepeyes_tui.link.threads import HiddenThread
from deepeyes_tui.probe.ranks.group import Group, Vector
from deepeyes_tui.probe.ranks.place import Place
from deepeyes_tui.probe.ranks.wire import Wire

SHORTEST_NAP, LONGEST_NAP = 0.0005, 0.016
"""Seconds between two looks at whether all ranks are ready."""


@dataclass(slots=True)
class Job:
    """A vector on its way; `result` is there when `done` is, None where the ranks have come apart."""

    vector: Vector
    maxima: bool
    result: Vector | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Merger:
    """All ranks have to put in jobs of the same lengths in the same order.

    A collective begins only when every rank has said that it is ready for it: nobody hangs in one alone. `broken` says
    why merging has ended.
    """

    def __init__(self, wire: Wire, place: Place) -> None:
        self.broken = ""
        self._wire, self._place = wire, place
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._merged = 0
        self.thread = HiddenThread(self._run)

    def put(self, vector: Vector, *, maxima: bool) -> Job:
        """Have a vector merged, and return where the result will be."""
        job = Job(vector, maxima)
        self._jobs.put(job)
        return job

    def close(self, timeout: float = 1.0) -> None:
        """Let go; what is not done yet will not be."""
        self._closing.set()
        self._jobs.put(None)
        self.thread.join(timeout)

    def _run(self) -> None:
        try:
            group = None
            while (job := self._jobs.get()) is not None and self._all_ready():
                group = Group(self._wire, self._place) if group is None else group
                job.result = group.merge(job.vector, maxima=job.maxima)
                job.done.set()
        except Exception as error:  # a rank is gone, or the store: the training has nothing to do with that
            self.broken = (str(error).splitlines() or [""])[0][:200] or type(error).__name__

    def _all_ready(self) -> bool:
        self._merged += 1
        wanted, nap = self._merged * self._place.size, SHORTEST_NAP
        ready = self._wire.add("ready", 1)
        while ready < wanted:
            if self._closing.is_set():
                return False
            sleep(nap)
            nap = min(2 * nap, LONGEST_NAP)
            ready = self._wire.add("ready", 0)
        return True
