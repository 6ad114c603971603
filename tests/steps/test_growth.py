"""A plan larger than what the card asked about: nothing is sent, the card asks, and the answer holds."""

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.card import card
from bot.chat.screens.screen import Screen
from bot.chat.screens.table import decode
from bot.domain.case import Case, CaseState, Member
from bot.domain.customer import Link
from bot.domain.events import Approved, Settled
from bot.domain.incident import Kind
from bot.domain.limits.growth import asked_about, outgrew
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.plan import Size
from bot.errors import Asked
from tests.chat.screens import EN, PT, assert_arrives, labels
from tests.deciding import Approval
from tests.fakes import ANA, BRUNO, NOON, incident, settled
from tests.steps.conftest import Desk

HOURS = Hours(time(8), time(21), ZoneInfo("America/Sao_Paulo"))
EVENING = NOON + timedelta(hours=10)
ASKS = "A lista dizia 12 ONUs; o alerta tem 300 clientes. Enviar para 300?"
YES = Terms(agreed=300)


async def listed(desk: Desk, affected: int | None = 12, customers: int = 300, **changes: object) -> None:
    what = replace(incident(affected=affected), **changes)  # type: ignore[arg-type]
    desk.source.outage(what, customers)
    desk.source.unreadable.add(what.id)  # what it could not be read for, the card cannot say
    await desk.poll()
    desk.source.unreadable.clear()


def shown(desk: Desk) -> Screen:
    return card(desk.case(), desk.ledger.book, desk.clock.now(), PT, rules=desk.rules)


def text(desk: Desk) -> str:
    return assert_arrives(shown(desk))


def terms_of(desk: Desk) -> Terms:
    """What the first button of the card would say for the person."""
    press = decode(shown(desk).rows[0][0].data)
    assert press is not None
    assert press.action is Action.APPROVE
    return Terms(agreed=int(press.arg.removeprefix("g")) if press.arg else None)


@pytest.mark.parametrize(
    ("now", "asked", "grew"),
    [
        (22, 12, False),
        (23, 12, True),
        (150, 100, False),
        (151, 100, True),
        (10, 0, False),
        (11, 0, True),
        (3, 300, False),
    ],
)
def test_more_than_half_as_many_again_and_more_than_ten_over(now: int, asked: int, *, grew: bool) -> None:
    assert outgrew(now, asked) is grew


@pytest.mark.bug("one tap sent to 300 where the card said 12")
async def test_12_on_the_list_and_300_in_the_alert_send_nothing_and_the_card_asks(desk: Desk) -> None:
    await listed(desk)
    await desk.approve()
    assert desk.gateway.received == []
    assert desk.ledger.book.reservations == {}
    assert desk.case().state is CaseState.NOBODY
    assert ASKS in text(desk)
    assert labels(shown(desk))[0] == "Enviar para 300/danger Negar/danger"
    assert desk.chat.said == []  # who tapped is at the card
    english = card(desk.case(), desk.ledger.book, desk.clock.now(), EN, rules=desk.rules)
    assert "The list said 12 ONUs; the alert has 300 customers. Send to 300?" in assert_arrives(english)


async def test_the_yes_carries_it_out_and_is_audited_as_such(desk: Desk) -> None:
    await listed(desk)
    await desk.approve()
    assert await desk.flow.approve(1, BRUNO, terms_of(desk)) == Approval()
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.nobody_twice() == 300
    first, given_up, second, done = desk.audited()
    assert isinstance(first, Approved)
    assert isinstance(second, Approved)
    assert (first.asked, first.agreed) == (12, None)
    assert given_up == Settled(1, "unread", "grown", size=Size(300, 300, 12))
    assert (second.by, second.asked, second.agreed) == (BRUNO, 12, 300)
    assert done == Settled(1, "done")
    seen = text(desk)
    assert "Aprovado para 300 clientes (a lista dizia 12 ONUs)" in seen
    assert "1ª tentativa: não começou (o alerta tinha mais clientes do que o cartão dizia)" in seen
    assert "300 ONUs" in seen
    assert "300 de" not in seen


@pytest.mark.parametrize("terms", [Terms(), Terms(agreed=12), Terms(agreed=301)])
async def test_only_the_answer_to_that_very_question_is_one(desk: Desk, terms: Terms) -> None:
    await listed(desk)
    await desk.approve()
    with pytest.raises(Asked) as asked:
        await desk.flow.approve(1, ANA, terms)
    assert (asked.value.code, asked.value.facts) == ("grown", {"n": 300})
    await desk.clock.advance(60)
    assert desk.gateway.received == []


