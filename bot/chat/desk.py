"""What the chat side asks of the flow."""

from typing import Protocol

from bot.domain.customer import Found
from bot.domain.incident import Port
from bot.domain.lines import Who
from bot.domain.plan import Choice
from bot.domain.watch import GatewayWatch, Watch
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

    async def approve(self, number: int, who: Who) -> None:
        """Claim a case for sending."""

    async def deny(self, number: int, who: Who, reason: str) -> None:
        """Decide that nothing is sent."""

    async def cancel(self, number: int, who: Who) -> bool:
        """Take an approval back: True where nothing left, False where sends had begun and stop now."""

    async def stop(self, number: int, who: Who) -> None:
        """Stop a dispatch."""

    async def resume(self, number: int, who: Who) -> None:
        """Let an interrupted dispatch go on."""

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
