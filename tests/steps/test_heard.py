"""What another machine heard of a send that the one that led did not live to write."""

import pytest

from bot.domain.case import CaseState
from bot.domain.delivery import Place, opaque
from bot.domain.plan import BROKEN_OFF, Outcome, Receipt
from bot.steps.unknown import Choose
from tests.fakes import ANA, settled
from tests.steps.conftest import Desk
from tests.steps.test_restart import in_mid_send

SENT = Receipt(Outcome.ACCEPTED, "77")
REFUSED = Receipt(Outcome.REJECTED, reason="blocked")
NO_KEY = Receipt(Outcome.REJECTED, reason="key", halt="key")


async def broken_off(desk: Desk) -> list[str]:
    """Two were in flight when it ended, and the rest is sent; what messages say they are about."""
    await in_mid_send(desk)
    key, ids = desk.ledger.book.key, list(desk.dispatch().sends.intents)
    await desk.restart(list(desk.ledger.lines))
    desk.gateway.block = None
    await desk.poll()
    await desk.finish()
    assert [desk.dispatch().sends.results[id_] for id_ in ids] == [BROKEN_OFF] * 2
    return [opaque(key, Place(1, 1, id_)) for id_ in ids]


async def test_what_was_sent_there_is_no_doubt_any_more(desk: Desk) -> None:
    first, second = await broken_off(desk)
    sent = len(desk.gateway.received)
    await desk.flow.left(first, SENT)
    await desk.flow.left(second, Receipt(Outcome.HELD, "78", "window"))
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 9, Outcome.HELD: 1}
    assert [desk.dispatch().sends.results[id_].reference for id_ in ("c100", "c101")] == ["77", "78"]
    assert len(desk.gateway.received) == sent, "nothing of it is sent again"


async def test_before_the_rest_goes_on_it_is_known_as_well(desk: Desk) -> None:
    await in_mid_send(desk)
    await desk.restart(list(desk.ledger.lines))
    assert desk.case().state is CaseState.INTERRUPTED
    await desk.flow.left(opaque(desk.ledger.book.key, Place(1, 1, "c100")), SENT)
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 1, Outcome.UNKNOWN: 1}


async def test_one_customers_refusal_is_known(desk: Desk) -> None:
    first, _ = await broken_off(desk)
    await desk.flow.left(first, REFUSED)
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 8, Outcome.UNKNOWN: 1, Outcome.REJECTED: 1}


@pytest.mark.parametrize("receipt", [NO_KEY, NO_KEY._replace(halt="template")])
async def test_where_all_are_refused_there_who_led_may_have_sent_it_itself(
    desk: Desk, receipt: Receipt
) -> None:
    first, _ = await broken_off(desk)
    written = len(desk.results())
    await desk.flow.left(first, receipt)
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 8, Outcome.UNKNOWN: 2}
    assert len(desk.results()) == written


async def test_what_is_unknown_there_is_as_it_was(desk: Desk) -> None:
    first, _ = await broken_off(desk)
    written = len(desk.results())
    await desk.flow.left(first, Receipt(Outcome.UNKNOWN, reason="reset"))
    assert desk.dispatch().sends.results["c100"] == BROKEN_OFF
    assert len(desk.results()) == written


async def test_an_answer_that_was_odd_keeps_the_doubt_and_says_why(desk: Desk) -> None:
    first, _ = await broken_off(desk)
    odd = Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")
    await desk.flow.left(first, odd)
    assert desk.dispatch().sends.results["c100"] == odd
    assert len(desk.dispatch().in_doubt()) == 2


async def test_what_is_known_stays(desk: Desk) -> None:
    first, _ = await broken_off(desk)
    await desk.flow.left(first, SENT)
    written = len(desk.results())
    for receipt in (REFUSED, SENT, Receipt(Outcome.ACCEPTED, "79")):
        await desk.flow.left(first, receipt)
    assert desk.dispatch().sends.results["c100"] == SENT
    assert len(desk.results()) == written


async def test_one_that_a_person_had_sent_again_is_not_judged_by_the_first(desk: Desk) -> None:
    first, _ = await broken_off(desk)
    desk.gateway.always = Receipt(Outcome.UNKNOWN, reason="reset")
    await desk.flow.resend(Choose(1, "c100"), ANA)
    await desk.flow.left(first, REFUSED)  # while it is about to leave again
    await desk.finish()
    await desk.flow.left(first, REFUSED)
    assert desk.dispatch().sends.results["c100"] == Receipt(Outcome.UNKNOWN, reason="reset")


@pytest.mark.parametrize(
    "place",
    [Place(9, 1, "c100"), Place(1, 2, "c100"), Place(1, 0, "c100"), Place(1, 1, "c999"), Place(1, 1, "c109")],
)
async def test_of_another_send_it_says_nothing(desk: Desk, place: Place) -> None:
    await broken_off(desk)
    written = len(desk.results())
    await desk.flow.left(opaque(desk.ledger.book.key, place), REFUSED)
    assert len(desk.results()) == written


@pytest.mark.parametrize("about", ["", "1.1.c100", "another.1.1.c100", "{key}.x.1.c100"])
async def test_what_is_no_place_of_this_ledger_says_nothing(desk: Desk, about: str) -> None:
    await broken_off(desk)
    written = len(desk.results())
    await desk.flow.left(about.format(key=desk.ledger.book.key or ""), REFUSED)
    assert len(desk.results()) == written


async def test_a_case_without_a_plan_or_a_dispatch_says_nothing(desk: Desk) -> None:
    desk.fall("6/15")
    await desk.poll()
    about = opaque(desk.ledger.book.key, Place(1, 1, "c100"))
    await desk.flow.left(about, SENT)
    await desk.flow.approve(1, ANA)
    await desk.flow.left(about, SENT)
    assert desk.results() == []
    await settled()
