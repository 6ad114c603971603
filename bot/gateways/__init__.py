"""WhatsApp senders by name. A new one is a file here, an entry in `GATEWAYS` and its settings."""

from collections.abc import Callable
from typing import Protocol

from bot.errors import StartupError
from bot.gateways.dry_run import DryRun
from bot.gateways.matrix.matrix import Matrix
from bot.ports import Clock, Gateway
from bot.process.settings import Settings


class Sender(Gateway, Protocol):
    """A gateway that holds connections."""

    async def aclose(self) -> None:
        """Close its connections."""


def _matrix(settings: Settings, clock: Clock) -> Sender:
    if settings.hsm_account is None:  # `load` lets none through: whose account would it be?
        raise StartupError("HSM_ACCOUNT is not set")
    of_an_outage = settings.hsm_variables
    return Matrix(
        settings.url_hsm,
        settings.token_hsm.get_secret_value(),
        cookie=settings.cookie_hsm.get_secret_value(),
        account=settings.hsm_account,
        templates=settings.templates(),
        variables={
            "LOS": of_an_outage,
            "POWER": of_an_outage,
            "RESTORED": settings.hsm_variables_restored,
        },
        include_current=settings.hsm_include_current,
        zone=settings.tz,
        clock=clock,
        limit=settings.hsm_concurrency + 1,  # the probe beside the sends
    )


def _dry_run(_settings: Settings, _clock: Clock) -> Sender:
    return DryRun()


GATEWAYS: dict[str, Callable[[Settings, Clock], Sender]] = {"matrix": _matrix, "dry_run": _dry_run}


def open_gateway(settings: Settings, clock: Clock) -> Sender:
    """The gateway that `GATEWAY` names; with `DRY_RUN` the one that sends nothing."""
    return GATEWAYS["dry_run" if settings.dry_run else settings.gateway](settings, clock)
