"""The settings that rules and steps read, in their own terms.

The defaults are the product's, except that by default nothing waits and nothing is grouped: each incident is
a case of its own at the first poll that sees it, and over at the first that does not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bot.domain.limits.hours import Hours
from bot.domain.plan import Used
from bot.domain.shift.times import Times

REMEMBERED = 10_000
"""OLTs whose region is not looked for again: each of fifty regions may have some patterns."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in seconds unless named otherwise; counts are of look-ups or messages in flight.

    `look_ahead`: look-ups in flight while nobody waits for them, 0: none then. `look_up_for`: a record is
    asked for at least so long while the directory does not answer. `notify_blocked`: also who is blocked for
    debt.
    Grouping (`causes/correlation.py`): `group_seconds` 0 groups nothing; `nearly_all` and `dominance` are
    shares of 1. `two_person_above` 0 asks nobody else; `customer_hours` None is always. `restored`: there is
    a template for "service is back". `assume_hours` 0 lets nothing lapse; of cases of fewer than `sound_from`
    ONUs nobody is reminded. `tells` and `tells_restored`: what fills the variables of the first message and
    of that one. `templates` is what those of all NOCs are called at the platform by `Message.template`
    (`language`: in that one). By what they are for (LOS, POWER, RESTORED) `texts` is what they say, where the
    settings have it, and `own_templates` the `Message.template` of those that a region has of its own.
    `daily_limit`: to so many different people within 24 hours; 0: the settings say nothing. `digest_at`: when
    the handover is posted by itself. `regions`: the rules of each NOC that has some of its own, by its name,
    the same for all of them; `olts` are the patterns of the OLTs of one of those.
    """

    cooldown_hours: float = 24.0
    min_affected: int = 1
    undo_seconds: float = 5.0
    dry_run: bool = False
    look_ups: int = 50
    look_ahead: int = 0
    notify_blocked: bool = False
    sends: int = 20
    poll_within: float = 60.0
    read_tries: int = 4
    read_base: float = 3.0
    read_cap: float = 6.0
    read_patience: float = 30.0
    look_up_for: float = 0.0
    send_tries: int = 4
    send_base: float = 1.0
    send_cap: float = 20.0
    send_patience: float = 120.0
    answer_within: float = 32.0
    resume_within: float = 300.0
    settle_seconds: float = 0.0
    open_polls: int = 1
    close_polls: int = 1
    group_seconds: float = 0.0
    group_power_seconds: float = 0.0
    nearly_all: float = 0.8
    dominance: float = 0.7
    flaps: int = 3
    reopen_minutes: float = 60.0
    remind_minutes: float = 10.0
    assume_hours: float = 2.0
    sound_from: int = 0
    customer_hours: Hours | None = None
    two_person_above: int = 0
    restored: bool = False
    restored_auto: bool = False
    tells: frozenset[str] = frozenset()
    tells_restored: frozenset[str] = frozenset()
    templates: Mapping[str, str] = field(default_factory=dict, hash=False)
    own_templates: Mapping[str, str] = field(default_factory=dict, hash=False)
    language: str = ""
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)
    daily_limit: int = 0
    digest_at: Times | None = None
    regions: Mapping[str, "Rules"] = field(default_factory=dict, compare=False, repr=False)
    olts: tuple[str, ...] = ()
    _whose: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)

    def of(self, region: str) -> "Rules":
        """Those of a region; of one that there is not (any more), and of none, what all others share."""
        return self.regions.get(region, self)

    def template(self, family: str) -> str:
        """What messages call the template for that (`Message.template`)."""
        return self.own_templates.get(family, family)

    def used(self, families: Iterable[str]) -> tuple[Used, ...]:
        """Which of those for that are a region's own."""
        own = (self.own_templates[family] for family in families if family in self.own_templates)
        return tuple(Used(template, self.templates[template]) for template in own)

    def home(self, region: str) -> str:
        """Whose a case of that region is now: the region's, as long as there is one of that name."""
        return region if region in self.regions else ""

    def region_of(self, olt: str) -> str:
        """The first region that has the OLT of that name; empty where none has."""
        known = self._whose.get(olt)
        if known is None:
            name = olt.strip().casefold()
            known = next((region for region, own in self.regions.items() if own.has(name)), "")
            if len(self._whose) < REMEMBERED:  # a source may make names up
                self._whose[olt] = known
        return known

    def has(self, olt: str) -> bool:
        """Whether a pattern of this region's names the OLT, written in small letters."""
        # A bracket is one: OLTs have names like "CB 01 [HW]".
        return any(fnmatchcase(olt, pattern.casefold().replace("[", "[[]")) for pattern in self.olts)


class InForce:
    """The rules as they are now: who outlives a change of the settings keeps this, and reads `rules` anew.

    A rule that is run goes by those of its moment.
    """

    __slots__ = ("rules",)

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
