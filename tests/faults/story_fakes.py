"""A source and a gateway for stories: what happened and what is said about it are two things."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from bot.domain.customer import Affected
from bot.domain.plan import Message, Outcome, Receipt, Sent
from bot.errors import TryLater
from tests.fakes import FakeSource

if TYPE_CHECKING:
    from tests.faults.world import World


class Way(Enum):
    """How one request ends: whether the customer gets it, and, apart from that, what is answered and when."""

    ACCEPTED = (True, Receipt(Outcome.ACCEPTED))
    ANSWER_LOST = (True, Receipt(Outcome.UNKNOWN, reason="read_timeout"))
    LOST = (False, Receipt(Outcome.UNKNOWN, reason="reset"))
    HELD = (False, Receipt(Outcome.HELD))
    REJECTED = (False, Receipt(Outcome.REJECTED, reason="numero invalido"))
    BAD_KEY = (False, Receipt(Outcome.REJECTED, reason="sem autorizacao", halt="key"))
    MOVED = (True, Receipt(Outcome.UNKNOWN, reason="http_302", halt="url"))
    THROTTLED = (False, TryLater("429", 3.0))
    CLOSED = (False, TryLater("429", 600.0))
    UNREACHED = (False, TryLater("refused"))
    BUG = (True, RuntimeError("a bug"))
    LATE = (True, Receipt(Outcome.ACCEPTED), "late")
    LATE_REJECTED = (False, Receipt(Outcome.REJECTED, reason="numero invalido"), "late")
    LATE_UNREACHED = (False, TryLater("429"), "late")


class StorySource(FakeSource):
    """Remembers for each outage whether its last reading said that it is over."""

    read_over: dict[str, bool]

    async def affected(self, incident_id: str) -> Affected:
        found = await super().affected(incident_id)
        self.read_over[incident_id] = found.over
        return found


@dataclass
class StoryGateway:
    """One process's way to the gateway. What is in flight when the process dies has arrived or not."""

    world: "World"
    name: str = "fake"

    async def send(self, message: Message) -> Receipt:
        truth = self.world.truth
        truth.enters(message, self.world.book)
        case = truth.case_of(message)
        way = (
            Way.UNREACHED
            if self.world.away
            else self.world.ways.popleft()
            if self.world.ways
            else Way.ACCEPTED
        )
        self.world.tries.faults += way is not Way.ACCEPTED
        delivers, answer, *late = way.value
        assert isinstance(answer, Receipt | Exception)
        reference = truth.delivered(message, self.world.known) if delivers else None
        truth.flying[case or 0, message.recipient] += 1
        try:
            if late:
                await self.world.landing.wait()
        finally:
            truth.flying[case or 0, message.recipient] -= 1
        if isinstance(answer, Exception):
            raise answer
        truth.answers(case, message, answer)
        return answer._replace(reference=reference) if answer.outcome is Outcome.ACCEPTED else answer

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent]:
        if self.world.away:
            raise TryLater("refused")
        return self.world.truth.listed(first, last, self.world.lag)

    async def probe(self) -> str:
        return "fake"
