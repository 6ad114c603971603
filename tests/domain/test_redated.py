"""What was dated in the future counts from the moment when a person set the clock right."""

from datetime import timedelta

from bot.domain import events as ev
from bot.domain.book import Announcement, Book
from bot.domain.dispatch import Phase
from bot.domain.events import Forecast, Proposed
from bot.domain.plan import Outcome, Recipient, Skip
from tests.fakes import ANA, BRUNO, NOON, incident, port

AHEAD = NOON + timedelta(days=400)
PLAN = (Recipient("c1", "Ana", ("Z1",), "5561999990001"), Recipient("c2", "Bia", ("Z2",), "5561999990002"))


def book(*lines: ev.Line, then: tuple[ev.Line, ...] = ()) -> Book:
    """The lines on a clock that is ahead, then a start and the confirmation that the clock is right now."""
    made = Book()
    for line in (*lines, ev.Started("1", "future"), *then, ev.Confirmed(BRUNO, NOON)):
        made.apply(AHEAD, line)
    return made


def opened(number: int = 1) -> ev.CaseOpened:
    return ev.CaseOpened(number, incident(number))


def test_what_was_scheduled_is_due() -> None:
    due = AHEAD + timedelta(hours=9)
    (dispatch,) = book(opened(), ev.Approved(1, ANA, (port(),), due=due)).cases[1].dispatches
    assert (dispatch.phase, dispatch.due, dispatch.at, dispatch.broken) == (
        Phase.SCHEDULED,
        NOON,
        NOON,
        False,
    )


def test_what_was_scheduled_on_the_right_clock_keeps_its_hour() -> None:
    made, due = Book(), NOON + timedelta(hours=9)
    for line in (opened(), ev.Approved(1, ANA, (port(),), due=due)):
        made.apply(NOON, line)
    made.apply(AHEAD, ev.Started("1", "future"))
    made.apply(AHEAD, ev.Confirmed(BRUNO, NOON + timedelta(hours=1)))
    assert made.cases[1].dispatches[0].due == due
    assert made.last_at == NOON + timedelta(hours=1)


def test_what_had_been_broken_off_or_in_doubt_stays_so() -> None:
    lines = (
        opened(),
        ev.Approved(1, ANA, (port(),)),
        ev.Planned(1, 2, PLAN),
        ev.Intent(1, "c1"),
        ev.Result(1, "c1", Outcome.UNKNOWN, None, "no_answer"),
        ev.Settled(1, "done"),
        ev.Resent(1, ("c1",), ANA),
        ev.Interrupted(1, "key", "key"),
    )
    (dispatch,) = book(*lines).cases[1].dispatches
    assert (dispatch.broken, dispatch.last_at, dispatch.ended_at) == (True, NOON, None)
    assert dispatch.progress is not None
    ((claimed, _),) = dispatch.progress.doubted["c1"]
    assert claimed == NOON


def test_a_person_who_resumes_it_before_is_not_overruled() -> None:
    made = book(
        opened(),
        ev.Approved(1, ANA, (port(),)),
        ev.Planned(1, 2, PLAN),
        then=(ev.Resumed(1, ANA),),
    )
    (dispatch,) = made.cases[1].dispatches
    assert (dispatch.phase, dispatch.broken) == (Phase.SENDING, False)


def test_a_first_approval_and_a_near_forecast_count_from_then() -> None:
    made = book(opened(), Proposed(1, ANA, (), None), Forecast(1, ANA, NOON + timedelta(hours=2)))
    case = made.cases[1]
    assert case.proposal is not None
    assert (case.proposal.at, case.eta) == (NOON, NOON + timedelta(hours=2))


def test_a_forecast_further_off_than_any_is_none() -> None:
    made = book(opened(), Forecast(1, ANA, AHEAD + timedelta(hours=2)))
    assert (made.cases[1].eta, made.cases[1].eta_by) == (None, None)


def test_what_a_dispatch_came_to_is_not_counted_again() -> None:
    lines = (
        opened(),
        ev.Approved(1, ANA, (port(),)),
        ev.Planned(1, 2, (*PLAN, Recipient("c3", "Caio", ("Z3",), skip=Skip.NO_PHONE))),
        ev.Result(1, "c1", Outcome.ACCEPTED, "m1"),
        ev.Result(1, "c2", Outcome.UNKNOWN, None, "no_answer"),
        ev.Settled(1, "done"),
    )
    (dispatch,) = book(*lines).cases[1].dispatches
    assert dispatch.came_to is not None
    at, tally = dispatch.came_to
    assert (at, tally) == (NOON, dispatch.tally())
    assert tally.outcomes == {Outcome.ACCEPTED: 1, Outcome.UNKNOWN: 1}
    assert tally.skipped == {Skip.NO_PHONE: 1}


def test_who_was_told_rests_from_then() -> None:
    """Else a clock that was a year ahead would keep them from every message of that year."""
    lines = (opened(), ev.Approved(1, ANA, (port(),)), ev.Planned(1, 2, PLAN), ev.Intent(1, "c1"))
    contacts = book(*lines).contacts.values()
    assert [(contact.at, contact.case) for contact in contacts] == [(NOON, 1)] * len(PLAN)


def test_a_start_of_the_future_keeps_no_later_one_quiet() -> None:
    assert book(ev.Announced("real")).announced == {"": Announcement(NOON, "real")}


def test_silence_after_the_confirmation_looks_like_an_old_copy() -> None:
    made, later = book(opened()), NOON + timedelta(hours=2)
    made.apply(later, ev.Started("1"))
    assert made.unconfirmed == NOON
