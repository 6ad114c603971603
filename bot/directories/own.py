"""The records that a source keeps itself, one by one, as a directory."""

from collections.abc import Sequence

from bot.domain.customer import Answered, Onu
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.ports import Customers


class Own:
    """`bot.ports.Directory` over what a source knows of its clients, by its own ids."""

    at_once = 1

    def __init__(self, source: Customers) -> None:
        self.name = source.name
        self._source = source

    def subject(self, onu: Onu) -> None:
        """The source's client id is what it is known by."""

    async def customers(self, onus: Sequence[Onu]) -> Answered:
        """Each in turn, until one of them cannot be had."""
        records = {}
        for onu in onus:
            if onu.client_id is None:
                continue
            try:
                records[onu.client_id] = await self._source.customer(onu.client_id)
            except (TryLater, AnswerLost, Refused, BadAnswer) as error:
                return Answered(records, error)
        return Answered(records)
