"""The number on a card and the plan of its approval are one rule, in random situations."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.customer import Contact, Link, Onu
from bot.domain.events import Planned
from bot.domain.incident import Kind
from bot.domain.plan import Skip, Tally
from bot.errors import AnswerLost
from bot.steps import opt_out
from tests.fakes import ANA, incident, settled
from tests.steps.conftest import Desk

CLIENTS, FIRST = "1234567", 10
PHONES = (
    "(61) 98888-0001",
    "(61) 98888-0002",
    "61 8888-0001",  # the first one's, as of old
    "(61) 97777-0003 / 3333-4444",
    "(61) 3333-4444",
    "99999999999",
    "+1 212 555 0100",
    "",
)


@dataclass(frozen=True)
class Alert:
    """An alert of a port, and its ONUs: whose, and how they are."""

    place: str
    kind: Kind
    onus: Sequence[tuple[str, str | None, Link]]


@dataclass(frozen=True)
class Situation:
    """Who has which phone, who was told before; what is on, and of it what is up again or cannot be read."""

    phones: dict[str, str]
    before: list[Alert]
    alerts: list[Alert]
    over: set[int]
    unreadable: set[int]
    without_answer: set[str]
    opted_out: bool
    dry_run: bool


ALERT = st.builds(
    Alert,
    st.sampled_from(["6/1", "6/2", "7/1"]),
    st.sampled_from([Kind.LOS, Kind.POWER]),
    st.lists(
        st.tuples(st.sampled_from("abcdefgh?"), st.sampled_from([None, *CLIENTS]), st.sampled_from(Link)),
        min_size=1,
        max_size=8,
    ),
)
NUMBERS = st.sets(st.integers(FIRST, FIRST + 3), max_size=2)
SITUATION = st.builds(
    Situation,
    st.dictionaries(st.sampled_from(CLIENTS), st.sampled_from(PHONES)),
    st.lists(ALERT, max_size=2),
    st.lists(ALERT, min_size=1, max_size=4),
    NUMBERS,
    NUMBERS,
    st.sets(st.sampled_from(CLIENTS), max_size=1),
    st.booleans(),
    st.booleans(),
)


async def arranged(situation: Situation) -> Desk:
    """A desk whose cards wait, their customers looked up."""
    desk = Desk()
    desk.use(look_ahead=8, undo_seconds=0, group_seconds=120, reopen_minutes=0, dry_run=situation.dry_run)
    await desk.flow.start("test")
    desk.source.contacts = {id_: Contact(id_, "", phone) for id_, phone in situation.phones.items()}
    fall(desk, situation.before, 1)
    await desk.poll()
    for number in sorted(desk.ledger.book.open):
        await desk.approve(number)
    await desk.repair(*range(1, 1 + len(situation.before)))
    fall(desk, situation.alerts, FIRST)
    desk.source.unreadable = set(map(str, situation.unreadable))
    desk.source.customer_errors = {id_: [AnswerLost("http_502")] * 99 for id_ in situation.without_answer}
    await desk.poll()
    await settled()
    if situation.opted_out:
        await desk.flow.decide(opt_out.opt_out(desk.ledger.person("5561988880001"), ANA, "pediu"))
    await desk.repair(*(n for n in situation.over if n < FIRST + len(situation.alerts)))
    await settled()
    return desk


def fall(desk: Desk, alerts: list[Alert], first: int) -> None:
    for number, alert in enumerate(alerts, start=first):
        desk.source.outage(incident(number, alert.kind, alert.place, affected=20), 0)
        desk.source.onus[str(number)] = [Onu(serial, client, "", link) for serial, client, link in alert.onus]


def plan(desk: Desk, number: int) -> Tally:
    """The counts of the case's last plan, as it was made."""
    [*_, line] = [line for line in desk.written(Planned) if isinstance(line, Planned) and line.case == number]
    skips = Counter(recipient.skip for recipient in line.recipients if recipient.skip is not None)
    return Tally(len(line.recipients), {}, skips, len(line.recipients) - skips.total())


@given(SITUATION)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_the_number_is_what_the_plan_comes_to(situation: Situation) -> None:
    desk = await arranged(situation)
    for number in sorted(desk.ledger.book.open):
        told = desk.flow.expected(number)
        if told is not None:
            await desk.approve(number)
            assert told == plan(desk, number)
    await desk.tasks.drain(0)


async def test_such_a_number() -> None:
    """One of those situations, by hand: what the card says of each."""
    onus = [(serial, client, Link.LOS) for serial, client in zip("abcdef", "123456", strict=True)]
    phones = dict(zip("12345", PHONES, strict=False))
    before = [Alert("6/1", Kind.LOS, onus[:1])]
    now = [
        Alert("6/2", Kind.LOS, onus),
        Alert("7/1", Kind.LOS, [("g", None, Link.LOS), ("h", "2", Link.ONLINE)]),
    ]
    desk = await arranged(Situation(phones, before, now, set(), set(), {"4"}, opted_out=False, dry_run=False))
    told = desk.flow.expected(2)
    assert told is not None
    assert told == Tally(
        7,
        {},
        {
            Skip.COOLDOWN: 1,
            Skip.SAME_PHONE: 1,
            Skip.LOOKUP_FAILED: 1,
            Skip.LANDLINE: 1,
            Skip.NO_RECORD: 2,
        },
        1,
    )
    await desk.approve(2)
    assert plan(desk, 2) == told
    await desk.tasks.drain(0)
