"""What leaves the book, and what never does: its size is a function of the last days, not of its age."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain import events as ev
from bot.domain import leaving
from bot.domain.book import Book, WholeBook
from bot.domain.case import restoring_of
from bot.domain.events import Line
from bot.domain.limits.silence import Scope
from bot.domain.phone import phone_key
from bot.domain.plan import Outcome, Recipient
from bot.domain.redated import bring_back
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.steps import decide, restore, unknown
from tests.fakes import ANA, NOON, incident, port
from tests.lived import DAY, HOUR, folded, lived, phone_of

YOUNG, OLD = 112, 1001
"""Days: past the longest that anything is kept for, and ten times as long."""


def objects(value: Any) -> int:
    """How many objects hang on it."""
    if isinstance(value, dict):
        return 1 + sum(objects(key) + objects(inner) for key, inner in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return 1 + sum(map(objects, value))
    if dataclasses.is_dataclass(value):
        return 1 + sum(objects(getattr(value, field.name)) for field in dataclasses.fields(value))
    return 1


def held(book: Book) -> dict[str, int]:
    """How many objects each part of a book holds."""
    return {field.name: objects(getattr(book, field.name)) for field in dataclasses.fields(book)}


class TestSize:
    @pytest.mark.parametrize("decided", [True, False])
    def test_it_does_not_grow_with_age(self, *, decided: bool) -> None:
        young, old = (held(folded(lived(days, cases=5, decided=decided), Book())) for days in (YOUNG, OLD))
        grown = {name: (young[name], n) for name, n in old.items() if n > 1.02 * young[name] + 20}
        assert not grown, f"objects after {YOUNG} and {OLD} days: {grown}"
        assert sum(old.values()) <= 1.02 * sum(young.values())

    def test_a_book_that_forgets_nothing_does(self) -> None:
        """Else the test above would prove nothing."""
        young, old = (held(folded(lived(days), WholeBook())) for days in (YOUNG, 2 * YOUNG))
        assert sum(old.values()) > 1.8 * sum(young.values())

    def test_each_part_is_there_to_be_counted(self) -> None:
        book = folded(lived(YOUNG), Book())
        empty = {name for name, n in held(book).items() if n == 1 and getattr(book, name) in ({}, [], set())}
        assert empty <= {
            "digests",  # one a group
            "announced",  # one a region
            "handed_over",
            "open",
            "running",
            "left",
            "down",
            "moved",
            "settled_at_start",
            "lasting",
            "opted_out",
            "templates",
            "written",
        }

    def test_a_whole_book_is_what_a_book_was(self) -> None:
        """All of it is there; what both have is the same."""
        book, whole = folded(lived(60), Book()), folded(lived(60), WholeBook())
        assert len(whole.cases) > len(book.cases)
        for number, case in book.cases.items():
            if not case.past:
                assert case == whole.cases[number]


def live(*lines: tuple[float, Line], days: int = 0, book: Book | None = None) -> Book:
    """The book of these lines, each at its day, and of so many days after them in which nothing happens."""
    made = Book() if book is None else book
    for day, line in lines:
        while made.days and NOON + day * DAY - made.last_at > DAY:
            pass_days(made, 1)
        made.apply(NOON + day * DAY, line)
    pass_days(made, days)
    return made


def pass_days(book: Book, days: int) -> None:
    for _ in range(days):
        book.apply(book.last_at + DAY, ev.Alive())


PLAN = (
    Recipient("c1", "Zé", ("ZTEG1",), phone_of(1)),
    Recipient("c2", "Bia", ("ZTEG2",), phone_of(2)),
    Recipient("c3", "Léo", ("ZTEG3",), None),
)


def told(
    number: int = 1, outcome: Outcome = Outcome.ACCEPTED, *, day: float = 0.0, place: str = "6/15"
) -> list[tuple[float, Line]]:
    """A case that was approved, sent and is over."""
    one = incident(number, place=place)
    lines: list[Line] = [
        ev.CaseOpened(number, one),
        ev.CardPosted(number, -1, number),
        ev.Approved(number, ANA, (one.port,)),
        ev.Planned(number, 2, PLAN[:2]),
        ev.Intent(number, "c1"),
        ev.Result(number, "c1", Outcome.ACCEPTED, f"r{number}"),
        ev.Intent(number, "c2"),
        ev.Result(number, "c2", outcome, None),
        ev.Settled(number, "done"),
        ev.IncidentEnded(number, "gone", str(number)),
    ]
    return [(day, line) for line in lines]


def declined(book: Book, rule: Any) -> str:
    with pytest.raises(Declined) as no:
        rule(book, book.last_at)
    return no.value.code


class TestRecords:
    def test_it_is_whole_for_a_week_after_its_last_line(self) -> None:
        book = live(*told(), days=leaving.KEPT)
        assert not book.cases[1].past
        assert book.case_of("1") is book.cases[1]
        pass_days(book, 1)
        assert book.cases[1].past

    def test_a_line_about_it_begins_the_week_anew(self) -> None:
        book = live(*told(), (6, ev.TapRefused(ANA, "approve", "already_sent", 1)), days=leaving.KEPT)
        assert not book.cases[1].past
        pass_days(book, 1)
        assert book.cases[1].past

    def test_what_the_audit_tells_of_it_stays(self) -> None:
        book = live(*told(outcome=Outcome.REJECTED), days=8)
        case = book.cases[1]
        whole = live(*told(outcome=Outcome.REJECTED), days=8, book=WholeBook()).cases[1]
        assert case.past
        assert (case.state, case.ports, case.card) == (whole.state, whole.ports, whole.card)
        assert [d.tally() for d in case.dispatches] == [d.tally() for d in whole.dispatches]
        assert case.dispatches[0].reached
        assert "Zé" not in str(case)
        assert phone_of(1) not in str(case)

    def test_nothing_points_to_it(self) -> None:
        book = live(*told(), days=8)
        assert not book.by_incident
        assert not book.port_cases
        assert not book.to_restore
        assert not book.spells
        assert not book.down
        assert not book.touched

    def test_a_port_that_fell_again_is_the_newer_ones(self) -> None:
        book = live(*told(), *told(2, day=4), days=5)
        assert book.cases[1].past
        assert not book.cases[2].past
        assert book.port_cases == {port().key: 2}

    def test_one_that_was_taken_back_has_nothing_to_shorten(self) -> None:
        one = incident()
        lines: list[Line] = [
            ev.CaseOpened(1, one),
            ev.Approved(1, ANA, (one.port,)),
            ev.Cancelled(1, ANA),
            ev.IncidentEnded(1, "gone", "1"),
        ]
        book = live(*((0.0, line) for line in lines), days=8)
        assert book.cases[1].past
        assert book.cases[1].dispatches[0].tally() is None

    def test_a_tap_on_a_number_that_never_was_is_kept_in_the_audit_alone(self) -> None:
        book = live((0, ev.TapRefused(ANA, "approve", "unknown_case", 77)), days=8)
        assert not book.touched
        assert len(book.audit) == 1

    def test_a_port_that_its_alert_left_is_not_its_own(self) -> None:
        moved = dataclasses.replace(incident(1), port=port("6/9"))
        book = live((0, ev.CaseOpened(1, incident(1))), (0, ev.IncidentChanged(1, moved)))
        assert book.port_cases == {port("6/9").key: 1}
        both = live((0, ev.CaseOpened(1, incident(1), (incident(2),))), (0, ev.IncidentChanged(1, moved)))
        assert both.port_cases == {port("6/9").key: 1, port().key: 1}

    def test_where_it_ended_is_forgotten(self) -> None:
        book = live(*told())
        book.stands(ev.Settled(1, "done"), 9, "abcdef0123456789")
        assert book.heads == {1: "9 · abcdef01"}
        pass_days(book, 8)
        assert not book.heads
        book.stands(ev.Resolved(1, ("c1",), "sent", ANA), 11, "abcdef0123456789")
        assert not book.heads

    @pytest.mark.parametrize("number", [1, -1])
    def test_a_tap_on_it_is_answered(self, number: int) -> None:
        book = live(*told(), days=8)
        assert declined(book, decide.approve(1, ANA, Rules())) == "already_sent"
        assert declined(book, decide.deny(1, ANA, "x")) == "already_sent"
        assert declined(book, decide.cancel(1, ANA)) == "too_late_to_cancel"
        restored = Rules(restored=True)
        assert declined(book, restore.restore(1, ANA, restored)) == "restored_too_late"
        assert declined(book, unknown.resolve(unknown.Choose(1, "c1"), "sent", ANA)) == "case_left"
        assert book.has_left(number)

    def test_its_second_message_is_part_of_it(self) -> None:
        second = restoring_of(1)
        book = live(
            *told(),
            (1, ev.Restoring(second, 1)),
            (1, ev.Approved(second, ANA, ())),
            (1, ev.Planned(second, 2, PLAN[:1])),
            (1, ev.Intent(second, "c1")),
            (1, ev.Result(second, "c1", Outcome.ACCEPTED)),
            (1, ev.Settled(second, "done")),
            days=leaving.KEPT,
        )
        assert not book.cases[1].past
        pass_days(book, 1)
        assert book.cases[1].past
        assert book.cases[second].past
        pass_days(book, 1100)
        assert book.cases.keys() == {1, second}, "the audit is not full: its entries are the last thousand"

    def test_a_card_that_is_posted_anew_is_found_by_its_new_message_alone(self) -> None:
        second = restoring_of(1)
        book = live(*told(), (0, ev.Restoring(second, 1)), (0, ev.CardPosted(1, -1, 9)))
        assert book.cards == {"-1:9": 1}
        assert book.cases[second].card == book.cases[1].card


class TestStays:
    """What something is going on with does not leave, however long nobody touches it."""

    def test_open(self) -> None:
        book = live((0, ev.CaseOpened(1, incident())), days=40)
        assert not book.cases[1].past
        assert book.case_of("1") is book.cases[1]

    def test_running(self) -> None:
        lines = [*told()[:-2], (0, ev.IncidentEnded(1, "gone", "1"))]
        book = live(*lines, days=40)
        assert not book.cases[1].past
        assert book.running == {1}

    def test_a_second_message_that_runs(self) -> None:
        second = restoring_of(1)
        book = live(*told(), (1, ev.Restoring(second, 1)), (1, ev.Approved(second, ANA, ())), days=40)
        assert not book.cases[1].past

    @pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.UNCONFIRMED])
    def test_in_doubt_as_long_as_it_holds_somebody_back(self, outcome: Outcome) -> None:
        """Nobody decides: it is held while who was told is, and what it leaves says that it was in doubt."""
        book = live(*told(outcome=outcome), days=leaving.TOLD - 1)
        assert (list(book.doubtful), bool(book.contacts)) == ([1], True)
        while book.contacts:
            assert not book.cases[1].past
            pass_days(book, 1)
        pass_days(book, leaving.KEPT + 1)
        case = book.cases[1]
        assert (case.past, book.doubtful, book.left) == (True, {}, {})
        tally = case.dispatches[0].tally()
        assert tally is not None
        assert tally.outcomes == {Outcome.ACCEPTED: 1, outcome: 1}
        assert declined(book, unknown.resolve(unknown.Choose(1, "c2"), "sent", ANA)) == "case_left"
        book.apply(book.last_at, ev.Resolved(1, ("c2",), "sent", ANA))  # of a bot that held it for ever
        assert case.dispatches[0].tally() == tally

    def test_one_that_was_sent_again_is_held_from_then_on(self) -> None:
        lines = told(outcome=Outcome.UNKNOWN)[:-1]  # its outage is on
        book = live(*lines, (90, ev.Resent(1, ("c2",), ANA)), (90, ev.Intent(1, "c2")))
        book.apply(book.last_at, ev.Result(1, "c2", Outcome.UNKNOWN))
        book.apply(book.last_at, ev.Settled(1, "done"))
        live((90, ev.IncidentEnded(1, "gone", "1")), days=leaving.TOLD - 1, book=book)
        assert (list(book.doubtful), book.cases[1].past) == ([1], False)
        pass_days(book, leaving.KEPT + 2)
        assert book.cases[1].past

    @pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.UNCONFIRMED])
    def test_in_doubt_until_a_person_decides(self, outcome: Outcome) -> None:
        book = live(*told(outcome=outcome), days=40)
        assert list(book.doubtful) == [1]
        assert [r.id for r in book.cases[1].dispatches[0].in_doubt()] == ["c2"]
        book.apply(book.last_at, ev.Resolved(1, ("c2",), "sent", ANA))
        assert not book.doubtful
        pass_days(book, 16)  # it was last found to be in doubt up to a week before
        assert book.cases[1].past

    def test_who_is_to_be_called_is_remembered_for_a_week(self) -> None:
        book = live(*told(outcome=Outcome.UNKNOWN), (1, ev.Resolved(1, ("c2",), "call", ANA)), days=7)
        assert list(book.doubtful) == [1]
        pass_days(book, 1)
        assert not book.doubtful
        assert book.cases[1].past

    def test_an_answer_after_the_end_ends_the_doubt(self) -> None:
        book = live(*told(outcome=Outcome.UNKNOWN), (0, ev.Result(1, "c2", Outcome.ACCEPTED)))
        assert not book.doubtful

    def test_what_the_list_proves_is_in_doubt_no_more(self) -> None:
        book = live(*told(outcome=Outcome.UNKNOWN), (0, ev.Evidence(1, "c2")))
        assert list(book.doubtful) == [1]
        book.apply(NOON, ev.Evidence(1, "c2", "r9", NOON))
        assert not book.doubtful

    def test_a_start_that_finds_a_send_in_doubt(self) -> None:
        book = live(*told()[:5], (0, ev.Started("1")), days=40)
        assert list(book.doubtful) == [1]
        assert not book.cases[1].past


class TestAudit:
    def test_it_holds_thirty_days_or_a_thousand_entries(self) -> None:
        few = live(*((n / 10, ev.TapRefused(ANA, "x", "y")) for n in range(990)), days=60)
        assert len(few.audit) == 990
        many = live(*((n / 100, ev.TapRefused(ANA, "x", "y")) for n in range(4000)), days=1)
        assert many.audit[0].at < many.last_at - leaving.AUDITED * DAY
        assert many.audit[0].at >= many.last_at - (leaving.AUDITED + 2) * DAY
        assert len(many.audit) > leaving.ENTRIES

    def test_a_record_leaves_with_its_last_entry(self) -> None:
        book = live(*told(), *((n / 10, ev.TapRefused(ANA, "x", "y")) for n in range(1, 990)), days=1)
        assert book.cases[1].past
        assert book.cards == {"-1:1": 1}
        live(*((n / 10, ev.TapRefused(ANA, "x", "y")) for n in range(1100, 1200)), days=1, book=book)
        assert not book.cases
        assert not book.entries
        assert not book.cards
        assert book.next_case == 2
        assert declined(book, decide.approve(1, ANA, Rules())) == "case_left"
        assert declined(book, decide.approve(2, ANA, Rules())) == "unknown_case"

    def test_a_case_without_an_entry_has_no_record(self) -> None:
        book = live((0, ev.CaseOpened(1, incident())), (0, ev.IncidentEnded(1, "gone", "1")), days=8)
        assert not book.cases
        assert book.has_left(1)
        assert not book.has_left(2)

    def test_one_that_is_not_over_outlives_its_entries(self) -> None:
        lines: list[tuple[float, Line]] = [(0.0, ev.CaseOpened(1, incident())), (0.0, ev.Assumed(1, ANA))]
        book = live(*lines, *((n / 10, ev.TapRefused(ANA, "x", "y")) for n in range(1, 1100)), days=32)
        assert not book.entries
        assert not book.cases[1].past

    def test_a_clock_is_set_right_after_a_silence_has_left(self) -> None:
        """It had lasted when the last one began: nobody could confirm, and nothing be sent, for good."""
        book = live((0.0, ev.Silenced(1, (Scope("CB 01"),), NOON + HOUR, ANA, "works")), days=1)
        for _ in range(leaving.ENTRIES):
            book.apply(book.last_at, ev.TapRefused(ANA, "approve", "not_approver"))
        pass_days(book, leaving.AUDITED + 2)
        assert not book.silences
        assert [silence.id for silence in book.lasting] == [1]
        book.apply(book.last_at, ev.Confirmed(ANA, book.last_at - DAY))
        assert book.unconfirmed is None

    def test_silences_and_trials_leave_with_their_entries(self) -> None:
        silenced = ev.Silenced(1, (Scope("CB 01"),), NOON + HOUR, ANA, "works")
        lines: list[tuple[float, Line]] = [
            (0.0, silenced),
            (0.0, ev.TrialIntent(1, "LOS", 1, phone_of(1), ANA)),
        ]
        book = live(*lines, (0.01, ev.SilenceEnded(1, ANA)), (0.01, ev.TrialResult(1, Outcome.HELD)), days=8)
        assert list(book.silences) == [1]
        assert list(book.trials) == [1]
        live(*((n / 10, ev.TapRefused(ANA, "x", "y")) for n in range(81, 1100)), days=32, book=book)
        assert not book.silences
        assert not book.trials
        assert (book.next_silence, book.next_trial) == (2, 2)
        book.apply(book.last_at, ev.SilenceEnded(1, ANA))
        book.apply(book.last_at, ev.TrialResult(1, Outcome.HELD))
        assert not book.silences
        assert not book.trials


class TestContacts:
    @pytest.mark.parametrize("days", [1, 8, 40, 89])
    def test_who_was_told_is_known_for_the_longest_cooldown(self, days: int) -> None:
        book = live(*told(), days=days)
        assert book.contacts.keys() == {phone_key(phone_of(1)), phone_key(phone_of(2))}
        assert book.reservations.keys() == {port().key}

    def test_and_then_no_more(self) -> None:
        book = live(*told(), days=leaving.TOLD + 1)
        assert not book.contacts
        assert not book.reservations

    def test_who_was_told_again_is_known_from_then_on(self) -> None:
        book = live(*told(), *told(2, day=60), days=80)
        assert {contact.case for contact in book.contacts.values()} == {2}
        assert book.reservations[port().key].case == 2

    def test_those_of_a_record_share_one(self) -> None:
        book = live(*told(), days=8)
        one, other = book.contacts.values()
        assert one is other

    def test_nobody_rests_shorter_nor_an_hour_longer(self) -> None:
        lines = told()
        lines[6:] = [(day + 50 / 1440, line) for day, line in lines[6:]]
        book = live(*lines)
        before = dict(book.contacts)
        pass_days(book, 8)
        assert book.cases[1].past
        for key, contact in book.contacts.items():
            assert timedelta() <= contact.at - before[key].at < HOUR

    def test_those_of_other_ports_and_of_another_case_are_their_own(self) -> None:
        lines = told()
        lines[3] = (0.0, ev.Planned(1, 2, (PLAN[0], dataclasses.replace(PLAN[1], ports=("x",)), PLAN[2])))
        book = live(*lines, *told(2, day=4)[:6], days=5)
        assert book.cases[1].past
        assert book.contacts[phone_key(phone_of(1))].case == 2
        assert book.contacts[phone_key(phone_of(2))].ports != ("x",)


class TestClock:
    def test_one_that_jumps_ahead_ages_nothing(self) -> None:
        """A year further for a moment, then confirmed: all is there, as it was decided."""
        book = live(*told())
        book.apply(NOON + 365 * DAY, ev.Started("1", "future"))
        assert not book.cases[1].past
        book.apply(book.last_at, ev.Confirmed(ANA, NOON + DAY))
        assert book.contacts.keys() == {phone_key(phone_of(1)), phone_key(phone_of(2))}
        pass_days(book, 3)
        assert not book.cases[1].past

    def test_days_and_touches_are_brought_back(self) -> None:
        book = live(*told(), days=3)
        bring_back(book, NOON + DAY)
        assert book.days == [NOON, NOON + DAY]
        assert max(book.touched.values()) <= NOON + DAY

    def test_a_program_that_was_off_forgets_nothing_at_its_start(self) -> None:
        book = live(*told())
        book.apply(NOON + 200 * DAY, ev.Started("2"))
        assert not book.cases[1].past
        assert book.contacts


LATE: tuple[Line, ...] = (
    ev.TapRefused(ANA, "approve", "already_sent", 1),
    ev.CardPosted(1, -1, 99),
    ev.Reminded(1, "first"),
    ev.IncidentEnded(1, "gone", "1"),
    ev.Result(1, "c2", Outcome.ACCEPTED, "late"),
    ev.Abandoned(1, "c2"),
    ev.Spared(1, "c2"),
    ev.Resolved(1, ("c2",), "sent", ANA),
    ev.Resolved(1, ("c2",), "call", ANA),
    ev.Evidence(1, "c2"),
    ev.Evidence(1, "c2", "r9", NOON),
    ev.Untold(1, ANA),
    ev.DenialExplained(1, ANA, "x"),
    ev.Assumed(1, ANA),
    ev.Forecast(1, ANA, None),
    ev.CauseNamed(1, ANA, "x"),
    ev.Lapsed(1, ANA),
)


def gone() -> Book:
    """A book that case 1 has left."""
    book = live(*told(), *((n / 10, ev.TapRefused(ANA, "x", "y")) for n in range(1, 1100)), days=32)
    assert not book.cases
    return book


class TestLateLines:
    """A bot that forgot nothing wrote about cases that would have left by now: its ledger folds."""

    @pytest.mark.parametrize("line", LATE, ids=lambda line: line.kind)
    def test_of_a_record_and_of_what_is_gone(self, line: Line) -> None:
        for book in (live(*told(), days=8), gone()):
            before = held(book) | {"last_at": 0, "own": 0, "audit": 0, "entries": 0}
            audited = len(book.audit)
            book.apply(book.last_at + HOUR, line)
            assert held(book) | {"last_at": 0, "own": 0, "audit": 0, "entries": 0} == before
            assert len(book.audit) == audited + line.audited
            pass_days(book, 40)

    @pytest.mark.parametrize("line", LATE, ids=lambda line: line.kind)
    def test_of_one_that_came_on_again(self, line: Line) -> None:
        """Of its sends nothing is known any more, and so nothing is changed."""
        for book in (live(*told(), days=8), gone()):
            book.apply(book.last_at + HOUR, ev.IncidentChanged(1, incident()))
            if not book.cases[1].dispatches and not isinstance(line, ev.CardPosted | ev.TapRefused):
                continue
            tallies = [dispatch.tally() for dispatch in book.cases[1].dispatches]
            book.apply(book.last_at + HOUR, line)
            assert [dispatch.tally() for dispatch in book.cases[1].dispatches] == tallies

    @pytest.mark.parametrize("joined", [False, True])
    def test_what_comes_on_again_is_a_case_again(self, *, joined: bool) -> None:
        for book in (live(*told(), days=8), gone()):
            again = ev.IncidentJoined(1, incident(9)) if joined else ev.IncidentChanged(1, incident())
            book.apply(book.last_at + HOUR, again)
            case = book.cases[1]
            assert not case.past
            assert case.ended_at is None
            assert book.open == {1}
            assert book.case_of("9" if joined else "1") is case
            book.apply(book.last_at, ev.IncidentEnded(1, "gone", "9" if joined else "1"))
            assert case.ended_at is not None or joined
            pass_days(book, 20)

    def test_another_alert_that_it_had_comes_on_in_it(self) -> None:
        book = gone()
        book.apply(book.last_at, ev.IncidentChanged(1, incident()))
        book.apply(book.last_at, ev.IncidentChanged(1, incident(2, place="6/16")))
        assert book.case_of("2") is book.cases[1]
        with pytest.raises(KeyError):
            live(*told()).apply(NOON, ev.IncidentChanged(1, incident(2)))

    def test_a_port_that_is_being_sent_through_stays_held(self) -> None:
        lines = [*told()[:5], (0.0, ev.Started("1")), (0.0, ev.IncidentEnded(1, "gone", "1"))]
        book = live(*lines, days=leaving.TOLD + 1)
        assert book.reservations[port().key].case == 1

    def test_its_second_message_is_one_again_too(self) -> None:
        second = restoring_of(1)
        book = live(*told(), (0, ev.Restoring(second, 1)), days=8)
        book.apply(book.last_at, ev.IncidentChanged(1, incident()))
        assert not book.cases[second].past

    @pytest.mark.parametrize(
        "line",
        [
            ev.Approved(1, ANA, (port(),)),
            ev.Planned(1, 2, PLAN),
            ev.Intent(1, "c1"),
            ev.Resent(1, ("c2",), ANA),
        ],
        ids=lambda line: line.kind,
    )
    def test_none_that_claims_or_sends_is_passed_over(self, line: Line) -> None:
        with pytest.raises((KeyError, IndexError, ValueError)):
            gone().apply(NOON + 400 * DAY, line)

    @pytest.mark.parametrize(
        "line",
        [ev.IncidentChanged(7, incident()), ev.Result(7, "c1", Outcome.ACCEPTED), ev.CardPosted(7, 1, 1)],
    )
    def test_of_a_case_that_never_was_is_no_late_one(self, line: Line) -> None:
        with pytest.raises(KeyError):
            gone().apply(NOON + 400 * DAY, line)

    def test_of_a_second_message_whose_case_is_one_again(self) -> None:
        book, second = gone(), restoring_of(1)
        book.apply(book.last_at, ev.IncidentChanged(1, incident()))
        book.apply(book.last_at, ev.Resolved(second, ("c1",), "sent", ANA))
        book.apply(book.last_at, ev.Approved(second, ANA, ()))
        assert book.running == {second}
        assert book.cases[second].restores == 1


def test_who_asked_for_no_messages_is_known_for_ever() -> None:
    out = [(NOON, ev.OptedOut(one, "pediu", ANA)) for one in ("p1", "p2")]
    book = folded(iter([*out, *lived(400), (NOON + 400 * DAY, ev.OptedIn("p2", ANA))]), Book())
    assert not any(isinstance(entry.line, ev.OptedOut) for entry in book.audit), "its entry has left"
    assert book.opted_out.keys() == {"p1"}
