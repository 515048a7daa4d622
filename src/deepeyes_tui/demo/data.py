"""MNIST from what is at hand: the subset that ships, a full .npz, or the folder of IDX files."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SHIPPED = Path(__file__).with_name("mnist_subset.npz")
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IDX_UNSIGNED_BYTES = 8
SIDE = 28


class DataError(ValueError):
    """What is wrong with a data set, in a sentence."""


@dataclass(frozen=True, slots=True)
class Digits:
    """`x_train (N, 28, 28)`, `x_test (M, 28, 28)` uint8 with ink towards 255; `y_train (N,)`, `y_test (M,)` 0 to 9."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]


def load_digits(path: Path | None = None) -> Digits:
    """Read an .npz with arrays named as in `Digits`, or a folder with the four IDX files, gzipped or not.

    Without a path, the subset that ships: 10,000 training and 2,000 test digits. Raises DataError.
    """
    path = path or SHIPPED
    if not path.exists():
        raise DataError(f"there is no data at {path}: give an .npz file or the folder with MNIST's four IDX files")
    digits = _from_folder(path) if path.is_dir() else _from_npz(path)
    _check(digits, path)
    return digits


def _from_npz(path: Path) -> Digits:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Digits(*(arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")))
    except KeyError:
        raise DataError(f"{path} lacks one of the arrays x_train, y_train, x_test, y_test") from None
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        raise DataError(f"{path} cannot be read as an .npz file of plain arrays") from None


def _from_folder(folder: Path) -> Digits:
    raw = folder / "MNIST" / "raw"
    return Digits(*(_read_idx(raw if raw.is_dir() else folder, name) for name in IDX_FILES))


def _read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read one IDX file: two zero bytes, the type, the number of axes, their big-endian sizes, the values."""
    plain, packed = folder / name, folder / f"{name}.gz"
    try:
        data = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{folder} lacks {name} (or {name}.gz)") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{packed} cannot be read ({error})") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != IDX_UNSIGNED_BYTES:
        raise DataError(f"{folder / name} is not an IDX file of unsigned bytes")
    axes = data[3]
    start = 4 + 4 * axes
    if len(data) < start:
        raise DataError(f"{folder / name} is cut short")
    shape = struct.unpack(f">{axes}I", data[4:start])
    values = np.frombuffer(data, np.uint8, offset=start)
    if values.size != np.prod(shape, dtype=np.int64):
        raise DataError(f"{folder / name} is cut short: {values.size} values where {shape} are announced")
    return values.reshape(shape)


def _check(digits: Digits, path: Path) -> None:
    for part in ("train", "test"):
        x, y = getattr(digits, f"x_{part}"), getattr(digits, f"y_{part}")
        if x.ndim != 3 or x.shape[1:] != (SIDE, SIDE) or y.shape != x.shape[:1] or not len(x):
            raise DataError(f"{path}: the {part} set needs pictures (N, 28, 28) and N labels, not {x.shape}, {y.shape}")
        if x.dtype != np.uint8 or not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() > 9:
            raise DataError(f"{path}: the {part} set needs pictures of unsigned bytes and labels from 0 to 9")
