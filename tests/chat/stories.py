"""Stories of a case for tests that draw one at random."""

from datetime import UTC, datetime, timedelta

from bot.domain.events import (
    Approved,
    Assumed,
    Begun,
    Cancelled,
    CauseNamed,
    Denied,
    Forecast,
    IncidentChanged,
    IncidentEnded,
    IncidentJoined,
    Intent,
    Line,
    Planned,
    Proposed,
    Restoring,
    Result,
    Settled,
    Silenced,
    Started,
    StopAsked,
)
from bot.domain.incident import Incident
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.who import Who
from tests.chat.screens import planned, sent
from tests.fakes import NOON, incident


def life_of(about: list[Incident], who: Who, text: str) -> list[list[Line]]:
    """What may happen to case 1 and its companion, in this order, each or not."""
    ports = tuple(i.port for i in about)
    down = tuple(Recipient(str(n), text, (text,), "5561999990000", Skip.STILL_DOWN) for n in range(90))
    night = NOON + timedelta(hours=20)
    return [
        [Assumed(1, who), CauseNamed(1, who, text, text)],
        [Forecast(1, who, NOON)],
        [Forecast(1, who, datetime.max.replace(tzinfo=UTC))],
        [Silenced(1, tuple(Scope(port.olt) for port in ports), NOON + timedelta(days=1), who, text)],
        [Proposed(1, who, ("hours",), night)],
        [Denied(1, who, text)],
        [Approved(1, who, ports, mixed=True, left_out=ports, despite=("flapping", "hours"), first=who)],
        [Cancelled(1, who)],
        [Approved(1, who, ports, due=night)],
        [Begun(1, who)],
        [planned(4), *sent(0, 2)],
        [Started("1")],
        [Settled(1, "done")],
        [Settled(1, "unread", text)],
        [IncidentEnded(1, "gone", i.id) for i in about[:1]],
        [IncidentEnded(1, "gone", i.id) for i in about],
        [Settled(1, "over")],
        [Restoring(-1, 1), Approved(-1, who, ())],
        [Planned(-1, 90, (*down, Recipient("x", text, (text,), "5561999990001")))],
        [Intent(-1, "x"), Result(-1, "x", Outcome.UNKNOWN, reason=text)],
        [Started("2")],
        [StopAsked(-1, who), Settled(-1, "stopped", text, who)],
        [IncidentChanged(1, i) for i in about[:2]],
        [IncidentJoined(1, incident("late", place="9/9"))],
    ]
