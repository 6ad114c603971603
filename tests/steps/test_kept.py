"""Lines that the ledger lost and this machine kept: nobody of them gets two, and nothing is hidden."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.dispatch import Phase
from bot.domain.plan import REACHED, Outcome, Recipient, Sent, Skip
from bot.flow.kept import confirm, sent, written_again
from bot.steps.unknown import doubts, evidence
from tests.fakes import ANA, NOON, incident

PORT = incident("7001").port
SECOND = timedelta(seconds=1)
PEOPLE = tuple(Recipient(f"c{n}", "", (f"ZTEG{n:08d}",), person=f"p{n}") for n in range(1, 5))


def opened(number: int, id_: str = "7001") -> ev.CaseOpened:
    return ev.CaseOpened(number, incident(id_))


def approved(number: int) -> ev.Approved:
    return ev.Approved(number, ANA, (PORT,))


def planned(number: int) -> ev.Planned:
    return ev.Planned(number, 4, PEOPLE)


def intents(number: int, *who: int) -> list[ev.Line]:
    return [ev.Intent(number, f"c{n}") for n in who]


def accepted(number: int, *who: int) -> list[ev.Line]:
    return [ev.Result(number, f"c{n}", Outcome.ACCEPTED, f"ref{n}") for n in who]


def book_of(*lines: ev.Line) -> Book:
    book, now = Book(), NOON
    for line in lines:
        now += timedelta(seconds=1)
        book.apply(now, line)
    return book


def after(before: Sequence[ev.Line], kept: Sequence[ev.Line], since: Sequence[ev.Line] = ()) -> Book:
    """The ledger lost what was kept, went on, and was confirmed."""
    book = book_of(*before, ev.Started("1", "database"), *since)
    now = book.last_at + timedelta(seconds=1)
    for line in confirm(ANA, now, [kept])(book, now):
        book.apply(now, line)
    assert book.unconfirmed is None
    return book


def outcomes(book: Book, case: int = 1) -> dict[str, Outcome]:
    return {id_: one.outcome for id_, one in book.cases[case].dispatches[-1].sends.results.items()}


def todo(book: Book, case: int = 1) -> list[str]:
    return [one.id for one in book.cases[case].dispatches[-1].sends.todo()]


BEFORE: list[ev.Line] = [opened(1), approved(1), planned(1)]


def test_sends_of_a_plan_that_is_there_are_on_record_again() -> None:
    """c1 had arrived; c2 is not known of; c3 did not leave; c4 was not tried."""
    kept: list[ev.Line] = [*intents(1, 1, 2, 3), *accepted(1, 1), ev.Abandoned(1, "c3")]
    book = after(BEFORE, kept)
    assert outcomes(book) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}
    assert todo(book) == ["c3", "c4"]
    assert book.cases[1].dispatches[-1].phase is Phase.INTERRUPTED
    assert list(book.doubtful) == [1]
    assert {"p1", "p2"} <= book.contacts.keys()
    assert sent([kept]) == 2


def test_an_end_that_was_lost_alone_settles_the_doubt() -> None:
    book = after([*BEFORE, *intents(1, 1, 2)], accepted(1, 1))
    assert outcomes(book) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}


def test_where_nothing_is_left_to_do_it_is_over() -> None:
    book = after(BEFORE, [*intents(1, 1, 2, 3, 4), *accepted(1, 1, 2, 3, 4), ev.Settled(1, "done")])
    assert book.cases[1].dispatches[-1].end == "done"
    assert book.running == set()


def test_a_plan_that_was_lost_comes_with_its_sends_and_goes_on_by_a_person_alone() -> None:
    cases: list[list[ev.Line]] = [[], [ev.Settled(1, "unread", "gone")]]
    for since in cases:
        book = after([opened(1), approved(1)], [planned(1), *intents(1, 1), *accepted(1, 1)], since)
        dispatch = book.cases[1].dispatches[-1]
        assert outcomes(book) == {"c1": Outcome.ACCEPTED}
        assert todo(book) == ["c2", "c3", "c4"]
        assert (dispatch.phase, dispatch.broken, dispatch.by) == (Phase.INTERRUPTED, True, ANA)
        assert book.running == {1}


def test_an_approval_that_was_lost_comes_with_its_plan_and_begins_nothing() -> None:
    kept: list[ev.Line] = [approved(1), planned(1), *intents(1, 1)]
    book = book_of(opened(1), ev.Started("1", "database"))
    assert [line.due for line in written_again(book, [kept]) if isinstance(line, ev.Approved)] != [None]
    book = after([opened(1)], kept)
    assert outcomes(book) == {"c1": Outcome.UNKNOWN}
    assert book.reservations[PORT.key].case == 1


@pytest.mark.parametrize("told_again", ["under the same number", "under another", "not"])
def test_a_case_that_was_lost_is_the_one_that_the_source_told_of_again(told_again: str) -> None:
    since: dict[str, list[ev.Line]] = {
        "under the same number": [opened(1)],
        "under another": [opened(1, "7002"), opened(2)],
        "not": [opened(1, "7002")],
    }
    kept: list[ev.Line] = [opened(1), *BEFORE[1:], *intents(1, 1, 2), *accepted(1, 1)]
    book = after([], kept, since[told_again])
    number = book.by_incident["7001"]
    assert number == (1 if told_again == "under the same number" else 2)
    assert outcomes(book, number) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}
    assert book.next_case == len(book.cases) + 1


def test_two_cases_that_were_lost_keep_apart() -> None:
    kept: list[ev.Line] = [opened(1), *BEFORE[1:], *intents(1, 1), opened(2, "7002")]
    kept += [approved(2), planned(2), *intents(2, 2), opened(3, "7003")]
    book = after([], kept, [opened(1, "7009")])
    assert {number: case.incident.id for number, case in book.cases.items()} == {
        1: "7009",
        2: "7001",
        3: "7002",
    }
    assert (outcomes(book, 2), outcomes(book, 3)) == ({"c1": Outcome.UNKNOWN}, {"c2": Outcome.UNKNOWN})


def test_another_approval_of_the_same_case_is_another_dispatch() -> None:
    one: list[ev.Line] = [*intents(1, 1), *accepted(1, 1), ev.Settled(1, "stopped", by=ANA)]
    first_lost: list[ev.Line] = [*BEFORE[1:], *one]
    for before, kept in ((BEFORE, one), ([*BEFORE[:1]], first_lost)):
        book = after(before, [*kept, approved(1), planned(1), *intents(1, 2)])
        first, second = book.cases[1].dispatches
        assert (next(iter(first.sends.results)), first.end) == ("c1", "stopped")
        assert list(second.sends.results) == ["c2"]
        assert book.running == {1}


def test_what_another_machine_wrote_again_is_not_written_twice() -> None:
    sends = [*intents(1, 1, 2), *accepted(1, 1)]
    for before, kept in ((BEFORE, sends), (BEFORE[:1], [*BEFORE[1:], *sends])):
        book = after(before, kept)
        assert written_again(book, [kept]) == []
        assert len(book.cases[1].dispatches) == 1


def test_what_fits_nothing_is_left_out_and_nothing_is_written_without_sends() -> None:
    book = book_of(opened(1), ev.Started("1", "database"))
    nowhere: list[list[ev.Line]] = [
        intents(5, 1),
        intents(1, 1),
        [planned(1), *intents(1, 1)],
        intents(-1, 1),
    ]
    assert [written_again(book, [kept]) for kept in nowhere] == [[]] * 4
    assert written_again(book, [[opened(2, "7002"), approved(1), planned(1), ev.Stopped()]]) == []


def one(outcome: Outcome, who: int = 1, number: int = 1) -> ev.Result:
    return ev.Result(number, f"c{who}", outcome)


FAILED = [*BEFORE, *intents(1, 1), one(Outcome.FAILED), ev.Settled(1, "halted", "key")]


def test_a_second_approval_is_none_of_the_first_whose_recipients_it_has() -> None:
    """The first reached nobody, so somebody approved again; that, and what was sent by it, was lost."""
    kept: list[ev.Line] = [approved(1), planned(1), *intents(1, 1, 2), *accepted(1, 1)]
    book = after(FAILED, kept)
    assert outcomes(book) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}
    assert (len(book.cases[1].dispatches), todo(book)) == (2, ["c3", "c4"])
    assert {"p1", "p2"} <= book.contacts.keys()
    assert book.cases[1].dispatches[0].sends.results["c1"].outcome is Outcome.FAILED


def test_nothing_is_written_onto_a_dispatch_that_is_over() -> None:
    """Closed since, by who had not these lines: its end stays, and so do its counts."""
    before = [*BEFORE, *intents(1, 3), one(Outcome.UNKNOWN, 3)]
    since: list[ev.Line] = [ev.Confirmed(ANA), ev.Settled(1, "closed", by=ANA), ev.Started("1", "views")]
    book = after(before, [*intents(1, 2), *accepted(1, 2)], since)
    first, second = book.cases[1].dispatches
    assert (first.sends.recipients["c2"].skip, first.end) == (Skip.CLOSED, "closed")
    assert {id_: r.outcome for id_, r in second.sends.results.items()} == {
        "c2": Outcome.ACCEPTED,
        "c3": Outcome.UNKNOWN,
    }, "the doubt of the first is asked about with it"
    assert (second.end, book.running, list(book.doubtful)) == ("done", set(), [1])


def test_a_rehearsal_tells_nothing_of_what_was_sent() -> None:
    rehearsed: list[ev.Line] = [opened(1), replace(approved(1), dry_run=True), planned(1)]
    rehearsed += [*intents(1, 1), *accepted(1, 1)]
    real: list[ev.Line] = [approved(1), planned(1), *intents(1, 1)]
    for before in (rehearsed, [*rehearsed, ev.Settled(1, "done")]):
        book = after(before, real)
        assert (outcomes(book), "p1" in book.contacts) == ({"c1": Outcome.UNKNOWN}, True)
    assert written_again(book_of(opened(1), ev.Started("1", "database")), [rehearsed[1:]]) == []
    book = after(rehearsed, intents(1, 2))
    assert outcomes(book) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}
    assert len(book.cases[1].dispatches) == 1


def test_a_plan_is_taken_by_the_approval_that_waits_for_one() -> None:
    book = after([*FAILED, approved(1)], [planned(1), *intents(1, 1)])
    assert outcomes(book) == {"c1": Outcome.UNKNOWN}
    assert [d.end for d in book.cases[1].dispatches] == ["halted", None]


def test_who_was_taken_up_again_is_held_back_and_the_rest_is_left_to_do() -> None:
    before = [*BEFORE, *intents(1, 1), one(Outcome.FAILED), ev.Interrupted(1)]
    book = after(before, [ev.Resumed(1, ANA), *intents(1, 1), *accepted(1, 1)])
    assert outcomes(book) == {"c1": Outcome.ACCEPTED}
    assert todo(book) == ["c2", "c3", "c4"]


@pytest.mark.parametrize("end", [ev.Abandoned(1, "c1"), one(Outcome.REJECTED)], ids=["abandoned", "refused"])
def test_a_repetition_that_came_to_nothing_takes_no_doubt_away(end: ev.Line) -> None:
    first: list[ev.Line] = [*intents(1, 1), one(Outcome.UNKNOWN), ev.Interrupted(1)]
    again: list[ev.Line] = [ev.Resent(1, ("c1",), ANA), *intents(1, 1), end]
    damaged = [*first, *again[1:]]  # no word of who had it sent again
    for before, kept in ((BEFORE, [*first, *again]), ([*BEFORE, *first], again), (BEFORE, damaged)):
        book = after(before, kept)
        assert (outcomes(book), "p1" in book.contacts) == ({"c1": Outcome.UNKNOWN}, True)
    book = after(BEFORE, [*first, *again[:2], *accepted(1, 1)])
    assert outcomes(book) == {"c1": Outcome.ACCEPTED}
    book = after(BEFORE, [*intents(1, 1), *accepted(1, 1), *intents(1, 1)])
    assert outcomes(book) == {"c1": Outcome.ACCEPTED}, "that one arrived is certain"


def test_an_outage_of_a_place_that_had_one_before_is_a_case_of_its_own() -> None:
    """Its source names outages by where they are."""
    old = replace(incident("7001"), by_place=True)
    new = replace(old, started=NOON + timedelta(hours=1))
    before: list[ev.Line] = [ev.CaseOpened(1, old), *BEFORE[1:], *intents(1, 4), *accepted(1, 4)]
    before += [ev.Settled(1, "done"), ev.IncidentEnded(1, "gone", "7001")]
    lost = ev.CaseOpened(2, new, (replace(old, id="7002", port=incident("7002").port),))
    kept: list[ev.Line] = [lost, approved(2), planned(2), *intents(2, 1)]
    told_again: list[ev.Line] = [ev.CaseOpened(2, new)]
    for since in ([], told_again, [*told_again, ev.IncidentEnded(2, "gone", "7001")]):
        book = after(before, kept, since)
        assert list(book.cases) == [1, 2]
        assert (outcomes(book, 1)["c4"], outcomes(book, 2)) == (Outcome.ACCEPTED, {"c1": Outcome.UNKNOWN})
        assert written_again(book, [kept]) == []


def test_each_time_that_lines_were_lost_has_numbers_of_its_own() -> None:
    first: list[ev.Line] = [opened(1), *BEFORE[1:], *intents(1, 1)]
    second: list[ev.Line] = [opened(1, "7009"), approved(1), planned(1), *intents(1, 2)]
    book = book_of(ev.Started("1", "database"))
    for line in confirm(ANA, book.last_at, [first, second])(book, book.last_at):
        book.apply(book.last_at, line)
    assert outcomes(book, book.by_incident["7001"]) == {"c1": Outcome.UNKNOWN}
    assert outcomes(book, book.by_incident["7009"]) == {"c2": Outcome.UNKNOWN}


def test_the_same_lines_kept_twice_are_written_once() -> None:
    kept: list[ev.Line] = [approved(1), planned(1), *intents(1, 1), *accepted(1, 1)]
    for twice in ([*kept, *kept],):
        assert len(after([opened(1)], twice).cases[1].dispatches) == 1


def test_the_gateways_list_is_read_about_the_time_of_the_send() -> None:
    """Whoever confirms may do so an hour later."""
    people = (Recipient("c1", "", (), "5547999990001"), Recipient("c2", "", (), "5547999990002"))
    before: list[ev.Line] = [opened(1), approved(1), ev.Planned(1, 2, people), *intents(1, 2)]
    claimed = NOON - timedelta(hours=1)
    closed: list[ev.Line] = [ev.Confirmed(ANA), ev.Settled(1, "closed", by=ANA), ev.Started("1", "views")]
    listed = [Sent("r1", "5547999990001", claimed + timedelta(seconds=3), "sent")]
    for since in ([], closed):
        book = after(before, [ev.Intent(1, "c1", claimed)], since)
        now = book.last_at + timedelta(minutes=1)
        asked = doubts(book, now)
        assert {d.recipient.id: d.claims for d in asked} == {"c1": (claimed,), "c2": (NOON + 4 * SECOND,)}
        proved = evidence(asked, listed)(book, now)
        assert [(line.recipient, line.reference) for line in proved if isinstance(line, ev.Evidence)] == [
            ("c1", "r1")
        ]


def test_a_record_takes_no_sends() -> None:
    book = book_of(*BEFORE, ev.Started("1", "database"))
    book.cases[1].past = True
    assert written_again(book, [intents(1, 1)]) == []


def possible(book: Book, turns: Sequence[int]) -> Iterator[ev.Line]:
    """A history of one case: each turn one of the lines that rules and sends may write by then."""
    for turn in turns:
        case = book.cases[1]
        last = case.dispatch
        lines: list[list[ev.Line]] = []
        if case.undecided:
            lines += [[approved(1)]]
        elif last is not None and last.progress is None and last.phase is not Phase.FINISHED:
            skips = {r.id: Skip.COOLDOWN for r in PEOPLE if r.person in book.contacts}
            lines += [[ev.Planned(1, 4, tuple(replace(r, skip=skips.get(r.id)) for r in PEOPLE))]]
            lines += [[ev.Settled(1, "unread", "gone")]]
        elif last is not None and last.phase is Phase.SENDING:
            open_ = [id_ for id_ in last.sends.intents if id_ not in last.sends.results]
            lines += [[ev.Intent(1, r.id)] for r in 2 * last.sends.todo()[:2]]
            lines += [[ev.Result(1, id_, o)] for id_ in open_ for o in Outcome]
            lines += [[ev.Abandoned(1, id_)] for id_ in open_]
            lines += [[ev.Interrupted(1)], [ev.Started("1")]]
            if not open_:
                lines += [[ev.Settled(1, "halted", "key")], [ev.StopAsked(1, ANA), ev.Settled(1, "stopped")]]
        elif last is not None and last.phase is Phase.INTERRUPTED:
            lines += [[ev.Resumed(1, ANA)], [ev.Settled(1, "closed", by=ANA)]]
        elif last is not None and (doubts := last.in_doubt()):
            lines += [[ev.Resent(1, (doubts[0].id,), ANA)], [ev.Resolved(1, (doubts[0].id,), "sent", ANA)]]
        if not lines:
            return
        for line in lines[turn % len(lines)]:
            book.apply(book.last_at + timedelta(seconds=1), line)
            yield line


def may_have_left(lost: Sequence[ev.Line]) -> set[str]:
    """By these lines alone, in the simplest way: claimed, and no word that nothing left."""
    left = dict[str, bool]()
    before = set[str]()
    for line in lost:
        match line:
            case ev.Intent(recipient=id_):
                before |= {id_} if left.get(id_) else set()
                left[id_] = True
            case ev.Result(recipient=id_, outcome=outcome):
                left[id_] = outcome in REACHED
            case ev.Abandoned(recipient=id_):
                left[id_] = False
            case _:
                pass
    return before | {id_ for id_, may in left.items() if may}


TURNS = st.lists(st.integers(0, 719), max_size=40)


@settings(max_examples=300, deadline=None)
@given(turns=TURNS, since=TURNS, k=st.integers(0, 12), elsewhere=st.booleans())
def test_nobody_of_lost_sends_is_left_to_do(
    turns: list[int], since: list[int], k: int, *, elsewhere: bool
) -> None:
    """The last lines of any history are lost; where it was confirmed elsewhere it went on without them."""
    history = list(possible(book_of(opened(1)), turns))
    k = min(k, len(history))
    before, lost = [opened(1), *history[: len(history) - k]], history[len(history) - k :]
    book = book_of(*before, ev.Started("1", "database"))
    if elsewhere:
        book.apply(book.last_at, ev.Confirmed(ANA))
        list(possible(book, since[:8]))
        book.apply(book.last_at, ev.Started("1", "views"))
    now = book.last_at
    for line in confirm(ANA, now, [lost])(book, now):
        book.apply(now, line)
    assert written_again(book, [lost]) == []
    case = book.cases[1]
    if case.dispatch is not None and case.dispatch.phase is Phase.INTERRUPTED:
        book.apply(now, ev.Resumed(1, ANA))
    to_do = set(todo(book)) if case.dispatch is not None and case.dispatch.progress is not None else set()
    for id_ in may_have_left(lost):
        known = [
            d.sends.results[id_].outcome for d in case.dispatches if d.progress and id_ in d.sends.results
        ]
        assert not REACHED.isdisjoint(known), (id_, known)
        assert id_ not in to_do
        assert f"p{id_[1:]}" in book.contacts
