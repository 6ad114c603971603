"""The gateway that sends nothing: for a trial, and for `DRY_RUN`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from bot.domain.limits.templates import Meaning, Template
from bot.domain.plan import Message, Outcome, Receipt, Sent, of_region
from bot.gateways.adapter import Adapter, variables_of
from bot.gateways.filling import values_of
from bot.ports import Clock
from bot.process.settings.templates import Templates


class DryRun:
    """`bot.ports.Gateway` that takes every message and lets none out."""

    name = "dry_run"

    def __init__(self, zone: tzinfo = UTC, variables: Mapping[str, Sequence[str]] | None = None) -> None:
        """`variables` are what would fill the templates in turn, by `Message.template`."""
        self._zone, self._variables = zone, variables or {}

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
        words = self._variables.get(message.template, ())
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
    variables = variables_of(settings)
    for region, its in settings.by_region().items():
        variables |= {of_region(family, region): words for family, words in variables_of(its).items()}
    return DryRun(zone, variables)


ADAPTER = Adapter(open=_open)
