"""What the settings make: the adapters, the words, the rules, and what the bot says of how it is set up."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING

from bot import __version__
from bot.chat.noc import Setup
from bot.chat.screens.attention import Attention
from bot.chat.screens.words import Words, words_in
from bot.directories import DIRECTORIES
from bot.directories.adapter import Erp
from bot.domain.plan import of_region
from bot.domain.rules import Rules
from bot.gateways import DRY_RUN, GATEWAYS, would_send
from bot.gateways.adapter import Sender, all_templates
from bot.gateways.pace import Pace
from bot.ports import Clock, Webhook
from bot.process.settings.composed import Settings
from bot.process.settings.part import is_live, is_secret
from bot.process.settings.regional import called
from bot.sources import SOURCES, systems
from bot.sources.adapter import OltManager
from bot.sources.network import Network
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.postgres import engine

if TYPE_CHECKING:
    from bot.process.cluster.lending import Lending
    from bot.process.cluster.sharing import Left, Sharing
    from bot.storage.postgres.warm import Warm

LOOK_UP_FOR = 30.0  # seconds: an ERP that starts anew is waited for
LIST_WITHIN, LATE_LIST = 60.0, 2  # seconds, or poll intervals where those are longer: no list takes longer
_OTHER_NAMES = {"look_ups": "enrich_concurrency", "flaps": "flaps_per_hour"}
_PERCENTAGES = {"nearly_all": "group_nearly_all", "dominance": "group_dominance"}


async def open_ledger(
    settings: Settings, clock: Clock, disk: Disk, epoch: int | None = None, warm: "Warm | None" = None
) -> FileLedger:
    """The ledger that `LEDGER` names. StartupError where it cannot be used.

    `epoch` is whose turn it is to write it, where several programs might; None: as it is. `warm` is the
    folder's copy, where this process has it already.
    """
    url = settings.ledger.get_secret_value()
    return await engine.open_ledger(settings.data_dir, clock, disk, url, epoch=epoch, warm=warm)


def open_gateway(settings: Settings, clock: Clock) -> Sender:
    """The gateway that `GATEWAY` names; with `DRY_RUN` the one that sends nothing."""
    adapter = GATEWAYS[DRY_RUN if settings.dry_run else settings.gateway]
    return adapter.open(settings, settings.tz, clock)


def sends_as(settings: Settings) -> str:
    """How this machine sends, without a secret: messages are shared among those of which it is the same."""
    adapter = GATEWAYS[settings.gateway]
    fields = adapter.settings.model_fields.items()
    lasting = (name for name, field in fields if not is_secret(field) and not is_live(field))
    own = {name: str(getattr(settings, name)) for name in lasting}
    regions = all_templates(settings, adapter.sending)
    how = [__version__, settings.gateway, settings.dry_run, str(settings.tz), own, regions]
    return sha256(json.dumps(how, sort_keys=True, default=sorted).encode()).hexdigest()[:32]


def open_lending(settings: Settings, clock: Clock) -> "Lending | None":
    """What sends for the machine that leads while this one stands by; None where it is not to."""
    if settings.rehearses or settings.send_from != "all":
        return None
    from bot.process.cluster.lending import Lending  # noqa: PLC0415 - files need no driver

    url, owner = settings.ledger.get_secret_value(), f"{settings.called} {token_hex(8)}"
    return Lending.open(
        url, owner, sends_as(settings), open_gateway(settings, clock), settings.sending().sends
    )


def open_fleet(
    settings: Settings, clock: Clock, gateway: Sender, epoch: int | None, left: "Left"
) -> "Sharing | None":
    """What messages go by where several machines send; None where this one alone does.

    `left` as in `Sharing`.
    """
    if settings.rehearses or settings.send_from != "all" or epoch is None:
        return None
    from bot.process.cluster.sharing import Sharing  # noqa: PLC0415 - as above

    return Sharing.open(
        settings.ledger.get_secret_value(), epoch, sends_as(settings), gateway.send, left, clock
    )


def webhook_of(settings: Settings) -> Webhook | None:
    """How the gateway tells what became of messages; None where it does not, or nothing is sent."""
    return None if settings.rehearses else GATEWAYS[settings.gateway].webhook(settings)


def open_pace(settings: Settings, clock: Clock) -> Pace:
    """How fast that gateway is sent to."""
    sending = settings.sending()
    return Pace(sending.rate, clock, fastest=sending.fastest, sends=sending.sends, follows=sending.follows)


def open_source(settings: Settings, clock: Clock) -> Network:
    """The OLT managers that `SOURCE` names, as one."""
    return Network([one for name in systems(settings.source) for one in open_sources(settings, clock, name)])


def open_sources(settings: Settings, clock: Clock, name: str) -> Sequence[OltManager]:
    """The accounts of one of them."""
    return SOURCES[name].open(settings, settings.tz, clock, settings.enrich_concurrency)


def open_directory(settings: Settings, clock: Clock) -> Erp | None:
    """The ERP that `DIRECTORY` names; None where the source's own records are used."""
    if not settings.directory:
        return None
    return DIRECTORIES[settings.directory].open(settings, settings.tz, clock)


