"""What a gateway's folder brings: its settings, how it is opened, what they say of messages, its advice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Protocol, runtime_checkable

from bot.domain.plan import of_region
from bot.ports import Clock, Gateway, Webhook
from bot.process.settings.part import Declared
from bot.process.settings.templates import TEXTS, Templates
from bot.process.settings.values import AUTO, meaning


class Sender(Gateway, Protocol):
    """A gateway that holds connections."""

    async def aclose(self) -> None:
        """Close its connections."""

    def guard(self, may_leave: Callable[[], bool]) -> None:
        """From now on no request leaves unless that says so, asked as late as can be: TryLater instead."""


@runtime_checkable
class Catalogue(Protocol):
    """A gateway that says which templates there are to choose from, for who sets the bot up."""

    async def catalogue(self) -> Sequence[tuple[str, str]] | None:
        """What the settings call each that may be sent, and what a person knows it by; None: nobody can ask.

        It sends nothing, and never retries. TryLater, AnswerLost, Refused, BadAnswer.
        """


@dataclass(frozen=True, slots=True)
class Sending:
    """What a gateway's settings say of its messages, in the program's own words.

    `rate` is in messages a second (0: no limit), None: as the answers allow, at most `fastest`. `sends` are
    in flight at most, and fewer where it `follows` the answers. By what they are for (LOS, POWER, RESTORED)
    `templates` are the ids, `variables` what fills them in turn; `tells`, `tells_restored`, `language`,
    `texts` and `daily_limit` as in `Rules`.
    """

    rate: float | None = None
    fastest: float = 80.0
    sends: int = 20
    follows: bool = True
    account: int | None = None
    templates: Mapping[str, int | str] = field(default_factory=dict)
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tells: frozenset[str] = frozenset()
    tells_restored: frozenset[str] = frozenset()
    language: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    daily_limit: int = 0

    @property
    def restored(self) -> bool:
        """Whether there is a template for "service is back"."""
        return "RESTORED" in self.templates

    def differs(self, other: "Sending") -> list[str]:
        """For what another one's templates are not these, or are filled otherwise."""
        return [
            family
            for family, id_ in other.templates.items()
            if (id_, other.variables[family]) != (self.templates.get(family), self.variables[family])
        ]


def all_templates(
    settings: Templates, sending: Callable[[Any], Sending]
) -> tuple[dict[str, Any], dict[str, Sequence[str]]]:
    """The ids by `Message.template`, and what fills them: of all NOCs.

    What a region has of its own is another template, also where only what fills it differs.
    """
    shared = sending(settings)
    ids, variables = dict(shared.templates), dict(shared.variables)
    for region, its in settings.by_region().items():
        own = sending(its)
        for family in shared.differs(own):
            template = of_region(family, region)
            ids[template], variables[template] = own.templates[family], own.variables[family]
    return ids, variables


def variables_of(settings: Templates) -> dict[str, Sequence[str]]:
    """What fills each template in turn, by what it is for."""
    of_an_outage = settings.hsm_variables
    return {"LOS": of_an_outage, "POWER": of_an_outage, "RESTORED": settings.hsm_variables_restored}


def sending_of(
    settings: Templates,
    ids: Mapping[str, int | str],
    account: int | None,
    language: str = "",
    *,
    fastest: float,
    sends: int,
) -> Sending:
    """What is set about messages: by all gateways' settings, and one's own ids and account.

    `fastest` a second and `sends` in flight are what it may be given at most where nothing is set.
    """
    rate, flight = settings.hsm_rate, settings.hsm_concurrency
    return Sending(
        rate=None if rate == AUTO else rate,
        fastest=fastest,
        sends=sends if flight == AUTO else flight,
        follows=flight == AUTO,
        account=account,
        templates=ids,
        variables=variables_of(settings),
        tells=frozenset(map(meaning, settings.hsm_variables)),
        tells_restored=frozenset(map(meaning, settings.hsm_variables_restored)),
        language=language,
        daily_limit=settings.hsm_daily_limit,
        texts={template: getattr(settings, name).replace("\\n", "\n") for template, name in TEXTS.items()},
    )


@dataclass(frozen=True, slots=True)
class Advice:
    """What `check` says to a person: the key was refused, nothing was reached, nothing could be tried;
    why the templates are not read (empty: nothing to say), and what to mend where they cannot be.
    """

    refused: str = ""
    unreached: str = ""
    untried: str = ""
    unread: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(Declared):
    """A gateway as the program knows it.

    Args:
        open: The gateway, from its settings; the zone is that of its dates.
        templates: The one that names each template's id, by `Message.template`.
        sending: What they say of messages.
        advice: For `check`; what the chat says is in `words.toml` of its folder.
        webhook: How it tells what became of messages, None where it is not set up.
    """

    open: Callable[[Any, tzinfo, Clock], Sender]
    templates: Mapping[str, str] = field(default_factory=dict)
    sending: Callable[[Any], Sending] = lambda _settings: Sending()
    advice: Advice = Advice()
    webhook: Callable[[Any], Webhook | None] = lambda _settings: None
