"""All sources as one: whoever an incident or a port is of answers for it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from bot.domain.customer import Affected, Contact, Link
from bot.domain.incident import Inventory, Port, source_of
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.sources.adapter import OltManager

NO_SOURCE = "no_source"


@runtime_checkable
class _KnowsCustomers(Protocol):
    async def customer(self, client_id: str) -> Contact | None:
        """As `bot.ports` says."""


def knows_customers(source: OltManager) -> bool:
    """Whether a source keeps customers' records; who else tells of ONUs needs a directory for them."""
    return isinstance(source, _KnowsCustomers)


class Network:
    """`bot.ports.Source` over several, with the records of the one of them that knows customers."""

    def __init__(self, sources: Sequence[OltManager]) -> None:
        self.sources = tuple(sources)
        self.name = ",".join(source.name for source in self.sources)

    @property
    def login(self) -> Literal["never", "ok", "refused"]:
        """How the logins went: refused where one of them was."""
        states = {source.login.state for source in self.sources}
        return "refused" if "refused" in states else "never" if "never" in states else "ok"

    async def aclose(self) -> None:
        """Close their connections."""
        for source in self.sources:
            await source.aclose()

    async def affected(self, incident_id: str) -> Affected:
        """As its source says."""
        return await self._of(incident_id).affected(incident_id)

    async def links(self, port: Port) -> Mapping[str, Link]:
        """As the source says whose port it is."""
        return await self._of(port.key, "/").links(port)

    async def inventory(self) -> Inventory:
        """The ports that any knows, of those that can be asked; raises what one raised where none can."""
        found: dict[str, frozenset[str]] = {}
        errors: list[Exception] = []

        async def read(source: OltManager) -> None:
            try:
                ports = await source.inventory()
            except (TryLater, AnswerLost, Refused, BadAnswer) as error:
                errors.append(error)
            else:
                for olt, places in ports.items():
                    found[olt] = found.get(olt, frozenset()) | places

        await asyncio.gather(*map(read, self.sources))
        if errors and len(errors) == len(self.sources):
            raise errors[0]
        return found

    async def customer(self, client_id: str) -> Contact | None:
        """As the source says that knows customers; no record where none does."""
        knows = next((source for source in self.sources if isinstance(source, _KnowsCustomers)), None)
        return None if knows is None else await knows.customer(client_id)

    def _of(self, key: str, between: str = ":") -> OltManager:
        """Whose incident, or port, has that key. Refused where it is of none that is configured."""
        named = [one for one in self.sources if one.ids and key.startswith(one.ids.replace(":", between))]
        bare = [one for one in self.sources if not one.ids and (between == "/" or not source_of(key))]
        if not named and not bare:
            raise Refused(NO_SOURCE)
        return (named or bare)[0]
