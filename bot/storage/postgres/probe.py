"""Trying a database without changing anything there: what is wrong with it, by a short code.

What PostgreSQL and its client say of a failed connection is never passed on: it has the address and the
user, and is in the server's language. So each way in is tried by itself: name, port, login, database.
"""

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bot import tongue
from bot.errors import StartupError
from bot.storage.postgres import schema
from bot.storage.postgres.lease import NAME

_WITHIN = 5  # seconds
_SET = "SELECT set_config('statement_timeout', '5s', false), set_config('lock_timeout', '3s', false)"
_SAID = {
    "no_answer": re.compile("timeout"),
    "pg_login": re.compile(r"password|senha|fe_sendauth|authenti|autentica|\brole\b", re.IGNORECASE),
    "tls": re.compile("SSL|certificate"),
    "refused": re.compile("No such file"),  # of a socket of this machine
}
"""How the client, and the server in the languages that it may speak here, begin to say what is wrong."""
_NEEDED = {
    "ledger_lines": ("SELECT", "INSERT"),
    "ledger_head": ("SELECT", "UPDATE"),
    "ledger_people": ("SELECT", "INSERT", "DELETE"),
    "ledger_key": ("SELECT", "INSERT"),
    "ledger_lease": ("SELECT", "INSERT", "UPDATE"),
    "ledger_sends": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "ledger_senders": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "ledger_kept": ("SELECT", "INSERT", "UPDATE"),
}
_SEQUENCE = "ledger_people_seq_seq"


class Unusable(Exception):
    """The text is a short code of what is wrong; `rights` are those that are missing."""

    def __init__(self, code: str, rights: str = "") -> None:
        super().__init__(code)
        self.rights = rights


@dataclass(frozen=True, slots=True)
class Seen:
    """A database that can be used: PostgreSQL's version, and which machine leads, None where none does."""

    server: int
    leads: str | None


def probed(url: str) -> Seen:
    """What is there. Unusable; StartupError (in words) where the tables are not what is understood."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StartupError(tongue.said("LEDGER is no address of a database"), code=1) from None
    try:
        with _connected(url, given) as connection:
            return _looked_at(connection)
    except psycopg.Error as error:
        raise Unusable("no_answer" if error.sqlstate is None else "error") from None


def _connected(url: str, given: Mapping[str, Any]) -> Connection[Any]:
    _check_way(given)
    try:
        return _connect(url)
    except psycopg.Error as error:
        said = str(error)
    raise Unusable(_refusal(url, given, said))


def _connect(url: str, **other: Any) -> Connection[Any]:
    address = make_conninfo(url, connect_timeout=_WITHIN, application_name="olt-noc-bot check", **other)
    made = psycopg.connect(address, autocommit=True)
    try:
        made.execute(_SET)  # as `options` they would stand instead of those that the address may have
    except BaseException:
        made.close()
        raise
    return made


def _check_way(given: Mapping[str, Any]) -> None:
    """Unusable where no name leads to a port that answers."""
    hosts = str(given.get("hostaddr") or given.get("host") or "").split(",")
    ports = str(given.get("port") or "5432").split(",")
    wrong = None
    for number, host in enumerate(hosts):
        if not host or host.startswith(("/", "@")):  # a socket of this machine
            return
        try:
            port = int(ports[min(number, len(ports) - 1)] or 5432)
            with socket.create_connection((host, port), timeout=_WITHIN):
                return
        except socket.gaierror:
            wrong = wrong or "dns"
        except TimeoutError:
            wrong = "connect_timeout"
        except (OSError, OverflowError, ValueError):
            wrong = "refused"
    raise Unusable(wrong or "refused")


def _refusal(url: str, given: Mapping[str, Any], said: str) -> str:
    """Why nobody is let in, though something listens."""
    if "pg_hba.conf" in said:
        return "pg_hba"
    with suppress(psycopg.Error), _connect(url, dbname="postgres") as connection:
        query = "SELECT has_database_privilege(datname, 'CONNECT') FROM pg_database WHERE datname = %s"
        row = connection.execute(query, (given.get("dbname") or given.get("user"),)).fetchone()
        return "no_database" if row is None else "no_connect" if not row[0] else "pg_refused"
    return next((code for code, pattern in _SAID.items() if pattern.search(said)), "pg_refused")


def _looked_at(connection: Connection[Any]) -> Seen:
    only = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"
    if connection.execute(only).fetchone() == (True,):
        raise Unusable("read_only")
    try:
        schema.check(connection)
    except psycopg.errors.InsufficientPrivilege:
        raise Unusable("rights", _missing(connection)) from None
    if missing := _missing(connection):
        raise Unusable("rights", missing)
    query = "SELECT owner FROM ledger_lease WHERE name = %s AND until >= clock_timestamp()"
    row = connection.execute(query, (NAME,)).fetchone()
    leads = None if row is None else str(row[0]).partition(" ")[0]
    return Seen(connection.info.server_version // 10_000, leads)


def _missing(connection: Connection[Any]) -> str:
    """The rights that this role has not: *INSERT (ledger_lines)*."""
    found = []
    for table, rights in _NEEDED.items():
        for right in rights:
            query = "SELECT has_table_privilege(to_regclass(%s), %s)"
            if connection.execute(query, (table, right)).fetchone() == (False,):
                found.append(f"{right} ({table})")
    query = "SELECT has_sequence_privilege(to_regclass(%s), 'USAGE')"
    if connection.execute(query, (_SEQUENCE,)).fetchone() == (False,):
        found.append(f"USAGE ({_SEQUENCE})")
    return ", ".join(found)
