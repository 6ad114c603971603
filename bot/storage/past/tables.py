"""Where in the segments the lines of a case, a port, a day and a customer are: a file that is only a cache.

Positions are a segment's month as a number (202611) and a byte; a case's second message has its number,
negated. What it says of people are salted hashes, and the salt is in it: it is as private as the ledger.
"""

import os
import sqlite3
from contextlib import closing, suppress
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from bot.storage.disk import no_file

VERSION = 3
INDEX = "index.sqlite"


class Flag(IntEnum):
    """An audited line: a refused tap, the plain end of a dispatch, or any other."""

    PLAIN = 0
    REFUSED = 1
    DONE = 2


_HELD = 0.5  # seconds that another process may hold it (a command beside the bot)

_SCHEMA = """
create table this (version integer, salt blob);
create table segment (id integer primary key, bytes integer, last integer, digest text, seq integer);
create table extent (case_ integer, segment integer, first integer, end integer,
  primary key (case_, segment, first)) without rowid;
create table wide (segment integer, first integer, kind text, key integer,
  primary key (segment, first)) without rowid;
create table audited (segment integer, first integer, rank integer, case_ integer, kind text, flag integer,
  at integer, primary key (segment, first, rank)) without rowid;
create index audited_case on audited (case_);
create index audited_at on audited (at);
create table place (id integer primary key, label text unique);
create table lies (place integer, case_ integer, primary key (place, case_)) without rowid;
create index lies_case on lies (case_);
create table names (place integer, segment integer, first integer,
  primary key (place, segment, first)) without rowid;
create table olts (segment integer, first integer, olt text,
  primary key (segment, first, olt)) without rowid;
create table whose (case_ integer primary key, region text);
create table incident (key integer, case_ integer, place integer, segment integer, first integer,
  primary key (key, case_)) without rowid;
create index incident_case on incident (case_);
create table customers (segment integer, first integer, case_ integer, keys blob,
  primary key (segment, first)) without rowid;
create table running (case_ integer primary key, asleep integer);
create table opened (at integer, case_ integer, primary key (at, case_)) without rowid;
create table stale (case_ integer primary key);
create table told (case_ integer primary key, opened integer, began integer, ended integer, kind text,
  onus integer, decision text, decided integer, who integer, name text, warned integer, delivered integer,
  doubts integer, restored integer, cause text, sought text);
create index told_opened on told (opened);
create table fell (case_ integer, n integer, olt text, label text, began integer, ended integer,
  primary key (case_, n)) without rowid;
create index fell_olt on fell (olt);
"""


class Place(NamedTuple):
    """Where a line begins."""

    segment: int
    first: int


class Extent(NamedTuple):
    """A stretch of a segment that has lines of a case, among others."""

    segment: int
    first: int
    end: int


class Audited(NamedTuple):
    """An audited line; `case` is 0 where it is about none. One line may bring about several."""

    place: Place
    case: int
    kind: str


class Until(NamedTuple):
    """How far a segment was read: its bytes, where its last line begins, that line's hash and number."""

    segment: int
    bytes: int
    last: int
    digest: str
    seq: int


class Broken(Exception):
    """The file is no index of this version, or not whole."""


class Tables:
    """The file with its tables, for one thread. Everything may raise sqlite3.Error."""

    def __init__(self, path: Path | None) -> None:
        """In memory, without the customers, where there is no path. Broken, OSError, sqlite3.Error."""
        self.path = path
        if path is not None:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            if not path.is_file():
                raise no_file(path)
            self._inode = path.stat().st_ino
        self.db = sqlite3.connect(path or ":memory:", timeout=_HELD, isolation_level=None)
        try:
            self.salt = self._opened()
        except BaseException:
            self.db.close()
            raise

    def _opened(self) -> bytes:
        version: int = self.db.execute("pragma user_version").fetchone()[0]
        if version not in {0, VERSION}:
            raise Broken("it is of another version")
        if not version:
            if self.db.execute("select count(*) from sqlite_schema").fetchone()[0]:
                raise Broken("it is something else")
            self.begin()
            for statement in _SCHEMA.split(";"):
                self.db.execute(statement)
            self.db.execute("insert into this values (?, ?)", (VERSION, os.urandom(16)))
            self.db.execute(f"pragma user_version = {VERSION}")
            self.commit()
        wrong: str = self.db.execute("pragma quick_check(1)").fetchone()[0]
        if wrong != "ok":
            raise Broken("it is damaged")
        salt: bytes = self.db.execute("select salt from this").fetchone()[0]
        return salt

    @property
    def there(self) -> bool:
        """Whether the file is still the one that was opened."""
        try:
            return self.path is None or self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()

    def begin(self) -> None:
        """What is written from here on is there as a whole, or not at all."""
        self.db.execute("begin immediate")

    def commit(self) -> None:
        """It is there."""
        self.db.execute("commit")

    def rollback(self) -> None:
        """It is not, after all."""
        if self.db.in_transaction:
            self.db.rollback()


def copy(path: Path, to: Path) -> None:
    """Copy an index as of its last commit, whoever writes it meanwhile. sqlite3.Error where there is none."""
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    source = f"{path.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(source, uri=True, timeout=_HELD)) as one,
        closing(sqlite3.connect(to)) as other,
    ):
        one.backup(other)