@pytest.mark.parametrize(("shown", "asked"), [(12, 12), (400, 300), (None, 300)])
async def test_a_card_that_lagged_behind_asked_about_what_it_showed(
    desk: Desk, shown: int | None, asked: int
) -> None:
    await listed(desk, affected=300)
    await desk.flow.approve(1, ANA, Terms(shown=shown))
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.case().dispatches[0].asked == asked
    assert (desk.case().grown is None) == (asked == 300)
    assert len(desk.gateway.received) == (300 if asked == 300 else 0)


async def test_what_has_grown_again_is_asked_again(desk: Desk) -> None:
    await listed(desk)
    await desk.approve()
    await desk.flow.approve(1, ANA, YES)
    desk.source.outage(incident(affected=12), 460)
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.gateway.received == []
    assert "O aprovado foi 300 clientes; o alerta tem 460 clientes. Enviar para 460?" in text(desk)
    await desk.flow.approve(1, ANA, terms_of(desk))
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.nobody_twice() == 460


async def test_a_little_more_than_was_agreed_to_is_no_other_decision(desk: Desk) -> None:
    await listed(desk)
    await desk.approve()
    desk.source.outage(incident(affected=12), 450)
    await desk.flow.approve(1, ANA, YES)
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.nobody_twice() == 450


async def test_an_agreement_that_nobody_was_asked_for_is_not_kept(desk: Desk) -> None:
    await listed(desk)
    await desk.flow.approve(1, ANA, YES)
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.gateway.received == []
    assert ASKS in text(desk)


class TestWhatWasAskedAbout:
    async def test_who_gets_no_message_does_not_count(self, desk: Desk) -> None:
        await listed(desk)
        onus = desk.source.onus["1"]
        desk.source.onus["1"] = onus[:12] + [onu._replace(link=Link.ONLINE) for onu in onus[12:]]
        await desk.approve()
        assert desk.nobody_twice() == 12

    async def test_onus_are_compared_with_onus(self, desk: Desk) -> None:
        await listed(desk, customers=30)
        first = desk.source.onus["1"][:6]
        desk.source.onus["1"] = [
            onu._replace(client_id=first[n % 6].client_id) for n, onu in enumerate(desk.source.onus["1"])
        ]
        await desk.approve()
        assert desk.gateway.received == []
        assert "o alerta tem 30 ONUs de 6 clientes. Enviar para 6?" in text(desk)

    async def test_without_a_count_the_total_is_the_estimate(self, desk: Desk) -> None:
        await listed(desk, affected=None, customers=61)
        await desk.approve()
        assert desk.nobody_twice() == 61

    async def test_what_was_counted_for_the_card_is_what_was_asked_about(self, desk: Desk) -> None:
        desk.source.outage(replace(incident(affected=None), total=12), 300)
        await desk.poll()
        assert "<b>300 ONUs</b>" in shown(desk).html
        await desk.approve()
        assert desk.nobody_twice() == 300

    async def test_details_say_what_an_approval_is_about(self, desk: Desk) -> None:
        await listed(desk)
        await desk.flow.details(1)
        assert "<b>300 ONUs</b>" in shown(desk).html
        await desk.approve()
        assert desk.nobody_twice() == 300

    async def test_more_than_that_is_asked_about(self, desk: Desk) -> None:
        await listed(desk, affected=None, total=12)
        await desk.approve()
        assert desk.gateway.received == []
        assert ASKS in text(desk)

    @pytest.mark.parametrize(("customers", "told"), [(10, 10), (11, 0)])
    async def test_with_neither_more_than_ten_are_asked_about(
        self, desk: Desk, customers: int, told: int
    ) -> None:
        await listed(desk, affected=None, customers=customers, total=None)
        await desk.approve()
        assert desk.nobody_twice() == told
        asks = f"A lista não dizia quantas ONUs; o alerta tem {customers} clientes." in text(desk)
        assert asks is not bool(told)

    async def test_an_approval_of_an_older_ledger_is_measured_by_the_list_of_now(self, desk: Desk) -> None:
        await listed(desk)
        await desk.flow.approve(1, ANA)
        lines = [
            (at, replace(line, asked=None) if isinstance(line, Approved) else line)
            for at, line in desk.ledger.lines
        ]
        await desk.restart(lines, alive=False)
        await desk.poll()
        await desk.finish()
        assert desk.gateway.received == []
        assert ASKS in text(desk)

    async def test_only_the_ports_that_are_sent_to_count(self, grouping: Desk) -> None:
        desk = grouping
        desk.fall("6/1", "6/2", customers=40)
        await desk.poll()
        await desk.pass_by(10)
        case = desk.case()
        assert asked_about(case, case.ports) == 80
        assert asked_about(case, case.ports[:1]) == 40

    def test_two_kinds_on_one_port_are_no_more_than_it_has(self) -> None:
        both = [incident(1, Kind.LOS, affected=40), incident(2, Kind.POWER, affected=30)]
        case = Case(1, both[0], NOON, members={i.id: Member(i) for i in both})
        assert asked_about(case, case.ports) == 61
        same = [both[0], replace(both[0], id="3", affected=50, total=None)]
        again = Case(1, both[0], NOON, members={i.id: Member(i) for i in same})
        assert asked_about(again, again.ports) == 50

    async def test_a_plan_that_came_to_nothing_was_counted(self, desk: Desk) -> None:
        await listed(desk)
        await desk.approve()
        desk.source.onus["1"] = [onu._replace(link=Link.ONLINE) for onu in desk.source.onus["1"]]
        await desk.flow.approve(1, ANA, YES)
        await desk.clock.advance(5)
        await desk.finish()
        assert desk.gateway.received == []
        desk.source.onus["1"] = [onu._replace(link=Link.LOS) for onu in desk.source.onus["1"]]
        assert "300 ONUs" in text(desk)
        await desk.approve()
        assert desk.nobody_twice() == 300


