"""The tables of a history, and how a file gets them.

    description  layers and labels, one row a structure of the model
    state        a row a state that was kept; `number` counts all that were recorded
    payload      its arrays, under the same number
    curve        names of curves, in the order in which they came up
    piece        buckets of a curve: `level` tells their width, 2^level values
    fresh        values that are in no piece yet, of all curves, about a second a row
    event        what happened

Times are seconds since the epoch, of the machine that trains.
"""

from __future__ import annotations

import sqlite3

from deepeyes_tui.history.errors import HistoryError

APPLICATION = 0x64796573
VERSION = 1
PAGE = 8192
LARGEST_LOG, SMALLEST_LOG = 4 << 20, 16 * PAGE
LOG_SHARE = 0.05
"""Of the bytes of a history: those of the write-ahead log after which it is worked in."""

TABLES = """
CREATE TABLE IF NOT EXISTS description (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS state (
    number INTEGER PRIMARY KEY, step INTEGER NOT NULL, at REAL NOT NULL, generation INTEGER NOT NULL,
    description INTEGER NOT NULL, status BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS payload (number INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS curve (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS piece (
    curve INTEGER NOT NULL, level INTEGER NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (curve, level, number));
CREATE TABLE IF NOT EXISTS fresh (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, step INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
"""


def create(connection: sqlite3.Connection, total: int, *, shared_log: bool) -> None:
    """Make the tables of a history of `total` bytes at most, with a write-ahead log where the disk can do that.

    Raises sqlite3.Error.
    """
    connection.execute(f"PRAGMA page_size = {PAGE}")
    mode = "WAL" if shared_log else "TRUNCATE"
    connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    connection.execute("PRAGMA synchronous = NORMAL")
    log = int(max(min(total * LOG_SHARE, LARGEST_LOG), SMALLEST_LOG))
    connection.execute(f"PRAGMA wal_autocheckpoint = {log // PAGE}").fetchall()
    connection.execute(f"PRAGMA journal_size_limit = {log}").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES.split(";"):
        connection.execute(table)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def check(connection: sqlite3.Connection) -> None:
    """Raise HistoryError unless this version can read the file; sqlite3.Error where nobody can."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise HistoryError("this file is no history of deepeyes_tui")
    if version > VERSION:
        raise HistoryError(
            f"this history was written by a newer deepeyes_tui (its layout {version}, known here up to {VERSION}): "
            "update deepeyes_tui to read it"
        )
