"""HubSoft as the directory of customers (README.md of this folder)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.directories.adapter import worst_of
from bot.directories.hubsoft.rows import CODE, SERVICE, Held, Ref, held
from bot.directories.hubsoft.table import FAILURES, Cpes
from bot.directories.hubsoft.wire import Credentials, Wire
from bot.domain.customer import NO_SERIAL, Answered, Contact, Onu, Service
from bot.domain.lookup.serials import normal
from bot.errors import BadAnswer, BotError, LoginRefused, Refused
from bot.ports import Clock
from bot.tongue import said

A_CUSTOMER = 5  # rows that are asked for: more than one say that the filter was ignored
_WITH = "endereco_instalacao,porta_atendimento"
RUNNING = {"cancelado": "nao", "inativo": "nao"}
EVERYTHING = {"cancelado": "sim", "inativo": "todos"}


class HubSoft:
    """`bot.ports.Directory` over one install.

    Args:
        url: `HUBSOFT_URL`, without a slash at the end.
        credentials: Who logs in.
        clock: For how long the table of CPEs is good, and for the login's cool-off.
    """

    name = "hubsoft"
    at_once = 10

    def __init__(self, url: str, credentials: Credentials, *, clock: Clock) -> None:
        self._wire = Wire(url, credentials, clock)
        self._cpes = Cpes(self._wire, clock)

    async def aclose(self) -> None:
        """Stop reading, and close its connections."""
        await self._cpes.aclose()
        await self._wire.aclose()

    async def probe(self) -> str:
        """A service that nobody has, and how many ONUs can be found at all."""
        await self._asked(Ref(SERVICE, "0"), RUNNING)
        return said("it answers; {count} ONUs in its table", count=await self._cpes.count())

    def subject(self, onu: Onu) -> str | None:
        """The serial, or else the service here that the source knows, never its own client."""
        if onu.serial != NO_SERIAL:
            return f"onu {normal(onu.serial)}"
        return f"service {onu.contract_id}" if onu.contract_id is not None else "nobody"

    async def customers(self, onus: Sequence[Onu]) -> Answered:
        """By serial, and by the service that the source knows where that leads to nobody; each on its own."""
        records: dict[str, Contact | None] = {}
        errors: list[BotError] = []

        async def one(onu: Onu) -> None:
            try:
                records[onu.key or ""] = await self._customer(onu)
            except FAILURES as error:
                errors.append(error)

        await asyncio.gather(*map(one, onus))
        return Answered(records, worst_of(errors))

    async def _customer(self, onu: Onu) -> Contact | None:
        serial = normal(onu.serial)
        found = await self._by_serial(serial) if onu.serial != NO_SERIAL else []
        if not found and onu.contract_id is not None:
            found = await self._services([Ref(SERVICE, onu.contract_id)], serial)
            if any(one.serial not in {"", serial} for one in found if onu.serial != NO_SERIAL):
                raise BadAnswer("another_onu")
        return _of_the_onu(found)

    async def _by_serial(self, serial: str) -> list[Held]:
        """By the table where what it says still holds, else as HubSoft says now."""
        known = await self._cpes.get(serial)
        found = await self._services(known, serial)
        said = {one.serial for one in found if _runs(one)}
        if serial in said or ("" in said and self._cpes.is_fresh):
            return found
        refs = await self._now(serial, doubted="" not in said)
        if not refs and "" in said:
            return found
        if not refs and found:
            if any(map(_runs, found)):
                raise BadAnswer("another_onu")
            return found
        refs = refs or await self._cpes.settled(serial)
        if refs != known:
            found = await self._services(refs, serial)
        if refs and not found:
            raise BadAnswer("no_service")  # one part of it knows them, another does not
        return found

    async def _now(self, serial: str, *, doubted: bool) -> tuple[Ref, ...]:
        """Where it leads now. Nothing where that cannot be had, and what the table says is not `doubted`."""
        try:
            return await self._cpes.now(serial)
        except LoginRefused:
            raise
        except (Refused, BadAnswer):
            if doubted:
                raise
            return ()

    async def _services(self, refs: Iterable[Ref], serial: str) -> list[Held]:
        """What they are now. One that is there only among what has ended has ended, whatever its word."""
        found: list[Held] = []
        for ref in refs:
            running = await self._asked(ref, RUNNING)
            ended = [] if running else await self._asked(ref, EVERYTHING)
            held_now = running + [
                one._replace(contact=replace(one.contact, service=Service.ENDED)) for one in ended
            ]
            found += _about(held_now, serial) if ref.key == CODE else held_now
        return found

    async def _asked(self, ref: Ref, which: dict[str, str]) -> list[Held]:
        query: dict[str, str | int] = {
            "busca": ref.key,
            "termo_busca": ref.value,
            "limit": A_CUSTOMER,
            "ultima_conexao": "nao",
            "relacoes": _WITH,
            **which,
        }
        rows, _ = await self._wire.rows("cliente", "clientes", query)
        return held(rows, ref)


def _runs(one: Held) -> bool:
    return one.contact.service is not Service.ENDED


def _about(services: Sequence[Held], serial: str) -> list[Held]:
    """Of all services of a customer those that may be the ONU's: what names it, else what names none."""
    may_be = [one for one in services if one.serial in {"", serial}]
    return [one for one in may_be if one.serial and _runs(one)] or may_be


def _of_the_onu(found: Sequence[Held]) -> Contact | None:
    """Whose the ONU of these services is. One that has ended counts only where all have.

    It may be of who had the ONU before. Of several of one customer nobody can say which is that of the ONU:
    one that runs is. BadAnswer where there are several customers.
    """
    contacts = [one.contact for one in found if _runs(one)] or [one.contact for one in found]
    if len({one.client_id for one in contacts}) > 1:
        raise BadAnswer("several_customers")
    return next((one for one in contacts if one.service is Service.ON), next(iter(contacts), None))
