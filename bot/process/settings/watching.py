"""The settings of what is read from the OLT manager, what makes a card, and when it asks for attention."""

from typing import ClassVar

from pydantic import InstanceOf, field_validator

from bot.domain.limits.hours import Hours
from bot.process.settings.part import Part, setting
from bot.process.settings.values import local_hours, registered
from bot.sources import NAMES


class Watching(Part):
    """What makes a card, and when it asks for attention."""

    title: ClassVar[str] = "Watching"

    source: str = setting(
        NAMES[0],
        mend="one of " + ", ".join(NAMES),
        tells="Which OLT manager.",
    )
    poll_seconds: float = setting(
        30, ge=1, le=3600, mend="seconds, 1 to 3600", tells="Seconds between two polls."
    )
    min_affected: int = setting(
        1, ge=1, le=10_000, mend="ONUs, 1 to 10000", tells="Outages of fewer ONUs get no card."
    )
    enrich_concurrency: int = setting(
        50, ge=1, le=200, mend="look-ups in flight, 1 to 200", tells="Customer look-ups in flight (1 to 200)."
    )
    look_up_ahead: bool = setting(
        True,
        mend="true or false",
        tells="Customers of a card are looked up while it waits, a few at a time: it says how many messages "
        "would leave, and an approval need not wait for that; false: at the approval.",
    )
    settle_seconds: float = setting(
        10,
        ge=0,
        le=600,
        mend="seconds, 0 to 600",
        tells="Seconds that a new outage waits for its siblings before it gets a card (0 to 600).",
    )
    open_polls: int = setting(
        1,
        ge=1,
        le=20,
        mend="polls, 1 to 20",
        tells="In how many polls in a row an outage is seen to open, and not seen to be over (1 to 20).",
    )
    close_polls: int = setting(2, ge=1, le=20, mend="polls, 1 to 20")
    group_seconds: float = setting(
        120,
        ge=0,
        le=3600,
        mend="seconds, 0 to 3600; 0 for no grouping",
        tells="Ports of one OLT that fell within so many seconds make one card (0: no grouping); the same "
        "for power failures, also of several OLTs.",
    )
    group_power_seconds: float = setting(300, ge=0, le=3600, mend="seconds, 0 to 3600")
    group_nearly_all: float = setting(
        80,
        ge=50,
        le=100,
        mend="percent, 50 to 100",
        tells="From which percentage a card says that nearly all of an OLT or a slot is down (50 to 100), "
        "and from which one kind names a mixed card (51 to 100).",
    )
    group_dominance: float = setting(70, ge=51, le=100, mend="percent, 51 to 100")
    flaps_per_hour: int = setting(
        3,
        ge=1,
        le=60,
        mend="times an hour, 1 to 60",
        tells="A port that opens and closes more often than this in an hour is said to flap.",
    )
    reopen_minutes: float = setting(
        60,
        ge=0,
        le=1440,
        mend="minutes, 0 to 1440",
        tells="An outage that is back within so many minutes goes on with its card (0 to 1440).",
    )
    cards_at_once: int = setting(
        10,
        ge=1,
        le=50,
        mend="cards, 1 to 50",
        tells="More open cards than this are shown as one list (1 to 50).",
    )
    remind_minutes: float = setting(
        10,
        ge=0,
        le=1440,
        mend="minutes, 0 to 1440; 0 for never",
        tells="Minutes without an answer after which a card reminds the people on call; 0: never.",
    )
    assume_hours: float = setting(
        2,
        ge=0,
        le=72,
        mend="hours, 0 to 72; 0 for never",
        tells="For how long *Assumi* keeps the reminders away while nobody decides, in hours; 0: for ever.",
    )
    sound_from: int = setting(
        3,
        ge=0,
        le=1000,
        mend="ONUs, 0 to 1000; 0 for always",
        tells="Cards of fewer ONUs never make a sound, and nobody is reminded of them; 0: every card rings.",
    )
    quiet_hours: InstanceOf[Hours] | None = setting(
        None,
        mend="hours such as 22:00-07:00 (midnight is 00:00), empty for never",
        tells="When cards of fewer ONUs than QUIET_BELOW come without a sound, e.g. 22:00-07:00; empty: "
        "never.",
    )
    quiet_below: int = setting(20, ge=0, le=1_000_000, mend="ONUs, 0 to 1000000")

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: str) -> str:
        return registered(value, NAMES)

    _hours_of_tz = field_validator("quiet_hours", mode="before")(local_hours)
