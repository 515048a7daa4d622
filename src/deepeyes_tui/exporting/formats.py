"""Tables as files. Every function returns the path that it wrote, and raises OSError."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepeyes_tui.exporting.tables import Table, kind_of
from deepeyes_tui.link.errors import RunError


def write_csv(table: Table, path: Path) -> Path:
    """Write comma-separated values with a line of names; what is unknown is empty."""
    path = path.with_name(f"{path.name}.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        for row in zip(*table.columns.values(), strict=True):
            writer.writerow(["" if _unknown(value) else value for value in row])
    return path


def write_json(table: Table, path: Path) -> Path:
    """Write a list of objects; what is unknown, or infinite, is null."""
    path = path.with_name(f"{path.name}.json")
    names = tuple(table.columns)
    rows = [
        {name: None if _not_json(value) else value for name, value in zip(names, row, strict=True)}
        for row in zip(*table.columns.values(), strict=True)
    ]
    path.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def write_parquet(table: Table, path: Path) -> Path:
    """Write a Parquet file; what is unknown is null. Raises RunError where pyarrow is not installed.

    A column has the same type in all files, also where none of its values is known.
    """
    if find_spec("pyarrow") is None:
        raise RunError("Parquet files need pyarrow: pip install pyarrow")
    import pyarrow
    from pyarrow import parquet

    path = path.with_name(f"{path.name}.parquet")
    types = {str: pyarrow.string(), int: pyarrow.int64(), bool: pyarrow.bool_(), float: pyarrow.float64()}
    columns = {
        name: pyarrow.array(values, types[kind_of(table, name)], from_pandas=True)
        for name, values in table.columns.items()
    }
    parquet.write_table(pyarrow.table(columns), path)
    return path


FORMATS: Mapping[str, Callable[[Table, Path], Path]] = {
    "csv": write_csv,
    "json": write_json,
    "parquet": write_parquet,
}


def _unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _not_json(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
