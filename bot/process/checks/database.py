"""What `check` finds at the ledger's database: whether it can be used, what mends it, and who leads."""

import asyncio
from collections.abc import AsyncIterator

from bot.errors import StartupError
from bot.process.checks.lines import Finding, plain
from bot.storage.postgres.engine import check_extra
from bot.tongue import said

WHAT = "ledger"
_MENDS = {
    "dns": "check the host name in LEDGER",
    "refused": "check host and port in LEDGER, and where PostgreSQL listens (listen_addresses)",
    "connect_timeout": "check host and port in LEDGER, and the firewalls on the way",
    "no_answer": "look at the load and the log of PostgreSQL",
    "pg_login": "check user and password in LEDGER",
    "pg_hba": "add a line for this machine, the user and the database to pg_hba.conf",
    "no_database": "check the database's name in LEDGER, or create it (CREATE DATABASE ... ENCODING 'UTF8')",
    "no_connect": "GRANT CONNECT ON DATABASE, to the user that LEDGER names",
    "tls": "check sslmode and sslrootcert in LEDGER",
    "read_only": "name the primary in LEDGER; of several hosts: target_session_attrs=read-write",
    "rights": "grant them to the user that LEDGER names (bot/docs/ledger.md, In PostgreSQL)",
}
_OTHERWISE = "the log of PostgreSQL says why"


async def database(url: str) -> AsyncIterator[Finding]:
    """One line. Nothing in it is the address, the user or the password."""
    try:
        check_extra()
        from bot.storage.postgres.probe import Unusable, probed  # noqa: PLC0415 - files need no driver

        try:
            seen = await asyncio.to_thread(probed, url)
        except Unusable as error:
            mend = said(_MENDS.get(str(error), _OTHERWISE))
            rights = f": {error.rights}" if error.rights else ""
            yield Finding(WHAT, False, f"{plain(error)}{rights}; {mend}")
            return
    except StartupError as error:
        yield Finding(WHAT, False, str(error))
        return
    leads = said("no machine leads now") if seen.leads is None else said("{node} leads", node=seen.leads)
    yield Finding(WHAT, True, f"PostgreSQL {seen.server}, {said('it may be written')}; {leads}")
