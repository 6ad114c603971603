"""Several sources are one NOC: one case for one outage, and none of them ends what another tells of."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest

from bot.domain.case import CaseState
from bot.domain.customer import Affected, Link, Onu
from bot.domain.events import IncidentChanged
from bot.domain.incident import Incident, Kind, Port, Pushes
from bot.domain.limits.growth import asked_about
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.plan import Outcome, Skip
from bot.domain.restored import waiting, waits
from bot.errors import (
    AnswerLost,
    BadAnswer,
    Declined,
    Incomplete,
    LoginRefused,
    NotFound,
    OutOfCalls,
    Refused,
)
from bot.flow.deps import Deps
from bot.sources.network import Network
from tests.deciding import DecidingFlow
from tests.fakes import ANA, FakeSource, incident, settled

from .conftest import Desk

EVENING = Hours(time(18), time(21), ZoneInfo("America/Sao_Paulo"))


class Two:
    """A desk with a second source: `first` has bare ids, `second` says `b:one:...` and knows no customers."""

    def __init__(self, desk: Desk, *, ahead: bool = False) -> None:
        self.desk, self.first = desk, desk.source
        self.second = FakeSource("b", ids="b:one:", every=300, ahead=ahead)
        self.network = Network([self.first, self.second])  # type: ignore[list-item]
        self.build()

    def build(self) -> None:
        desk = self.desk
        desk.build()
        old: Deps = desk.flow._deps
        deps = replace(old, source=self.network, sources=(self.first, self.second))
        desk.flow = DecidingFlow(deps, desk.rules)

    def tell(self, first: Incident, olt: str = "CB-01") -> Incident:
        """The second source tells of the same port, and of the same ONUs, as it writes them."""
        port = Port(f"b/one/9:{first.port.place}", olt, first.port.place)
        id_ = f"b:one:9:{first.port.place.replace('/', ':')}"
        mine = replace(first, id=id_, port=port, by_place=True)
        self.second.incidents[id_] = mine
        self.second.onus[id_] = [onu._replace(client_id=None) for onu in self.first.onus.get(first.id, ())]
        self.second.repaired.discard(id_)
        return mine

    async def poll(self, *names: str) -> None:
        for name in names:
            await self.desk.flow.poll(name)

    async def over(self, *sources: FakeSource) -> None:
        for source in sources:
            for id_ in list(source.incidents):
                source.repair(id_)
        for _ in range(self.desk.rules.close_polls):
            await self.poll("fake", "b")
            await self.desk.clock.advance(30)


@pytest.fixture
async def two(grouping: Desk) -> Two:
    grouping.use(settle_seconds=0, restored=True)
    return Two(grouping)


def ids(incidents: Iterable[Incident]) -> set[str]:
    return {one.id for one in incidents}


async def test_one_outage_that_two_tell_of_is_one_case_and_nobody_gets_two(two: Two) -> None:
    desk = two.desk
    mine = two.tell(desk.fall("6/15")[0])
    await two.poll("fake", "b")
    assert list(desk.ledger.book.cases) == [1]
    assert ids(desk.case().on) == {"1", mine.id}
    assert desk.case().affected == 3
    await desk.approve()
    assert (desk.nobody_twice(), desk.tally().skipped) == (3, {})


async def test_whoever_tells_first_and_however_late_the_other_is(two: Two) -> None:
    desk = two.desk
    [first] = desk.fall("6/15")
    mine = two.tell(first)
    two.second.onus[mine.id] = two.first.onus[first.id]
    await two.poll("b")
    await desk.approve()
    await desk.clock.advance(1200)
    await two.poll("fake")
    assert list(desk.ledger.book.cases) == [1]
    assert ids(desk.case().on) == {"1", mine.id}
    assert desk.case().state is CaseState.SENT
    assert {one.port.key for one in desk.case().on} == {mine.port.key}


async def test_two_accounts_of_one_system_whose_olts_share_a_name_are_two_outages(grouping: Desk) -> None:
    grouping.use(settle_seconds=0)
    two = Two(grouping)
    north, south = two.first, two.second
    north.ids, south.ids = "b:norte:", "b:sul:"
    two.build()

    def tell(source: FakeSource, account: str, number: int) -> None:
        port = Port(f"b/{account}/1:0/3", "OLT 01", "0/3")
        mine = replace(incident(f"b:{account}:1:0:3", started=grouping.clock.now()), port=port)
        source.outage(mine, 3, number)
        north.contacts |= south.contacts

    tell(north, "norte", 1)
    await two.poll("fake", "b")
    await grouping.approve()
    await grouping.clock.advance(3 * 3600)
    tell(south, "sul", 4)
    await two.poll("fake", "b")
    assert list(grouping.ledger.book.cases) == [1, 2]
    assert grouping.case(2).state is CaseState.WAITING
    await grouping.approve(2)
    assert grouping.nobody_twice() == 6


@pytest.mark.parametrize(("customers", "later"), [(60, 0), (10, 3 * 3600)])
async def test_what_a_decision_was_not_about_follows_on_a_card_and_spares_who_was_told(
    two: Two, customers: int, later: float
) -> None:
    desk = two.desk
    desk.use(settle_seconds=0, cooldown_hours=1)
    two.build()
    [first] = desk.fall("6/15", customers=10)
    await two.poll("fake")
    await desk.approve()
    await desk.clock.advance(later)
    mine = two.tell(replace(first, affected=customers, started=desk.clock.now()))
    two.second.onus[mine.id] = (
        two.first.onus[first.id] + desk.source.onus[desk.fall("9/9", customers=customers - 10)[0].id]
    )
    two.first.repair(2)
    await two.poll("b")
    assert list(desk.ledger.book.cases) == [1, 2]
    assert (desk.case(2).follows, ids(desk.case(2).on)) == (1, {mine.id})
    await desk.clock.advance(3600)
    await two.poll("fake", "b")
    await desk.approve(2)
    assert desk.nobody_twice() == customers
    assert desk.tally(2).skipped == {Skip.TOLD: 10}


async def test_it_is_over_when_both_say_so(two: Two) -> None:
    desk = two.desk
    two.tell(desk.fall("6/15")[0])
    await two.poll("fake", "b")
    await two.over(two.first)
    assert desk.case().ended_at is None
    await two.over(two.second)
    assert desk.case().ended_at is not None


async def test_one_that_is_away_is_named_and_ends_nothing_of_the_others(two: Two) -> None:
    desk = two.desk
    desk.fall("6/15")
    two.tell(incident(9, place="1/1"), "Outra")
    await two.poll("fake", "b")
    two.second.incidents.clear()
    two.second.poll_errors = [AnswerLost("http_502")] * 5
    for _ in range(5):
        await two.poll("fake", "b")
        await desk.clock.advance(30)
    assert [desk.case(n).ended_at for n in (1, 2)] == [None, None]
    assert [(n.code, n.facts["source"]) for n in desk.chat.said] == [("source_down", "b")]
    first, second = desk.flow.sources_health
    assert (first.failures, second.failures, second.error) == (0, 5, "http_502")
    assert desk.flow.health.of("b") == second
    await two.poll("b")
    assert [(n.code, n.facts["source"]) for n in desk.chat.said][1:] == [("source_up", "b")]


@pytest.mark.parametrize("both", [False, True])
async def test_a_scheduled_send_waits_for_a_poll_of_the_source_that_tells_of_it(two: Two, both: bool) -> None:
    desk = two.desk
    desk.use(settle_seconds=0, customer_hours=EVENING)
    two.build()
    mine = desk.fall("6/15")[0]
    two.tell(mine if both else incident(9, place="1/1"), "CB-01" if both else "Outra")
    await two.poll("fake", "b")
    await desk.flow.approve(1, ANA, Terms(hours="later"))
    await desk.clock.advance((desk.dispatch().due - desk.clock.now()).total_seconds())  # type: ignore[operator]
    two.first.poll_errors, two.first.read_errors = [AnswerLost("http_502")], [AnswerLost("http_502")]
    await two.poll("fake", "b")
    await settled()
    assert desk.case().state is CaseState.SCHEDULED
    two.first.read_errors = []
    await two.poll("fake")
    await desk.finish()
    assert desk.case().state is CaseState.SENT
    assert desk.nobody_twice() == 3


async def test_the_second_message_waits_for_a_poll_of_the_source_that_told_of_it(two: Two) -> None:
    desk = two.desk
    desk.use(settle_seconds=0, restored=True, restored_auto=False)
    two.build()
    desk.fall("6/15")
    await two.poll("fake", "b")
    await desk.approve()
    await two.over(two.first)
    desk.use(restored_auto=True)
    two.build()
    two.first.poll_errors = [AnswerLost("http_502")]
    await two.poll("fake", "b")
    assert desk.ledger.book.restored_by(1) is None
    await two.poll("fake")
    assert desk.ledger.book.restored_by(1) is not None


async def restored(two: Two, *back: FakeSource) -> None:
    """It is over, those sources say that the ONUs are online, and somebody has their customers told."""
    for source in back:
        source.back |= {onu.serial for onus in source.onus.values() for onu in onus}
    await two.over(two.first, two.second)
    await two.desk.flow.restore(1, ANA, Terms(hours="now"))
    await two.desk.clock.advance(5)
    await two.desk.finish()


@pytest.mark.bug("of a port that two sources tell of the second was not asked who is back")
@pytest.mark.parametrize(
    ("back", "told", "skipped"),
    [("both", 3, {}), ("first", 0, {Skip.STILL_DOWN: 3}), ("second", 0, {Skip.STILL_DOWN: 3})],
)
async def test_service_is_back_for_whom_both_say_so(
    two: Two, back: str, told: int, skipped: dict[Skip, int]
) -> None:
    desk = two.desk
    two.tell(desk.fall("6/15")[0])
    await two.poll("fake", "b")
    await desk.approve()
    await restored(
        two, *(s for s, name in ((two.first, "first"), (two.second, "second")) if back in {name, "both"})
    )
    assert (desk.tally(-1).outcomes.get(Outcome.ACCEPTED, 0), desk.tally(-1).skipped) == (told, skipped)


async def test_nobody_is_told_that_service_is_back_while_one_of_the_two_cannot_be_read(two: Two) -> None:
    desk = two.desk
    mine = two.tell(desk.fall("6/15")[0])
    await two.poll("fake", "b")
    await desk.approve()
    two.second.unreadable.add(mine.port.key)
    await restored(two, two.first, two.second)
    assert desk.tally(-1).skipped == {Skip.LOOKUP_FAILED: 3}


async def test_who_only_one_of_the_two_knows_is_back_where_that_one_says_so(two: Two) -> None:
    desk = two.desk
    mine = two.tell(desk.fall("6/15")[0])
    two.second.onus[mine.id].pop()
    await two.poll("fake", "b")
    await desk.approve()
    await restored(two, two.first, two.second)
    assert desk.tally(-1).outcomes == {Outcome.ACCEPTED: 3}


async def test_a_source_that_named_the_port_and_told_nothing_of_this_outage_is_not_asked(two: Two) -> None:
    desk = two.desk
    desk.fall("6/15")
    await two.poll("fake")
    two.first.repair(1)
    for _ in range(desk.rules.close_polls + 1):
        await two.poll("fake")
    await desk.clock.advance(2 * 3600)
    mine = two.tell(replace(desk.fall("6/15")[0], started=desk.clock.now()))
    two.second.onus[mine.id] = two.first.onus["2"]
    two.first.repair(2)
    await two.poll("b")
    await desk.approve(2)
    two.first.unreadable.add(desk.case(2).incident.port.key)
    two.second.back |= {onu.serial for onu in two.second.onus[mine.id]}
    await two.over(two.second)
    await desk.flow.restore(2, ANA, Terms(hours="now"))
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.tally(-2).outcomes == {Outcome.ACCEPTED: 3}


async def test_an_olt_that_a_source_does_not_reach_ends_nothing_and_is_told_once(two: Two) -> None:
    desk = two.desk
    two.tell(incident(9, place="1/1"), "Outra")
    await two.poll("b")
    two.second.repair("b:one:9:1:1")
    two.second.unseen, two.second.away = ("b:one:9:",), ("Outra",)
    for _ in range(4):
        await two.poll("b")
    assert desk.case().ended_at is None
    assert [(n.code, n.facts["olts"]) for n in desk.chat.said] == [("olts_away", "Outra")]
    two.second.unseen = two.second.away = ()
    await two.over()
    assert desk.case().ended_at is not None


async def test_what_waits_for_its_siblings_stays_while_its_olt_is_not_reached(two: Two) -> None:
    desk = two.desk
    desk.use(settle_seconds=60)
    two.build()
    mine = two.tell(incident(9, place="1/1"), "Outra")
    await two.poll("b")
    two.second.repair(mine.id)
    two.second.unseen = ("b:one:9:",)
    await two.poll("b")
    await desk.clock.advance(60)
    await desk.flow.gather("b")
    assert ids(desk.case().on) == {mine.id}


async def test_a_slow_source_gets_its_cards_without_being_asked_again(two: Two) -> None:
    desk = two.desk
    desk.use(settle_seconds=10)
    two.build()
    two.tell(incident(9, place="1/1"), "Outra")
    assert await desk.flow.poll("b") == 10
    assert not desk.ledger.book.cases
    await desk.clock.advance(10)
    two.second.poll_errors = [AssertionError()]  # it is not to be asked
    await desk.flow.gather("b")
    assert list(desk.ledger.book.cases) == [1]


async def test_a_place_that_falls_again_later_is_another_outage(two: Two) -> None:
    desk = two.desk
    mine = two.tell(incident(9, place="1/1"), "Outra")
    await two.poll("b")
    await two.over(two.second)
    await desk.clock.advance(2 * 3600)
    two.second.incidents[mine.id] = replace(mine, started=desk.clock.now(), start_known=False)
    await two.poll("b")
    assert list(desk.ledger.book.cases) == [1, 2]
    assert (desk.case(1).ended_at is None, desk.case(2).ended_at) == (False, None)


async def test_a_start_that_moves_on_is_that_of_the_last_change(two: Two) -> None:
    desk = two.desk
    mine = two.tell(incident(9, place="1/1"), "Outra")
    await two.poll("b")
    later = replace(mine, started=desk.clock.now())
    two.second.incidents[mine.id] = later
    lines = len(desk.ledger.lines)
    await two.poll("b")
    assert desk.case().started == mine.started
    assert len(desk.ledger.lines) == lines


async def test_a_sparing_source_is_asked_nothing_before_the_approval(grouping: Desk) -> None:
    grouping.use(settle_seconds=0, look_ahead=4)
    two = Two(grouping)
    two.tell(incident(9, place="1/1", affected=None), "Outra")
    grouping.fall("6/15")
    await two.poll("fake", "b")
    await settled()
    assert (two.first.read, two.second.read) == (["1"], [])
    assert grouping.flow.expected(1) is not None
    assert grouping.flow.expected(2) is None


async def test_what_two_tell_of_one_port_is_counted_once_ahead(grouping: Desk) -> None:
    grouping.use(settle_seconds=0, look_ahead=4)
    two = Two(grouping, ahead=True)
    two.tell(grouping.fall("6/15", customers=40)[0])
    for name in ("fake", "b", "fake"):
        await two.poll(name)
        await settled()
    tally = grouping.flow.expected(1)
    assert tally is not None
    assert tally.todo == 40
    assert grouping.written(IncidentChanged) == [], "the list was right: a count is no news"


async def test_two_that_do_not_agree_what_it_is_tell_of_the_same_onus(two: Two) -> None:
    desk = two.desk
    two.tell(replace(desk.fall("6/15", customers=20)[0], kind=Kind.POWER))
    await two.poll("fake", "b")
    assert desk.case().affected == 20
    assert asked_about(desk.case(), desk.case().ports) == 20


async def test_one_of_the_two_that_cannot_be_read_opens_no_second_card(two: Two) -> None:
    desk = two.desk
    mine = two.tell(desk.fall("6/15")[0])
    await two.poll("fake", "b")
    two.second.unreadable.add(mine.id)
    await desk.approve()
    assert list(desk.ledger.book.cases) == [1]
    assert desk.nobody_twice() == 3


@pytest.mark.parametrize(
    ("error", "code"), [(OutOfCalls("x", 3600), "out_of_calls"), (Incomplete("x"), "incomplete")]
)
async def test_what_cannot_be_read_now_leaves_the_case_to_be_approved(
    two: Two, error: Exception, code: str
) -> None:
    desk = two.desk
    two.tell(desk.fall("1/1")[0], "Outra")
    desk.source.incidents.clear()
    await two.poll("b")
    two.second.read_errors = [error]
    await desk.approve()
    assert (desk.dispatch().end_reason, desk.case().undecided) == (code, True)
    await desk.approve()
    assert desk.tally().planned == 3


def only(desk: Desk, source: FakeSource) -> None:
    """A start with a single source in `SOURCE`."""
    deps = replace(desk.flow._deps, source=Network([source]), sources=(source,))  # type: ignore[list-item]
    desk.flow = DecidingFlow(deps, desk.rules)


async def test_the_outages_of_a_source_that_was_taken_away_end_in_the_end_and_nobody_calls_that_back(
    two: Two,
) -> None:
    desk = two.desk
    mine = two.tell(desk.fall("1/1")[0], "Outra")
    two.second.onus[mine.id] = two.first.onus["1"]
    desk.source.incidents.clear()
    await two.poll("b")
    await desk.approve()
    assert desk.nobody_twice() == 3
    only(desk, two.first)
    await desk.pass_by(1800, every=300)
    assert desk.case().ended_at is None
    assert [(n.code, n.facts) for n in desk.chat.said] == [("unwatched", {"n": 1, "cases": (1,)})]
    await desk.pass_by(2400, every=300)
    assert (desk.case().ended_at is None, desk.case().ended_why) == (False, "unwatched")
    assert desk.chat.codes == ["unwatched"], "it does not ring as one that is over"
    with pytest.raises(Declined, match="unwatched"):
        await desk.flow.restore(1, ANA, Terms(hours="now"))
    assert waiting(desk.ledger.book, desk.clock.now(), desk.rules) == {}
    assert not waits(desk.case(), desk.ledger.book, desk.clock.now(), desk.rules)


@pytest.mark.bug("where all that is left is told, what a source told that was taken away stayed on for ever")
async def test_they_end_also_where_the_one_that_is_left_is_told_what_is_down(two: Two) -> None:
    desk = two.desk
    desk.fall("1/1")
    await two.poll("fake")
    two.second.pushed = Pushes()
    only(desk, two.second)
    await desk.pass_by(1800, every=300)
    assert desk.case().ended_at is None
    await desk.pass_by(2400, every=300)
    assert (desk.case().ended_at is None, desk.case().ended_why) == (False, "unwatched")


@pytest.mark.bug("a port that fell again was over by the end before it, once its source was read no more")
@pytest.mark.parametrize("before", ["its own", "another one's"])
async def test_an_end_that_was_before_it_fell_again_is_none_of_it(two: Two, before: str) -> None:
    desk = two.desk
    desk.use(close_polls=1)
    two.build()
    port = two.tell(desk.fall("1/1")[0])
    if before == "its own":
        desk.source.incidents.clear()
    else:
        two.second.incidents.clear()
    await two.poll("fake", "b")
    await desk.approve()
    (two.second if before == "its own" else two.first).repair(port.id if before == "its own" else "1")
    await two.poll("fake", "b")
    assert desk.case().ended_why == "gone"
    await desk.clock.advance(120)
    again = replace(port, id=f"{port.id}~2", started=desk.clock.now())
    two.second.incidents = {again.id: again}
    two.second.onus[again.id] = two.first.onus["1"]
    await two.poll("fake", "b")
    assert desk.case().ended_at is None, "it continues the case"
    two.first.incidents.clear()
    only(desk, two.first)
    await desk.pass_by(4500, every=300)
    assert (desk.case().ended_at is None, desk.case().ended_why) == (False, "unwatched")


@pytest.mark.parametrize("left", ["first", "second"])
async def test_what_another_source_sees_end_is_over_as_ever(two: Two, left: str) -> None:
    desk = two.desk
    mine = two.tell(desk.fall("1/1")[0])
    await two.poll("fake", "b")
    await desk.approve()
    source: FakeSource = getattr(two, left)
    only(desk, source)
    source.repair("1" if left == "first" else mine.id)
    await desk.pass_by(4500, every=300)
    assert (desk.case().ended_at is None, desk.case().ended_why) == (False, "gone")
    assert desk.chat.codes.count("unwatched") == 0, "somebody tells of it"
    source.back |= {onu.serial for onu in two.first.onus["1"]}
    await desk.flow.restore(1, ANA, Terms(hours="now"))
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.tally(-1).outcomes == {Outcome.ACCEPTED: 3}, "who is not read any more is not asked"


async def test_whoever_an_incident_or_a_port_is_of_answers_for_it() -> None:
    first, second = FakeSource(), FakeSource("b", ids="b:one:")
    first.outage(incident(1), 2)
    second.onus["b:one:1"] = [Onu("ZTEG1", None, "", Link.LOS)]
    first.ports, second.ports = {"CB 01": frozenset({"1/1"})}, {"CB 01": frozenset({"1/2"}), "X": frozenset()}
    both = Network([first, second])  # type: ignore[list-item]
    assert both.name == "fake,b"
    assert await both.affected("b:one:1") == Affected(tuple(second.onus["b:one:1"]))
    assert len((await both.affected("1")).onus) == 2
    with pytest.raises(NotFound):
        await both.affected("b:one:2")
    with pytest.raises(Refused, match="no_source"):
        await both.affected("c:one:1")
    assert await both.links(Port("b/one/9:1/1", "X", "1/1")) == {}
    assert await both.inventory() == {"CB 01": frozenset({"1/1", "1/2"}), "X": frozenset()}
    contact = await both.customer("100")
    assert contact is not None
    assert contact.client_id == "100"


async def test_an_inventory_is_there_while_one_of_them_can_be_asked() -> None:
    class Away(FakeSource):
        async def inventory(self) -> dict[str, frozenset[str]]:
            raise BadAnswer("html")

    here, away = FakeSource(ports={"CB 01": frozenset({"1/1"})}), Away("b", ids="b:one:")
    assert await Network([here, away]).inventory() == here.ports  # type: ignore[list-item]
    with pytest.raises(BadAnswer):
        await Network([away]).inventory()  # type: ignore[list-item]


async def test_a_refused_login_names_its_source(two: Two) -> None:
    two.second.poll_errors = [LoginRefused("http_403")]
    await two.poll("fake", "b")
    assert [(n.code, n.facts["source"]) for n in two.desk.chat.said] == [("login_refused", "b")]
    assert ANA.id not in two.desk.staff.asked
