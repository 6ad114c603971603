"""Stories of a case for tests that draw one at random."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

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
    Read,
    Received,
    Restoring,
    Result,
    Settled,
    Silenced,
    Started,
    StopAsked,
    Undelivered,
    Withdrawn,
)
from bot.domain.incident import Incident
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.who import Who
from tests.chat.screens import planned, sent
from tests.fakes import ANA, BRUNO, NOON, incident, port


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
        [Proposed(1, who)],
        [Withdrawn(1, who)],
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


REASONS = (None, "no_whatsapp", "http_502", "Número recusado")
Draw = Callable[..., object]
# What an example draws from is made once: checking it takes longer than drawing.
DECIDES, OUTCOMES, WHYS = (st.sampled_from(of) for of in ((ANA, BRUNO), tuple(Outcome), REASONS))
HEARD = st.sampled_from((Received, Read, Undelivered))
SKIPS = st.sampled_from((None, None, None, *(skip for skip in Skip if skip is not Skip.FORGOTTEN)))


def phone_of(customer: int) -> str:
    """The phone of customer `c<n>`; no two have one but 0 and 1."""
    return f"55619{90000000 + max(customer, 1)}"


@st.composite
def told(draw: Draw, case: int = 1, customers: int = 8) -> list[Line]:
    """An approval of a case, carried out anyhow, and receipts of it in any order; maybe not to its end."""
    plan = draw(_plans(customers))
    lines: list[Line] = [Approved(case, draw(DECIDES), (port(),))]  # type: ignore[arg-type]
    lines.append(Planned(case, customers, plan))  # type: ignore[arg-type]
    to_send = [one.id for one in plan if one.skip is None]  # type: ignore[attr-defined]
    tried = to_send[: int(str(draw(st.integers(0, len(to_send)))))]
    known: list[str] = []
    for one in tried:
        lines.append(Intent(case, one))
        if draw(st.integers(0, 9)):
            outcome = draw(OUTCOMES)
            reason = draw(WHYS)
            lines.append(Result(case, one, outcome, reason=reason))  # type: ignore[arg-type]
            known.append(one)
    for _ in range(draw(st.integers(0, 6)) if known else 0):  # type: ignore[call-overload]
        about = (draw(st.sampled_from(known)),)
        kind = draw(HEARD)
        lines.append(kind(case, about))  # type: ignore[operator]
    if len(known) == len(to_send):
        lines.append(Settled(case, "done"))
    return lines


@st.composite
def _plans(draw: Draw, customers: int) -> tuple[Recipient, ...]:
    return tuple(
        Recipient(
            f"c{n}",
            f"Cliente {'ABCDEFGHIJ'[n]}",
            (f"ZTEG{0xA0000000 + n:08X}",),
            None if (skip := draw(SKIPS)) in {Skip.NO_RECORD, Skip.NO_PHONE} else phone_of(n),
            skip,  # type: ignore[arg-type]
        )
        for n in range(customers)
    )
