"""The tables in PostgreSQL: made once, of one version, and their lines stay."""

import pytest
from psycopg import Connection, errors

from bot.errors import StartupError
from bot.storage.postgres import moving, schema
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.probe import probed
from tests.postgres import Server

pytestmark = pytest.mark.process


def test_they_are_made_once(postgres: Server) -> None:
    with Connection.connect(postgres.database(empty=True)) as connection:
        assert schema.version(connection) is None
        with pytest.raises(StartupError, match="ledger migrate --to"):
            schema.check(connection)
        assert schema.make(connection) is None
        assert schema.make(connection) == schema.VERSION
        schema.check(connection)
        assert schema.version(connection) == schema.VERSION


def test_an_older_program_refuses_newer_tables(database: str) -> None:
    with Connection.connect(database) as connection:
        connection.execute("UPDATE ledger_head SET version = version + 1")
        for refuses in (schema.check, schema.make):
            with pytest.raises(StartupError, match="newer version"):
                refuses(connection)


@pytest.mark.parametrize("half", [-schema.VERSION])
def test_half_a_ledger_stays_half_whatever_makes_the_tables(database: str, half: int) -> None:
    with Connection.connect(database) as connection:
        connection.execute("UPDATE ledger_head SET version = %s", (half,))
        assert schema.make(connection) == half
        with pytest.raises(StartupError, match="or that was broken off"):
            schema.check(connection)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_lines SET line = 'x'",
        "DELETE FROM ledger_lines",
        "TRUNCATE ledger_lines",
    ],
)
def test_no_line_is_changed_or_taken_away(database: str, statement: str) -> None:
    with Connection.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO ledger_lines VALUES (1, 'a')")
        with pytest.raises(errors.RaiseException, match="neither changed nor taken away"):
            connection.execute(statement.encode())
        assert connection.execute("SELECT line FROM ledger_lines").fetchall() == [("a",)]


def test_another_encoding_is_refused(postgres: Server) -> None:
    postgres.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    with Connection.connect(postgres.url("latin")) as connection, pytest.raises(StartupError, match="UTF8"):
        schema.make(connection)


async def test_what_else_the_address_says_to_the_server_stands_for_every_connection(
    postgres: Server,
) -> None:
    """Tables in a schema of their own: whoever leads, and `check`, would look for them in another."""
    database = postgres.database(empty=True)
    postgres.run("CREATE SCHEMA apart", database.rpartition("/")[2])
    url = f"{database}?options=-csearch_path%3Dapart"
    assert moving.made(url) == "the tables are made"
    lease = Lease(url, "noc-a 1", ttl=600.0, patience=60.0)
    assert await lease.take() is not None
    await lease.close()
    assert probed(url).leads == "noc-a"
