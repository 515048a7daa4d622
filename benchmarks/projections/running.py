"""Jobs in processes of their own: one that crashes or hangs is a line in the table, not the end of the run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

SCRIPT = Path(__file__).parents[1] / "embedding.py"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
OURS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": str(CORES)}
"""As the analysis process sets itself up: BLAS on one thread, kernels on every core."""
RIVALS = {"OMP_NUM_THREADS": str(CORES), "OPENBLAS_NUM_THREADS": str(CORES), "NUMBA_NUM_THREADS": str(CORES)}


@dataclass(frozen=True)
class Job:
    """A function of `ours` or `rivals` by name, its arguments, and how long it may take."""

    name: str
    arguments: dict[str, Any]
    limit: float = 600
    environment: dict[str, str] = field(default_factory=dict)


class Results:
    """The results of several runs of a job; `why` says what went wrong when there is none."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.why = ""

    def __bool__(self) -> bool:
        return bool(self.runs)

    def __getitem__(self, key: str) -> float:
        """Return the median of what the job calls `key`."""
        return float(median(run[key] for run in self.runs))

    def first(self, key: str) -> Any:
        return self.runs[0][key]


def interleave(jobs: list[Job], rounds: int) -> list[Results]:
    """Run every job once a round, so that the machine's noise falls on all alike; failed ones are not tried again."""
    results = [Results() for _ in jobs]
    for _ in range(rounds):
        for job, result in zip(jobs, results, strict=True):
            if not result.why:
                try:
                    result.runs.append(run(job))
                except RuntimeError as error:
                    result.why = str(error)
    return results


def run(job: Job) -> dict[str, Any]:
    """Return what a job prints, and how long its process took as `wall`. Raises RuntimeError with the reason."""
    own = OURS if job.name.startswith("our_") else RIVALS
    print(f"  {job.name} {job.arguments}", file=sys.stderr, flush=True)
    started = time.time()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--job", job.name, json.dumps(job.arguments | {"started": started})],
        env=os.environ | own | job.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=job.limit)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"over {job.limit:.0f} s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        raise RuntimeError((err.strip().splitlines() or [f"ended with {process.returncode}"])[-1][:80])
    return json.loads(out.splitlines()[-1]) | {"wall": time.time() - started}


@contextlib.contextmanager
def busy_neighbours(count: int = 2) -> Iterator[None]:
    """Keep so many threads of other processes busy, as a training would."""
    loop = "x = 1.0\nwhile True: x = x * 1.0000001 % 7"
    processes = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
