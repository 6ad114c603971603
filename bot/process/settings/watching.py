"""The settings of what is read from the OLT manager, what makes a card, and when it asks for attention."""

from typing import ClassVar

from pydantic import InstanceOf, field_validator

from bot.directories import NAMES as DIRECTORIES
from bot.domain.limits.hours import Hours
from bot.domain.shift.times import Times
from bot.process.settings.moments import local_times
from bot.process.settings.part import Part, setting
from bot.process.settings.values import Names, local_hours, registered
from bot.sources import NAMES, is_known, spelt


class Watching(Part):
    """What makes a card, and when it asks for attention."""

    title: ClassVar[str] = "Watching"

    source: Names = setting(
        NAMES[:1],
        mend="{names}; several with commas",
        names=", ".join(map(spelt, NAMES)),
        tells="Which OLT managers, with commas: an outage that two of them tell of is one.",
    )
    directory: str = setting(
        "",
        mend="one of {names}, empty for the OLT manager's own records",
        names=", ".join(DIRECTORIES),
        tells="Which ERP knows the customers, by their ONU's serial; empty: the OLT manager's own records.",
    )
    notify_blocked: bool = setting(
        False,
        mend="true or false",
        tells="true: also to customers whose access is blocked for debt, so their link is down for another "
        "reason. Nobody is told whose contract has ended.",
    )
    poll_seconds: float = setting(
        30, ge=1, le=3600, mend="seconds, 1 to 3600", tells="Seconds between two polls.", live=True
    )
    min_affected: int = setting(
        1,
        regional=True,
        ge=1,
        le=10_000,
        mend="ONUs, 1 to 10000",
        tells="Outages of fewer ONUs get no card.",
        live=True,
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
        live=True,
        ge=0,
        le=600,
        mend="seconds, 0 to 600",
        tells="Seconds that a new outage waits for its siblings before it gets a card (0 to 600).",
    )
    open_polls: int = setting(
        1,
        live=True,
        ge=1,
        le=20,
        mend="polls, 1 to 20",
        tells="In how many polls in a row an outage is seen to open, and not seen to be over (1 to 20).",
    )
    close_polls: int = setting(2, ge=1, le=20, mend="polls, 1 to 20", live=True)
    group_seconds: float = setting(
        120,
        live=True,
        ge=0,
        le=3600,
        mend="seconds, 0 to 3600; 0 for no grouping",
        tells="Ports of one OLT that fell within so many seconds make one card (0: no grouping), and cuts of "
        "several OLTs that began within a sixth of it; the same for power failures, also of several OLTs.",
    )
    group_power_seconds: float = setting(300, ge=0, le=3600, mend="seconds, 0 to 3600", live=True)
    group_nearly_all: float = setting(
        80,
        live=True,
        ge=50,
        le=100,
        mend="percent, 50 to 100",
        tells="From which percentage a card says that nearly all of an OLT or a slot is down (50 to 100), "
        "and from which one kind names a mixed card (51 to 100).",
    )
    group_dominance: float = setting(70, ge=51, le=100, mend="percent, 51 to 100", live=True)
    flaps_per_hour: int = setting(
        3,
        live=True,
        ge=1,
        le=60,
        mend="times an hour, 1 to 60",
        tells="A port that opens and closes more often than this in an hour is said to flap.",
    )
    reopen_minutes: float = setting(
        60,
        live=True,
        ge=0,
        le=1440,
        mend="minutes, 0 to 1440",
        tells="An outage that is back within so many minutes goes on with its card (0 to 1440).",
    )
    cards_at_once: int = setting(
        10,
        regional=True,
        live=True,
        ge=1,
        le=50,
        mend="cards, 1 to 50",
        tells="More open cards than this are shown as one list (1 to 50).",
    )
    remind_minutes: float = setting(
        10,
        regional=True,
        live=True,
        ge=0,
        le=1440,
        mend="minutes, 0 to 1440; 0 for never",
        tells="Minutes without an answer after which a card reminds the people on call; 0: never.",
    )
    assume_hours: float = setting(
        2,
        regional=True,
        live=True,
        ge=0,
        le=72,
        mend="hours, 0 to 72; 0 for never",
        tells="For how long *Assumi* keeps the reminders away while nobody decides, in hours; 0: for ever.",
    )
    sound_from: int = setting(
        3,
        regional=True,
        live=True,
        ge=0,
        le=1000,
        mend="ONUs, 0 to 1000; 0 for always",
        tells="Cards of fewer ONUs never make a sound, and nobody is reminded of them; 0: every card rings.",
    )
    quiet_hours: InstanceOf[Hours] | None = setting(
        None,
        regional=True,
        live=True,
        mend="hours such as 22:00-07:00 (midnight is 00:00), empty for never",
        tells="When cards of fewer ONUs than QUIET_BELOW come without a sound, e.g. 22:00-07:00; empty: "
        "never.",
    )
    quiet_below: int = setting(20, ge=0, le=1_000_000, mend="ONUs, 0 to 1000000", live=True, regional=True)
    digest_at: InstanceOf[Times] | None = setting(
        None,
        regional=True,
        mend="times such as 07:00, or mon 07:00 for once a week; several with commas, empty for never",
        tells="When what /turno says is posted by itself: 07:00, or 07:00,19:00 each day, mon 07:00 once a "
        "week; empty: never.",
        live=True,
    )

    @field_validator("source")
    @classmethod
    def _known_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(is_known, value)):
            raise ValueError("names no system the bot knows")
        return value

    @field_validator("directory")
    @classmethod
    def _known_directory(cls, value: str) -> str:
        return registered(value, ("", *DIRECTORIES))

    _times_of_tz = field_validator("digest_at", mode="before")(local_times)
    _hours_of_tz = field_validator("quiet_hours", mode="before")(local_hours)
