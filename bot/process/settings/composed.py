"""All settings in one: the bot's own parts and those that the adapters declare."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self, cast

from pydantic import PrivateAttr, SecretStr, create_model

from bot.directories import DIRECTORIES
from bot.gateways import DRY_RUN, GATEWAYS, would_send
from bot.gateways.adapter import Sending, all_templates
from bot.process.settings.own import People, Process
from bot.process.settings.part import Declared, Part, is_regional, is_secret, is_url
from bot.process.settings.regional import OLTS, Regions
from bot.process.settings.sending import Messages
from bot.process.settings.templates import Templates
from bot.process.settings.values import leads_elsewhere_unprotected
from bot.process.settings.watching import Watching
from bot.sources import SOURCES, systems
from bot.tongue import said

OWN: tuple[type[Part], ...] = (People, Regions, Messages, Templates, Watching, Process)
_ADAPTERS: tuple[Declared, ...] = (*GATEWAYS.values(), *SOURCES.values(), *DIRECTORIES.values())
FOREIGN = tuple(dict.fromkeys(part for part in (one.settings for one in _ADAPTERS) if part is not Part))
PARTS = (*OWN, *FOREIGN)


class _Settings(People, Regions, Messages, Templates, Watching, Process):
    """All settings, checked. A field's description says how to mend it."""

    _of: "dict[str, _Settings]" = PrivateAttr(default_factory=dict)
    _own: dict[str, frozenset[str]] = PrivateAttr(default_factory=dict)

    def of(self, region: str) -> "_Settings":
        """All of them as a region has them: its own, and what is the same for all."""
        return self._of.get(region, self)

    def own(self, region: str) -> frozenset[str]:
        """Which of them a region has of its own."""
        return self._own.get(region, frozenset())

    def olts(self, region: str) -> tuple[str, ...]:
        """The names of a region's OLTs, or patterns of them."""
        found: tuple[str, ...] = getattr(self, OLTS).get(region.lower(), ())
        return found

    def with_regions(self, regions: "Mapping[str, tuple[_Settings, frozenset[str]]]") -> "_Settings":
        """The same, with what each region has, and which of that is its own."""
        self._of = {region: settings for region, (settings, _) in regions.items()}
        self._own = {region: own for region, (_, own) in regions.items()}
        return self

    @property
    def rehearses(self) -> bool:
        """Whether nothing is sent."""
        return self.dry_run or self.gateway == DRY_RUN

    def sending(self) -> Sending:
        """What is set about messages; in a rehearsal of those that would be sent."""
        return would_send(self.gateway).sending(self)

    def unprotected(self) -> list[str]:
        """The systems on other machines that are talked to without TLS, each with what to do."""
        used: list[type[Part]] = [People, *(SOURCES[system].settings for system in systems(self.source))]
        used += [GATEWAYS[self.gateway].settings]
        used += [DIRECTORIES[self.directory].settings] if self.directory else []
        found = [
            said(READABLE, name=name.upper())
            for part in used
            for name, field in part.model_fields.items()
            if is_url(field) and leads_elsewhere_unprotected(getattr(self, name))
        ]
        if self.panel and leads_elsewhere_unprotected(self.panel_url):
            found.append(said(OPEN))
        return found

    def by_region(self) -> "Mapping[str, Self]":
        """As `Templates.by_region`."""
        return cast("Mapping[str, Self]", self._of)

    def templates(self) -> dict[str, int | str]:
        """The ids of the templates that are configured, by `Message.template`: those of all NOCs."""
        return all_templates(self, would_send(self.gateway).sending)[0]

    def secrets(self) -> tuple[str, ...]:
        """The values that no log may show, and each of those that stand in one with commas."""
        found: list[SecretStr | dict[str, SecretStr]] = [getattr(self, name) for name in SECRETS]
        values = [one for held in found for one in (held.values() if isinstance(held, dict) else [held])]
        whole = [value.get_secret_value() for value in values if value.get_secret_value()]
        parts = (part.strip() for value in whole if "," in value for part in value.split(","))
        return (*whole, *(part for part in parts if len(part) >= LONG))


if TYPE_CHECKING:
    Settings = _Settings  # who needs an adapter's fields has its own part of them
else:
    Settings = create_model("Settings", __base__=(_Settings, *FOREIGN), __doc__=_Settings.__doc__)

OPEN = "PANEL_URL is http:// on another machine, so anybody on the way can read it: use https://"
READABLE = "{name} is http:// to another machine, so keys and phones go there readable: use https://"
LONG = 8  # characters: a part of a secret that is shorter is a word that logs may hold
MAY_DIFFER = tuple(name for name, field in Settings.model_fields.items() if is_regional(field))
"""The settings of which each region may have its own."""
SECRETS = tuple(name for name, field in Settings.model_fields.items() if is_secret(field))
