"""SGP as the directory of customers (README.md of this folder): one request an ONU, ten at a time."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot import upstream
from bot.directories.adapter import worst_of
from bot.directories.sgp.rows import Contract, contract, plain_of
from bot.domain.customer import NO_SERIAL, Answered, Contact, Onu, Service
from bot.domain.lookup.serials import normal, spellings
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, Refused, TryLater

IN_FLIGHT = 10  # requests at one time, whoever asks
TOTAL = 10.0  # seconds for one answer: odd values make it hang
MOST = upstream.ONE
"""Bytes of one: the whole base, which comes where a filter is not known, is megabytes."""
_REFUSES = re.compile(r"token|autoriz|permiss|invalid|\berro")
"""What a `msg` beside no contracts speaks of, where it does not say that there are none."""


class Sgp:
    """`bot.ports.Directory` over one install.

    Args:
        url: `SGP_URL`, without a slash at the end.
        token: `SGP_TOKEN`.
        app: `SGP_APP`.
    """

    name = "sgp"
    at_once = 20

    def __init__(self, url: str, token: str, app: str) -> None:
        self._url = f"{url}/api/ura/consultacliente/"
        self._credentials = {"token": token, "app": app}
        self._http = upstream.client(limit=IN_FLIGHT)
        self._free = asyncio.Semaphore(IN_FLIGHT)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def probe(self) -> str:
        """A contract that nobody has."""
        await self._contracts("contrato", "0")
        return "it answers"

    def subject(self, onu: Onu) -> str | None:
        """The serial, or else the contract here that the source knows, never its own client."""
        if onu.serial != NO_SERIAL:
            return f"onu {normal(onu.serial)}"
        return f"contract {onu.contract_id}" if onu.contract_id is not None else "nobody"

    async def customers(self, onus: Sequence[Onu]) -> Answered:
        """By the contract where the source knows it, else by serial; each on its own."""
        records: dict[str, Contact | None] = {}
        errors: list[BotError] = []

        async def one(onu: Onu) -> None:
            try:
                records[onu.key or ""] = await self._customer(onu)
            except (TryLater, AnswerLost, Refused, BadAnswer) as error:
                errors.append(error)

        await asyncio.gather(*map(one, onus))
        return Answered(records, worst_of(errors))

    async def _customer(self, onu: Onu) -> Contact | None:
        if onu.contract_id is not None:
            found = await self._contracts("contrato", onu.contract_id)
            if any(one.id != onu.contract_id for one in found):
                raise BadAnswer("ignored_filter")
            if found:
                return found[0].contact
        found = []
        for spelling in spellings(onu.serial) if onu.serial != NO_SERIAL else ():
            found += await self._contracts("onu_serial", spelling)
            if _running(found):
                break
        return _of_the_onu(found)

    async def _contracts(self, field: str, value: str) -> list[Contract]:
        async with self._free:
            try:
                answer = await upstream.read(
                    self._http,
                    "POST",
                    self._url,
                    json={**self._credentials, field: value},
                    most=MOST,
                    total=TOTAL,
                )
            except Refused as error:
                if str(error) in {"http_401", "http_403"}:
                    raise LoginRefused(str(error)) from None
                raise
        return _rows(answer)


def _rows(answer: Any) -> list[Contract]:
    """The contracts of an answer; a row that cannot be read is nobody's, and then nothing is known.

    Refused where there are none as the answer says that something is wrong.
    """
    if not isinstance(answer, Mapping):
        raise BadAnswer("no_object")
    lists = {str(name).casefold(): value for name, value in answer.items()}
    rows = lists.get("contratos")
    if not isinstance(rows, list):
        raise BadAnswer("no_rows")
    if not rows and _REFUSES.search(plain_of(str(lists.get("msg")))):
        raise Refused("stated_error")
    found = [contract(row) for row in rows]
    if None in found:
        raise BadAnswer("no_rows")
    return [one for one in found if one is not None]


def _running(found: Sequence[Contract]) -> list[Contract]:
    return [one for one in found if one.contact.service is not Service.ENDED]


def _of_the_onu(found: Sequence[Contract]) -> Contact | None:
    """Whose the ONU of these contracts is. One that has ended counts only where all have.

    It may be of who had the ONU before. Of several of one customer nobody can say which is that of the ONU:
    one with service is. BadAnswer where there are several customers: an answer does not repeat the serial.
    """
    found = _running(found) or found
    if len({one.client_id for one in found}) > 1:
        raise BadAnswer("ignored_filter")
    contacts = [one.contact for one in found]
    return next((one for one in contacts if one.service is Service.ON), next(iter(contacts), None))
