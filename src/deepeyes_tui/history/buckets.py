"""Pieces of a curve: up to 256 buckets side by side, of one value each or of 2, 4, 8 ... values."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.link.snapshot import Float, Int

PIECE = 256
BUCKET = np.dtype(
    [("step", "<i8"), ("count", "<i8"), ("nonfinite", "<i8"), ("mean", "<f4"), ("low", "<f4"), ("high", "<f4")]
)
"""The step of the last value, values in all and those that were NaN or infinite, mean and bounds of the others."""
Buckets = NDArray[np.void]
DAMAGED = "a piece of a curve is damaged"


def single(steps: Int, values: Float) -> Buckets:
    """Return a bucket for each value, `(N,)`."""
    made = np.zeros(len(steps), BUCKET)
    finite = np.isfinite(values)
    made["step"], made["count"], made["nonfinite"] = steps, 1, ~finite
    for name in ("mean", "low", "high"):
        made[name] = np.where(finite, values, np.nan)
    return made


def halved(buckets: Buckets) -> Buckets:
    """Return each two neighbours as one, `(2N,) -> (N,)`; an odd one at the end stays as it is."""
    paired = buckets[: len(buckets) // 2 * 2].reshape(-1, 2)
    made = np.zeros(len(paired), BUCKET)
    made["step"] = paired["step"][:, 1]
    made["count"], made["nonfinite"] = paired["count"].sum(1), paired["nonfinite"].sum(1)
    weights = paired["count"] - paired["nonfinite"]
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.where(weights > 0, paired["mean"].astype(np.float64) * weights, 0).sum(1)
        made["mean"] = sums / weights.sum(1)
    made["low"], made["high"] = np.fmin(*paired["low"].T), np.fmax(*paired["high"].T)
    return np.concatenate([made, buckets[len(paired) * 2 :]])


def encode_buckets(buckets: Buckets) -> bytes:
    """Return their bytes, column by column, deflated; steps by their distance from the one before."""
    step = buckets["step"].copy()
    step[1:] -= buckets["step"][:-1]
    columns = [step, *(buckets[name] for name in BUCKET.names or () if name != "step")]
    return zlib.compress(b"".join(np.ascontiguousarray(column).tobytes() for column in columns), 1)


def decode_buckets(data: bytes) -> Buckets:
    """Return the buckets. Raises HistoryError."""
    try:
        plain = zlib.decompressobj().decompress(data, PIECE * BUCKET.itemsize + 1)
    except zlib.error as error:
        raise HistoryError(DAMAGED) from error
    count, rest = divmod(len(plain), BUCKET.itemsize)
    if rest or count > PIECE:
        raise HistoryError(DAMAGED)
    made, at = np.zeros(count, BUCKET), 0
    for name in BUCKET.names or ():
        dtype = BUCKET[name]
        made[name] = np.frombuffer(plain, dtype, count, at)
        at += count * dtype.itemsize
    made["step"] = np.cumsum(made["step"])
    return made


def joined(pieces: Sequence[Buckets]) -> Buckets:
    """Return pieces one behind the other."""
    return np.concatenate(pieces) if pieces else np.zeros(0, BUCKET)
