"""What one customer was told, by case: the last word of each, whatever was tried before."""

from bot.domain import events as ev
from bot.domain.lookup.told import Told, planned, told
from bot.domain.plan import Outcome, Recipient, Skip
from tests.chat.screens import APPROVED, story
from tests.fakes import ANA

PLAN = ev.Planned(
    1,
    3,
    (
        Recipient("c1", "Maria", ("Z1",), "5561999990001"),
        Recipient("c2", "João", ("Z2",), "5561999990001", Skip.SAME_PHONE),
        Recipient("r2", "ONU", ("Z3",), None, Skip.NO_RECORD),
    ),
)


def of(customer: str, *lines: ev.Line) -> Told:
    return told(story(*lines), 1, customer)


def test_nobody_was_told_before_there_is_a_plan() -> None:
    assert of("c1", APPROVED).message is None
    assert of("c9", APPROVED, PLAN).message is None
    assert of("c1", APPROVED, PLAN, ev.Cancelled(1, ANA)).message is None


def test_what_left_and_what_is_known_of_it() -> None:
    message = of("c1", APPROVED, PLAN).message
    assert message is not None
    assert (message.left_at, message.known_at, message.warned, message.caller) == (None, None, False, None)
    left: list[ev.Line] = [ev.Intent(1, "c1"), ev.Result(1, "c1", Outcome.ACCEPTED)]
    lines: list[ev.Line] = [APPROVED, PLAN, *left, ev.Received(1, ("c1",))]
    message = of("c1", *lines).message
    assert message is not None
    assert message.left_at is not None
    assert message.known_at is not None
    assert message.known_at > message.left_at
    assert message.warned
    lost = of("c1", *lines[:-1], ev.Undelivered(1, ("c1",))).message
    assert lost is not None
    assert not lost.warned


def test_who_calls_in_doubt() -> None:
    sent: list[ev.Line] = [ev.Intent(1, "c1"), ev.Result(1, "c1", Outcome.UNKNOWN), ev.Settled(1, "done")]
    message = of("c1", APPROVED, PLAN, *sent, ev.Resolved(1, ("c1",), "call", ANA)).message
    assert message is not None
    assert message.caller == "Ana"


def test_who_shares_a_phone_was_told_by_it() -> None:
    message = of("c2", APPROVED, PLAN).message
    assert message is not None
    assert message.instead is not None
    assert message.instead.name == "Maria"
    first = of("c1", APPROVED, PLAN).message
    assert first is not None
    assert first.instead is None


def test_an_onu_without_a_customer_is_known_by_its_serial() -> None:
    message = of("Z3", APPROVED, PLAN).message
    assert message is not None
    assert message.recipient.id == "r2"


def test_that_service_is_back() -> None:
    over: list[ev.Line] = [APPROVED, PLAN, ev.Settled(1, "done"), ev.IncidentEnded(1), ev.Restoring(-1, 1)]
    assert of("c1", *over).back is None
    back = of("c1", *over, ev.Approved(-1, ANA, ()), ev.Planned(-1, 1, PLAN.recipients[:1])).back
    assert back is not None
    assert back.dispatch.by == ANA


def test_who_is_in_plans_newest_case_first() -> None:
    book = story(APPROVED, PLAN, ev.Settled(1, "done"), ev.IncidentEnded(1), ev.Restoring(-1, 1))
    assert [(case, [one.id for one in plan]) for case, plan in planned(book)] == [(1, ["c1", "c2", "r2"])]
    assert not list(planned(story(APPROVED)))
