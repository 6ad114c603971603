"""No index that a test opens is left open: from Python 3.13 on that is a warning, in some test after it."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.storage.past.tables import Tables


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    opened: list[Tables] = []
    begin = Tables.__init__

    def kept(self: Tables, path: Path | None) -> None:
        opened.append(self)
        begin(self, path)

    monkeypatch.setattr(Tables, "__init__", kept)
    yield
    for tables in opened:
        with suppress(
            sqlite3.ProgrammingError, AttributeError
        ):  # of another thread, which closed it; never open
            tables.db.close()