class TestNobodyAtTheCard:
    async def test_a_scheduled_send_that_asks_rings(self, desk: Desk) -> None:
        desk.use(customer_hours=HOURS)
        desk.clock.time = EVENING
        await listed(desk, customers=12)
        await desk.flow.approve(1, ANA, Terms(hours="later"))
        assert desk.dispatch().asked == 12
        desk.source.outage(incident(affected=300), 300)
        await desk.pass_by(11 * 3600, every=600)
        await desk.finish()
        assert desk.gateway.received == []
        (notice,) = [notice for notice in desk.chat.said if notice.code != "reminder"]
        assert (notice.code, notice.facts["case"]) == ("grown", 1)
        assert ASKS in text(desk)
        await desk.flow.approve(1, ANA, terms_of(desk))
        await desk.clock.advance(5)
        await desk.finish()
        assert desk.nobody_twice() == 300

    async def test_so_does_one_that_went_on_by_itself_after_a_restart(self, desk: Desk) -> None:
        await listed(desk)
        await desk.flow.approve(1, ANA)
        await desk.restart()
        await desk.poll()
        await desk.finish()
        assert [notice.code for notice in desk.chat.said] == ["grown"]


class TestTwoPeople:
    async def test_the_question_takes_two_where_its_plan_does(self, desk: Desk) -> None:
        desk.use(two_person_above=100)
        await listed(desk)
        await desk.approve()
        assert await desk.flow.approve(1, ANA, YES) == Approval(first=True)
        assert labels(shown(desk))[0].startswith("Enviar para 300 (2ª pessoa)")
        assert "Ana aprovou 12:00 para 300 clientes" in text(desk).replace("às ", "")
        with pytest.raises(Asked):
            await desk.flow.approve(1, BRUNO)
        assert await desk.flow.approve(1, BRUNO, terms_of(desk)) == Approval()
        await desk.clock.advance(5)
        await desk.finish()
        assert desk.nobody_twice() == 300

    async def test_what_grew_between_the_two_is_asked_about(self, desk: Desk) -> None:
        desk.use(two_person_above=10)
        await listed(desk)
        await desk.flow.approve(1, ANA)
        desk.source.incidents["1"] = replace(desk.source.incidents["1"], affected=300)
        await desk.poll()
        await desk.flow.approve(1, BRUNO)
        await desk.clock.advance(5)
        await desk.finish()
        assert desk.dispatch().asked == 12
        assert desk.gateway.received == []


async def test_the_hours_are_asked_after_it_and_keep_the_answer(desk: Desk) -> None:
    desk.use(customer_hours=HOURS)
    await listed(desk)
    await desk.approve()
    desk.clock.time = EVENING
    with pytest.raises(Asked) as asked:
        await desk.flow.approve(1, ANA, YES)
    assert asked.value.code == "hours"
    screen = card(desk.case(), desk.ledger.book, desk.clock.now(), PT, rules=desk.rules, asking="hours")
    assert [button.data for button in screen.rows[0]] == ["ok:1.1:g300l", "ok:1.1:g300n"]
    await desk.flow.approve(1, ANA, Terms(hours="now", agreed=300))
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.nobody_twice() == 300


async def test_a_no_to_the_question_ends_it(desk: Desk) -> None:
    await listed(desk)
    await desk.approve()
    await desk.flow.deny(1, ANA, "other")
    assert "Enviar para" not in text(desk)
    await settled()
    assert desk.gateway.received == []
