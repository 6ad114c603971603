"""OLT managers by name. A new one is a file here, an entry in `SOURCES` and its settings."""

from collections.abc import Callable
from typing import Protocol

from bot.ports import Clock, Directory, Source
from bot.process.settings import Settings
from bot.sources.login import Login
from bot.sources.oltcloud.oltcloud import OltCloud


class OltManager(Source, Directory, Protocol):
    """An OLT manager that also knows the customers."""

    @property
    def login(self) -> Login:
        """The state of its login, for /status."""

    async def aclose(self) -> None:
        """Close its connections."""


def _oltcloud(settings: Settings, clock: Clock) -> OltManager:
    return OltCloud(
        settings.api_base_url,
        settings.api_auth_url,
        settings.api_user.get_secret_value(),
        settings.api_pass.get_secret_value(),
        zone=settings.tz,
        clock=clock,
        limit=settings.enrich_concurrency + 10,  # the poll and a tap on the details beside the look-ups
    )


SOURCES: dict[str, Callable[[Settings, Clock], OltManager]] = {"oltcloud": _oltcloud}


def open_source(settings: Settings, clock: Clock) -> OltManager:
    """The OLT manager that `SOURCE` names."""
    return SOURCES[settings.source](settings, clock)
