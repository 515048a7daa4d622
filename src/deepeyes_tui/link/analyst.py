"""The viewer's end of its analysis process: starts it, asks, takes in what comes, starts it again when it dies."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe

from deepeyes_tui.link.maps import Answer, Failure, Progress, Request, Stage, freeze

MODULE = "deepeyes_tui.analysis"
DEATHS = 3
"""In a row, without a request that was answered, after which it is not started again by itself."""
MOST_THREADS = 4
"""For kernels; a machine with many cores has them for the training."""
THREADS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "OMP_WAIT_POLICY": "passive",
    "NUMBA_NUM_THREADS": str(min(len(os.sched_getaffinity(0)), MOST_THREADS)),
}
"""Beside a busy training, threads that wait for each other by spinning are up to 180 times slower than one."""

Receive = Callable[[Answer], None]


class Analyst:
    """One analysis process. `receive` is called with every answer, from a thread of this object's own."""

    def __init__(self, receive: Receive, command: tuple[str, ...] = (sys.executable, "-m", MODULE)) -> None:
        self._receive, self._command = receive, command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._open: dict[type, Request] = {}
        self._deaths = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process's number, None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process if it does not run; it begins to warm up. Says so by an answer if it cannot be started."""
        with self._lock:
            if self._process is None and not self._closed:
                self._start()

    def ask(self, request: Request) -> None:
        """Send a request. A newer one of the same kind takes its place."""
        with self._lock:
            self._open[type(request)] = request
            self._deaths = 0
            if self._process is None and not self._closed:
                self._start()
            self._send(request)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            process = self._process
            self._process = self._connection = None
        if process is not None:
            process.kill()
            process.wait()

    def _start(self) -> None:
        ours, theirs = Pipe()
        try:
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, **THREADS},
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            self._receive(Failure(0, f"the analysis process cannot be started: {error.strerror}"))
            return
        finally:
            theirs.close()
        self._connection = ours
        self._receive(Progress(0, Stage.STARTING))
        threading.Thread(target=self._listen, args=(self._process, ours), daemon=True, name="deepeyes-analyst").start()

    def _send(self, request: Request) -> None:
        if self._connection is None:
            return
        try:
            self._connection.send(request)
        except OSError:
            pass  # it has died: the listening thread starts it again and asks again

    def _listen(self, process: subprocess.Popen[bytes], connection: Connection) -> None:
        last_words = _LastWords(process)
        while True:
            try:
                answer: Answer = connection.recv()
            except (EOFError, OSError):
                break
            except pickle.UnpicklingError:  # what it sends makes no sense: another one may do better
                process.kill()
                break
            freeze(answer)
            self._took(answer)
            self._receive(answer)
        self._died(process, last_words)
        connection.close()  # now that nobody sends on it any more

    def _took(self, answer: Answer) -> None:
        done = isinstance(answer, Failure) or (isinstance(answer, Progress) and answer.stage is Stage.READY)
        if answer.number and done:
            with self._lock:
                self._deaths = 0
                self._open = {kind: request for kind, request in self._open.items() if request.number != answer.number}

    def _died(self, process: subprocess.Popen[bytes], last_words: _LastWords) -> None:
        status = process.wait()
        with self._lock:
            if self._closed or self._process is not process:
                return
            self._process = self._connection = None
            self._deaths += 1
            again = self._deaths < DEATHS
            if again:
                self._start()
                for request in self._open.values():
                    self._send(request)
        if not again:
            numbers = [request.number for request in self._open.values()] or [0]
            for number in numbers:
                sentence = f"r starts the analysis again: it died {DEATHS} times, {last_words.say(status)}"
                self._receive(Failure(number, sentence))


class _LastWords:
    """Reads what a process writes to its standard error, the last line of which says why it died."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._tail = b""
        self._stream = process.stderr
        self._thread = threading.Thread(target=self._read, daemon=True, name="deepeyes-analyst-stderr")
        self._thread.start()

    def _read(self) -> None:
        assert self._stream is not None
        while data := self._stream.read1(4096):  # type: ignore[attr-defined]
            self._tail = (self._tail + data)[-4096:]

    def say(self, status: int) -> str:
        """Return why, in a few words."""
        self._thread.join(0.5)
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        if status < 0:
            return f"signal {-status}" + (" (out of memory?)" if status == -9 else "")
        return lines[-1][:200] if lines else f"exit status {status}"
