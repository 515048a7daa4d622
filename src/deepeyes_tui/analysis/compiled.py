"""How kernels are compiled, kept on disk, and spread over threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")

SAFE_MATH = {"reassoc", "contract", "arcp", "nsz"}
"""Liberties with floats that keep inf and NaN meaningful; for kernels that sum."""


def kernel(function: Function) -> Function:
    """Compile `function` on its first call, without the interpreter's lock, and keep the machine code on disk.

    The folder is numba's: NUMBA_CACHE_DIR, or beside the package, or the user's own; without any, nothing is kept.
    """
    return _compile(function, {})


def summing_kernel(function: Function) -> Function:
    """As `kernel`, for loops that sum: the order of the terms is the compiler's (the same at every call)."""
    return _compile(function, {"fastmath": SAFE_MATH})


def _compile(function: Function, options: dict[str, Any]) -> Function:
    shared = {"nogil": True, "error_model": "numpy", **options}
    try:
        compiled: Function = numba.njit(cache=True, **shared)(function)
    except RuntimeError:  # no folder can be written
        compiled = numba.njit(**shared)(function)
    return compiled


def thread_count() -> int:
    """Threads that kernels may use: NUMBA_NUM_THREADS, or one per core that this process may run on."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    return max(1, min(wanted, allowed))


def in_chunks(work: Callable[[int, int], Result], count: int, size: int) -> list[Result]:
    """Results of `work(first, last)` for consecutive chunks of `size` out of `count`, in order, on several threads.

    The chunks do not depend on the number of threads, so neither do the results.
    """
    bounds = [(first, min(first + size, count)) for first in range(0, count, size)]
    threads = min(thread_count(), len(bounds))
    if threads <= 1:
        return [work(first, last) for first, last in bounds]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda bound: work(*bound), bounds))
