"""The gateway that sends nothing: for a trial, and for `DRY_RUN`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from bot.domain.limits.templates import Meaning, Template
from bot.domain.plan import RESTORED, Message, Outcome, Receipt, Sent
from bot.gateways.adapter import Adapter
from bot.gateways.filling import values_of
from bot.ports import Clock
from bot.process.settings.templates import Templates


class DryRun:
    """`bot.ports.Gateway` that takes every message and lets none out."""

    name = "dry_run"

    def __init__(
        self, zone: tzinfo = UTC, words: Sequence[str] = (), words_restored: Sequence[str] = ()
    ) -> None:
        """The words are what would fill the templates, in turn."""
        self._zone, self._words, self._restored = zone, words, words_restored

    async def send(self, message: Message) -> Receipt:  # noqa: ARG002 - the protocol's
        """Accepted, and its reason says that nothing left."""
        return Receipt(Outcome.ACCEPTED, reason="dry_run")

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent] | None:  # noqa: ARG002
        """None: it keeps no list."""
        return None

    async def templates(self) -> Mapping[str, Template] | None:
        """None: it has none of its own."""
        return None

    def fills(self, message: Message) -> Mapping[str, str]:
        """What would stand for {{1}}, {{2}} ... of the template."""
        words = self._restored if message.template == RESTORED else self._words
        values = values_of(message, words, self._zone, lambda text, longest: " ".join(text.split())[:longest])
        return {str(place): value for place, value in enumerate(values, 1)}

    def means(self, event: str) -> Meaning:  # noqa: ARG002 - the protocol's
        """Nothing: it sends no notices."""
        return "nothing"

    async def probe(self) -> str:
        """What it is."""
        return "dry run, nothing is sent"

    async def aclose(self) -> None:
        """Nothing to close."""

    def guard(self, may_leave: Callable[[], bool]) -> None:
        """Nothing leaves anyway."""


def _open(settings: Templates, zone: tzinfo, _clock: Clock) -> DryRun:
    return DryRun(zone, settings.hsm_variables, settings.hsm_variables_restored)


ADAPTER = Adapter(open=_open)
