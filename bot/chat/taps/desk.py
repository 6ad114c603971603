"""What the chat side asks of the flow."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.customer import Found
from bot.domain.health import GatewayWatch, Watch
from bot.domain.incident import Port
from bot.domain.limits.holds import NO_TERMS, Terms
from bot.domain.limits.silence import Scope, Silence
from bot.domain.plan import Choice
from bot.domain.who import Who
from bot.flow.flow import Approval
from bot.ports import Ledger
from bot.steps.unknown import Choose


class Desk(Protocol):
    """Where decisions are taken: each returns once it is durable, or raises Declined or LedgerClosed."""

    @property
    def ledger(self) -> Ledger:
        """The state, and whether it takes decisions."""

    @property
    def watch(self) -> Watch:
        """How the source is doing."""

    @property
    def gateway(self) -> GatewayWatch:
        """How the gateway is doing."""

    async def check_undecided(self, number: int) -> None:
        """Declined where the case is decided, running or over."""

    async def approve(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        """Claim a case for sending; raises Asked where the person has to say more (`terms`)."""

    async def restore(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        """Claim telling those who were warned that service is back; as `approve`."""

    async def keep_untold(self, number: int, who: Who) -> None:
        """Decide that nobody is told that service is back."""

    async def begin(self, number: int, who: Who, attempt: int | None = None) -> None:
        """Send what was scheduled now; `attempt` is the one that the button was about."""

    async def separate(self, number: int, who: Who) -> int:
        """Take a case apart; how many new ones there are."""

    async def assume(self, number: int, who: Who) -> None:
        """This person sees to the case: nobody is reminded of it any more."""

    async def forecast(self, number: int, who: Who, eta: datetime | None) -> None:
        """When the outage is expected to end; None: nobody can say."""

    async def name_cause(self, number: int, who: Who, cause: str, team: str = "") -> None:
        """The cause, and the team that sees to it."""

    async def known_olts(self, scopes: Sequence[Scope]) -> tuple[Scope, ...]:
        """The same with the OLTs' own names. Declined where there is no such OLT."""

    async def silence(self, scopes: Sequence[Scope], who: Who, until: datetime, reason: str) -> Silence:
        """No cards from there until then."""

    async def end_silence(self, number: int, who: Who) -> Silence:
        """Cards come again from there."""

    async def deny(self, number: int, who: Who, reason: str) -> None:
        """Decide that nothing is sent."""

    async def explain_denial(self, number: int, who: Who, reason: str, at: datetime) -> None:
        """Why nothing is sent, as the person who denied it wrote at that time."""

    async def cancel(self, number: int, who: Who) -> bool:
        """Take an approval back: True where nothing left, False where sends had begun and stop now."""

    async def stop(self, number: int, who: Who) -> None:
        """Stop a dispatch."""

    async def resume(self, number: int, who: Who, terms: Terms = NO_TERMS) -> None:
        """Let an interrupted dispatch go on; raises Asked outside the customers' hours."""

    async def close(self, number: int, who: Who) -> None:
        """Give up the rest of an interrupted dispatch."""

    async def confirm(self, who: Who) -> None:
        """Let sending go on after a start on a ledger that looks like an old copy."""

    async def resolve(self, chosen: Choose, choice: Choice, who: Who) -> int:
        """Count sends in doubt as sent, or have somebody call; how many they were."""

    async def resend(self, chosen: Choose, who: Who) -> int:
        """Send again what is in doubt; how many that are."""

    async def release(self, port_key: str, who: Who, reason: str) -> Port:
        """Free a port before its time."""

    async def details(self, number: int) -> Found:
        """Who is affected; raises TryLater, AnswerLost, Refused, BadAnswer or Declined."""

    def refused(self, who: Who, action: str, why: str, case: int | None = None) -> None:
        """The audit line of a refused tap or command."""
