"""From when to when each customer of a case was without service, as the lines tell it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import events as ev
from bot.domain.book import WholeBook
from bot.domain.events import Line
from bot.domain.incident import Incident, Kind
from bot.domain.interruptions.rows import Interruption, rows_of
from bot.domain.interruptions.told import Told
from bot.domain.plan import Outcome, Recipient, Skip
from tests.fakes import ANA, NOON, incident, port

ONE = Recipient("c1", "Ana", ("ZTEG1",), "5561999990001")
TWO = Recipient("c2", "Bia", ("ZTEG2",), "5561999990002")
APPROVED = ev.Approved(1, ANA, (port(),))
DOWN = incident(1, started=NOON - timedelta(minutes=2))


def at(minutes: float) -> object:
    return NOON + timedelta(minutes=minutes)


def plan(*people: Recipient, case: int = 1) -> ev.Planned:
    return ev.Planned(case, len(people), people)


def rows(*lines: tuple[float, Line], case: int = 1, upto: float = 600) -> list[Interruption]:
    """The interruptions of a case, of lines so many minutes after noon."""
    told, book = Told(), WholeBook()
    for minutes, line in lines:
        told.take(NOON + timedelta(minutes=minutes), line)
        book.apply(NOON + timedelta(minutes=minutes), line)
    return list(rows_of(book, case, told, NOON + timedelta(minutes=upto)))


def spans(found: Iterable[Interruption]) -> list[tuple[float, float, str, str]]:
    """From minute to minute after noon, and where both are from."""
    minute = timedelta(minutes=1)
    return [((r.start - NOON) / minute, (r.until - NOON) / minute, r.started, r.ended) for r in found]


def opened(*others: Incident, first: Incident = DOWN) -> tuple[float, Line]:
    return 0, ev.CaseOpened(1, first, others)


SENT = ((1, APPROVED), (2, plan(ONE, TWO)))


def test_from_the_alert_until_a_poll_found_it_gone() -> None:
    found = rows(opened(), *SENT, (30, ev.IncidentEnded(1)))
    assert spans(found) == [(-2, 30, "alert", "gone")] * 2
    assert [(r.customer, r.name, r.alone, r.listed) for r in found] == [
        ("1", "Ana", False, "now"),
        ("2", "Bia", False, "now"),
    ]


def test_a_start_that_nobody_tells_is_when_it_was_first_seen_and_no_end_is_none() -> None:
    unknown = replace(DOWN, started=NOON, start_known=False)
    [found] = rows(opened(first=unknown), (1, APPROVED), (2, plan(ONE)), upto=45)
    assert spans([found]) == [(0, 45, "first_seen", "still_on")]
    assert (found.end, found.alone) == (None, True)


def test_a_start_that_is_learnt_later_or_lies_ahead() -> None:
    unknown = replace(DOWN, started=NOON, start_known=False)
    learnt = ev.IncidentChanged(1, replace(DOWN, started=NOON - timedelta(minutes=9)))
    assert spans(rows(opened(first=unknown), (1, learnt), *SENT, upto=9))[0] == (-9, 9, "alert", "still_on")
    ahead = replace(DOWN, started=NOON + timedelta(hours=9))
    assert spans(rows(opened(first=ahead), *SENT, upto=9))[0] == (0, 9, "alert", "still_on")
    assert spans(rows(opened(first=unknown), (1, ev.IncidentChanged(1, unknown)), *SENT, upto=9))[0][2] == (
        "first_seen"
    )


def test_what_is_listed_again_is_another_spell() -> None:
    """The source said that it was over in between; with a start of its own, from then on."""
    again = ev.IncidentChanged(1, DOWN)
    found = rows(opened(), *SENT, (30, ev.IncidentEnded(1)), (40, again), (50, ev.IncidentEnded(1)))
    assert spans(found)[:2] == [(-2, 30, "alert", "gone"), (40, 50, "seen_again", "gone")]
    assert [r.listed for r in found[:2]] == ["now", "earlier"]
    anew = ev.IncidentChanged(1, replace(DOWN, started=NOON + timedelta(minutes=35)))
    found = rows(opened(), (5, ev.IncidentEnded(1)), (40, anew), (41, APPROVED), (42, plan(ONE)), upto=60)
    assert spans(found) == [(-2, 5, "alert", "gone"), (35, 60, "alert", "still_on")]
    assert [r.listed for r in found] == ["later", "now"]
    changed = ev.IncidentChanged(1, replace(DOWN, affected=9))
    lines = (opened(), (5, ev.IncidentEnded(1)), (40, again), (41, changed))
    found = rows(*lines, (42, APPROVED), (43, plan(ONE)))
    assert spans(found)[1][:3:2] == (40, "seen_again")


def test_alerts_that_overlap_on_a_port_are_one_and_a_false_alarm_beside_them_is_none() -> None:
    cto = replace(incident(2), started=NOON + timedelta(minutes=10))
    lines = (opened(), *SENT, (11, ev.IncidentJoined(1, cto)))
    found = rows(*lines, (20, ev.IncidentEnded(1, "gone", "1")), (40, ev.IncidentEnded(1, "gone", "2")))
    assert spans(found) == [(-2, 40, "alert", "gone")] * 2
    found = rows(*lines, (20, ev.IncidentEnded(1, "gone", "1")), (40, ev.IncidentEnded(1, "ignored", "2")))
    assert spans(found) == [(-2, 20, "alert", "gone")] * 2
    assert spans(rows(*lines, (20, ev.IncidentEnded(1, "gone", "1")), upto=50))[0] == (
        -2,
        50,
        "alert",
        "still_on",
    )
    assert spans(rows(*lines, (20, ev.IncidentEnded(1, "gone", "2")), upto=50))[0] == (
        -2,
        50,
        "alert",
        "still_on",
    )
    assert spans(rows(opened(), *SENT, (20, ev.IncidentEnded(1, "ignored"))))[0] == (
        -2,
        20,
        "alert",
        "ignored",
    )


def test_an_alert_that_joins_the_case_it_is_of_is_no_other() -> None:
    found = rows(opened(), *SENT, (5, ev.IncidentJoined(1, DOWN)), (9, ev.IncidentEnded(1)))
    assert spans(found) == [(-2, 9, "alert", "gone")] * 2


def test_each_has_the_times_of_their_own_port() -> None:
    there = incident(2, place="6/16", started=NOON)
    here, other = replace(ONE, ports=("CB 01:6/15",)), replace(TWO, ports=("CB 01:6/16",))
    both = ev.Approved(1, ANA, (port(), port("6/16")))
    lines = (opened(there), (1, both), (2, plan(here, other)))
    ended = (ev.IncidentEnded(1, "gone", "1"), ev.IncidentEnded(1, "gone", "2"))
    found = rows(*lines, (20, ended[0]), (40, ended[1]))
    assert spans(found) == [(-2, 20, "alert", "gone"), (0, 40, "alert", "gone")]
    assert [r.ports for r in found] == [(port(),), (port("6/16"),)]


def test_an_alert_that_moves_to_another_port_takes_its_customers_along() -> None:
    moved = ev.IncidentChanged(1, replace(DOWN, port=port("6/16")))
    found = rows(opened(), *SENT, (5, moved), (9, ev.IncidentEnded(1)))
    assert spans(found) == [(-2, 9, "alert", "gone")] * 2
    assert found[0].ports == (port(), port("6/16"))


def test_what_a_person_takes_apart_goes_on_in_both_for_who_was_listed() -> None:
    second = incident(2, place="6/16", started=NOON)
    lines = (opened(second), (1, ev.Approved(1, ANA, (port(), port("6/16")))), (2, plan(ONE, TWO)))
    apart = ev.CaseOpened(2, second, apart=1)
    ends = ((30, ev.IncidentEnded(1, "gone", "1")), (50, ev.IncidentEnded(2, "gone", "2")))
    found = rows(*lines, (10, apart), (11, ev.Separated(1, ANA)), *ends)
    assert spans(found) == [(-2, 50, "alert", "gone")] * 2
    [other] = rows(*lines, (10, apart), (11, ev.Separated(1, ANA)), *ends, case=2)
    assert (other.customer, other.listed) == ("", "never")
    assert spans([other]) == [(0, 50, "alert", "gone")]


def test_whom_a_plan_or_a_send_found_online_counts_until_then() -> None:
    online = replace(ONE, skip=Skip.ONLINE)
    found = rows(opened(), (1, APPROVED), (4, plan(online, TWO)), (30, ev.IncidentEnded(1)))
    assert spans(found) == [(-2, 4, "alert", "online_at_plan"), (-2, 30, "alert", "gone")]
    assert [(r.back, r.back_by) for r in found] == [(at(4), "online_at_plan"), (None, None)]
    assert [r.alone for r in found] == [False, False], "the alert names both"
    spared = (6, ev.Spared(1, "c1", Skip.ONLINE))
    found = rows(opened(), *SENT, spared, (7, ev.Spared(1, "c2", Skip.OPTED_OUT)), upto=60)
    assert spans(found) == [(-2, 6, "alert", "online_at_send"), (-2, 60, "alert", "still_on")]
    assert [r.alone for r in found] == [False, False]


def test_whom_a_later_list_has_off_again_was_not_back_for_good() -> None:
    online = replace(ONE, skip=Skip.ONLINE)
    again = ((8, ev.Settled(1, "done")), (9, APPROVED), (10, plan(ONE)))
    found = rows(opened(), (1, APPROVED), (4, plan(online)), *again, (30, ev.IncidentEnded(1)))
    assert spans(found) == [(-2, 30, "alert", "gone")]


def test_who_was_online_after_the_end_is_back_by_then() -> None:
    late = replace(ONE, skip=Skip.ONLINE)
    [found] = rows(opened(), (1, APPROVED), (5, ev.IncidentEnded(1)), (6, plan(late)))
    assert spans([found]) == [(-2, 5, "alert", "gone")]
    assert (found.back, found.listed) == (at(6), "later")


@pytest.mark.parametrize(
    ("skip", "back", "absent"),
    [(None, at(40), False), (Skip.STILL_DOWN, None, True), (Skip.LOOKUP_FAILED, None, False)],
)
def test_who_is_asked_about_as_service_is_back(skip: Skip | None, back: object, *, absent: bool) -> None:
    told = ((3, ev.Intent(1, "c1")), (4, ev.Result(1, "c1", Outcome.ACCEPTED)), (5, ev.Settled(1, "done")))
    over = (30, ev.IncidentEnded(1))
    begun = ((39, ev.Restoring(-1, 1)), (39, ev.Approved(-1, ANA, ())))
    second = plan(replace(ONE, skip=skip), replace(ONE, id="c9"), case=-1)
    found = rows(opened(), *SENT, *told, over, *begun, (40, second))
    assert (found[0].back, found[0].absent) == (back, absent)
    assert spans(found)[0] == (-2, 30, "alert", "gone")
    assert rows(opened(), *SENT, *told, over, *begun)[0].back is None  # not planned yet
    again = ev.IncidentChanged(1, replace(DOWN, started=NOON + timedelta(minutes=50)))
    assert rows(opened(), *SENT, *told, over, *begun, (40, second), (51, again))[1].back is None


INTENT = ev.Intent(1, "c1")
UNKNOWN = [INTENT, ev.Result(1, "c1", Outcome.UNKNOWN)]


@pytest.mark.parametrize(
    ("lines", "warned", "delivered"),
    [
        ([], None, "todo"),
        ([INTENT], 3, "unknown"),
        ([INTENT, ev.Result(1, "c1", Outcome.ACCEPTED)], 3, "accepted"),
        (UNKNOWN, 3, "unknown"),
        ([INTENT, ev.Result(1, "c1", Outcome.REJECTED, None, "x")], None, "rejected"),
        ([INTENT, ev.Result(1, "c1", Outcome.ACCEPTED), ev.Read(1, ("c1",))], 3, "read"),
        ([INTENT, ev.Result(1, "c1", Outcome.ACCEPTED), ev.Undelivered(1, ("c1",))], 3, "undelivered"),
        ([ev.Spared(1, "c1", Skip.OPTED_OUT)], None, "opted_out"),
        (
            [INTENT, ev.Result(1, "c1", Outcome.UNKNOWN), ev.Settled(1, "done"), ev.Resent(1, ("c1",), ANA)],
            3,
            "unknown",
        ),
    ],
)
def test_what_became_of_the_message(lines: list[Line], warned: float | None, delivered: str) -> None:
    found = rows(opened(), *SENT, *((3 + n, line) for n, line in enumerate(lines)))[0]
    assert (found.warned, found.delivered) == (None if warned is None else at(warned), delivered)


def test_the_best_of_all_approvals_is_told() -> None:
    first = (*SENT, (3, INTENT), (4, ev.Result(1, "c1", Outcome.ACCEPTED)), (5, ev.Settled(1, "done")))
    again = ((6, APPROVED), (7, plan(replace(ONE, skip=Skip.TOLD))), (8, ev.Settled(1, "done")))
    found = rows(opened(), *first, *again)[0]
    assert (found.warned, found.delivered) == (at(3), "accepted")
    dry = ((1, replace(APPROVED, dry_run=True)), (2, plan(ONE)), (3, INTENT))
    assert rows(opened(), *dry)[0].delivered == "rehearsed"


def test_an_approval_that_was_taken_back_lists_nobody() -> None:
    cancelled = ((1, APPROVED), (2, ev.Cancelled(1, ANA)))
    [found] = rows(opened(), *cancelled, (30, ev.IncidentEnded(1)))
    assert (found.customer, found.ports, found.listed) == ("", (port(),), "never")
    assert [r.customer for r in rows(opened(), *cancelled, (3, APPROVED), (4, plan(ONE)))] == ["1"]


def test_who_has_no_record_is_called_by_their_onu() -> None:
    nobody = (Recipient("r0", "", ("ZTEG7", "ZTEG8")), Recipient("r1", "", ("",)))
    found = rows(opened(), (1, APPROVED), (2, plan(*nobody)))
    assert [r.customer for r in found] == ["ONU ZTEG7 ZTEG8", "ONU 1/r1"]


def test_an_end_of_what_is_not_on_changes_nothing_and_kinds_are_those_of_the_last_reading() -> None:
    power = ev.IncidentChanged(1, replace(DOWN, kind=Kind.POWER))
    ends = ((30, ev.IncidentEnded(1)), (40, ev.IncidentEnded(1, "gone", "1")))
    found = rows(opened(), *SENT, (3, power), (4, ev.CauseNamed(1, ANA, "poste")), *ends)
    assert spans(found)[0] == (-2, 30, "alert", "gone")
    assert (found[0].kind, found[0].cause) == (Kind.POWER, "poste")