def rules_of(settings: Settings) -> Rules:
    """The settings that rules and steps read: each field of `Rules` from the setting of its name.

    What is set about messages comes from the gateway's (`Sending`), by the same names. Those of each region
    are among them.
    """
    regions: dict[str, Rules] = {}
    ours, shared = _rules_of(settings), settings.sending()
    templates = dict(ours.templates)  # also those that the regions have of their own: the same for all
    for region in settings.regions:
        its = _rules_of(settings.of(region))
        own = {family: of_region(family, region) for family in shared.differs(settings.of(region).sending())}
        templates |= {template: its.templates[family] for family, template in own.items()}
        its = replace(its, templates=templates, own_templates=own)
        regions[region] = replace(its, regions=regions, olts=settings.olts(region))
    return replace(ours, templates=templates, regions=regions)


def _rules_of(settings: Settings) -> Rules:
    names = {field.name: _OTHER_NAMES.get(field.name, field.name) for field in fields(Rules)}
    found = {rule: getattr(settings, name) for rule, name in names.items() if name in Settings.model_fields}
    sending = settings.sending()
    of_messages = ("sends", "restored", "tells", "tells_restored", "language", "texts", "daily_limit")
    found |= {name: getattr(sending, name) for name in of_messages}
    found["templates"] = {template: str(called) for template, called in sending.templates.items()}
    found |= {rule: getattr(settings, name) / 100 for rule, name in _PERCENTAGES.items()}
    found["look_ahead"] = look_ahead(settings)
    found["look_up_for"] = LOOK_UP_FOR if settings.directory else 0.0
    found["dry_run"] = settings.rehearses
    found["poll_within"] = max(LIST_WITHIN, LATE_LIST * settings.poll_seconds)
    return Rules(**found)


def setups_of(settings: Settings) -> tuple[Setup, ...]:
    """How each NOC is set up: that of all cases of no region first."""
    rules = rules_of(settings)
    return tuple(
        Setup(
            own.telegram_chat_id,
            own.telegram_topic_id,
            own.telegram_approvers,
            attention_of(own),
            rules.of(region),
            region,
        )
        for region, own in ((region, settings.of(region)) for region in ("", *settings.regions))
    )


def look_ahead(settings: Settings) -> int:
    """How many customers are looked up at one time while nobody waits for them."""
    allowed = max(SOURCES[system].look_ahead for system in systems(settings.source))
    if settings.directory:
        allowed = min(allowed, DIRECTORIES[settings.directory].look_ahead)
    return min(allowed, settings.enrich_concurrency) if settings.look_up_ahead else 0


def attention_of(settings: Settings) -> Attention:
    """The settings about whom the bot asks, when it rings, and how many cards there are."""
    return Attention(
        on_call=settings.telegram_on_call,
        escalation=settings.telegram_escalation_chat_id,
        quiet_hours=settings.quiet_hours,
        quiet_below=settings.quiet_below,
        cards_at_once=settings.cards_at_once,
        sound_from=settings.sound_from,
    )


def words_of(settings: Settings) -> Words:
    """The words of the bot and of the adapters that it works with."""
    language = settings.bot_language
    used = settings.gateway, settings.source, settings.directory
    own = {
        f"setting.{of_region(family, region)}": called(region, name)
        for region in settings.regions
        for family, name in would_send(settings.gateway).templates.items()
    }
    return Words(language, settings.tz, {**adapters_words(language, *used), **own})


def adapters_words(
    language: str, gateway: str, sources: Sequence[str], directory: str = ""
) -> Mapping[str, str]:
    """The adapters' own phrases by their keys, and under `setting` the names of what a person has to mend."""
    sender = would_send(gateway)
    phrases = {f"setting.{template}": name.upper() for template, name in sender.templates.items()}
    erp = DIRECTORIES[directory].folder if directory else ""
    for folder in filter(
        None, (sender.folder, *(SOURCES[system].folder for system in systems(sources)), erp)
    ):
        phrases |= words_in(folder, language)
    return phrases


def start_facts(settings: Settings) -> Mapping[str, object]:
    """What the bot says of itself at a start, open cases apart: it fills `setup.line`."""
    hours = settings.customer_hours
    listed = settings.telegram_approvers
    sending = settings.sending()
    return {
        "language": settings.bot_language,  # so that the group reads it anew in another one
        "dry_run": settings.rehearses,
        "templates": ", ".join(map(str, sending.templates.values())),
        "account": sending.account,
        "decides": "everyone" if listed == "*" else "listed" if listed else "admins",
        "n": 0 if listed == "*" else len(listed),
        "hours": f"{hours.first:%H:%M}–{hours.last:%H:%M}" if hours else "",
    }
