"""The gateway that sends nothing: for a trial, and for `DRY_RUN`."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.plan import Message, Outcome, Receipt, Sent
from bot.gateways.adapter import Adapter


class DryRun:
    """`bot.ports.Gateway` that takes every message and lets none out."""

    name = "dry_run"

    async def send(self, message: Message) -> Receipt:  # noqa: ARG002 - the protocol's
        """Accepted, and its reason says that nothing left."""
        return Receipt(Outcome.ACCEPTED, reason="dry_run")

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent] | None:  # noqa: ARG002
        """None: it keeps no list."""
        return None

    async def probe(self) -> str:
        """What it is."""
        return "dry run, nothing is sent"

    async def aclose(self) -> None:
        """Nothing to close."""


ADAPTER = Adapter(open=lambda _settings, _zone, _clock: DryRun())
