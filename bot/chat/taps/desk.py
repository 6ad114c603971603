"""What the chat side asks of the flow."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.case import Case
from bot.domain.customer import Found
from bot.domain.events import Line
from bot.domain.incident import Inventory
from bot.domain.limits.silence import Scope
from bot.domain.plan import Recipient, Tally
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.domain.who import Who
from bot.ports import Ledger, Write


class Desk(Protocol):
    """Where decisions are taken, and what is known beside the ledger."""

    @property
    def ledger(self) -> Ledger:
        """The state, and whether it takes decisions."""

    @property
    def sources_health(self) -> Sequence[SourceHealth]:
        """How each source is doing."""

    @property
    def gateway_health(self) -> AnswerHealth:
        """How the gateway is doing."""

    @property
    def directory_health(self) -> AnswerHealth | None:
        """How the directory is doing; None where the sources' own records are used."""

    @property
    def inventory(self) -> Inventory:
        """Every port that is known to have ONUs."""

    @property
    def late(self) -> frozenset[int]:
        """The cases of which a request's answer did not come in time, and may still come."""

    async def decide(self, rule: Write) -> Sequence[Line]:
        """The rule's lines, once they are durable and what follows from them is under way.

        What the rule raises passes through: Declined, or Asked where the person has to say more.
        LedgerClosed where nothing can be decided.
        """

    async def known_olts(self, scopes: Sequence[Scope]) -> tuple[Scope, ...]:
        """The same with the OLTs' own names. Declined where there is no such OLT."""

    async def look(self) -> None:
        """Return once what the gateway's platform says of us is known as of now, or seconds later."""

    def said(self, case: Case, found: Found) -> Sequence[str]:
        """What the first of the customers would read, a text a template; of one that nobody knows, none."""

    async def details(self, number: int) -> Found:
        """Who is affected; raises TryLater, AnswerLost, Refused, BadAnswer or Declined."""

    def expected(self, number: int) -> Tally | None:
        """What an approval of a case would come to now (`todo` would leave); None where that is not known."""

    def need(self, number: int) -> int | None:
        """How many of those are people whom today's limit does not count yet; None where nobody knows."""

    def waiting(self) -> Mapping[int, Sequence[Recipient]]:
        """The customers of cases that wait for a decision, by case, as far as they were looked up."""

    def refused(self, who: Who, action: str, why: str, case: int | None = None) -> None:
        """The audit line of a refused tap or command."""
