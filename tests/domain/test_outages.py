"""The fold of a case's life, asked directly where a whole flow would hide what is meant."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.book import Book
from bot.domain.causes.flapping import KEPT, Spell, oscillates, recent
from bot.domain.causes.sightings import Absence, Sightings
from bot.domain.events import (
    Approved,
    CaseOpened,
    IncidentChanged,
    IncidentEnded,
    IncidentJoined,
    Line,
    Separated,
    Silenced,
    SilenceEnded,
)
from bot.domain.incident import Incident, Poll
from bot.domain.limits.silence import Scope, Silence, same_olt
from tests.fakes import ANA, NOON, incident, port
from tests.patience import quickest

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def book(*lines: Line, at: datetime = NOON) -> Book:
    made = Book()
    for n, line in enumerate(lines):
        made.apply(at + n * MINUTE, line)
    return made


def poll(*there: Incident, complete: bool = True, present: frozenset[str] = frozenset()) -> Poll:
    return Poll(there, frozenset(i.id for i in there) | present, complete)


class TestMoves:
    def test_a_rehearsal_moves_without_a_reservation(self) -> None:
        moved = incident(1, place="6/9")
        made = book(
            CaseOpened(1, incident(1)),
            Approved(1, ANA, (port(),), dry_run=True),
            IncidentChanged(1, moved),
        )
        assert made.cases[1].dispatches[-1].ports == (port(), port("6/9"))
        assert made.reservations == {}

    def test_a_port_that_was_left_out_is_no_part_of_the_dispatch_when_its_incident_moves(self) -> None:
        made = book(
            CaseOpened(1, incident(1), (incident(2, place="6/2"),)),
            Approved(1, ANA, (port(),), left_out=(port("6/2"),)),
            IncidentChanged(1, incident(2, place="6/9")),
        )
        assert made.cases[1].dispatches[-1].ports == (port(),)
        assert set(made.reservations) == {port().key}

    def test_a_case_that_lost_its_last_incident_still_says_what_it_was_about(self) -> None:
        made = book(CaseOpened(1, incident(1)), CaseOpened(2, incident(1)))
        assert (made.cases[1].incident, made.open) == (incident(1), {2})


class TestWhatEndedLately:
    def test_an_end_of_days_ago_gives_way_to_the_next(self) -> None:
        made = book(
            CaseOpened(1, incident(1)),
            Approved(1, ANA, (port(),)),
            CaseOpened(2, incident(2, place="6/2")),
            Approved(2, ANA, (port("6/2"),)),
            IncidentEnded(1),
        )
        assert list(made.to_restore) == [1]
        made.apply(NOON + timedelta(days=5), IncidentEnded(2))
        assert list(made.to_restore) == [2]


class TestSpells:
    def test_a_port_is_down_while_any_incident_is_on_there(self) -> None:
        cto, pon = incident(1), incident(2)
        made = book(
            CaseOpened(1, cto),
            CaseOpened(2, pon),
            IncidentEnded(1, "gone", "1"),
            IncidentChanged(1, cto),
            IncidentEnded(1, "gone", "1"),
            IncidentEnded(2, "gone", "2"),
        )
        assert made.spells[cto.port.key] == [Spell(NOON, NOON + 5 * MINUTE)]

    def test_one_end_told_twice_is_one(self) -> None:
        made = book(CaseOpened(1, incident()), IncidentEnded(1), IncidentEnded(1, "gone", "1"))
        assert made.spells["CB 01:6/15"] == [Spell(NOON, NOON + MINUTE)]

    def test_who_is_taken_apart_does_not_fall_again(self) -> None:
        one, other = incident(1, place="6/1"), incident(2, place="7/1")
        made = book(CaseOpened(1, one, (other,)), Separated(1, ANA), CaseOpened(2, other, apart=1))
        assert made.spells["CB 01:7/1"] == [Spell(NOON)]
        assert (list(made.cases[1].members), list(made.cases[2].members)) == (["1"], ["2"])
        assert made.case_of("2") is made.cases[2]

    def test_only_the_last_ones_are_kept(self) -> None:
        lines: list[Line] = [CaseOpened(1, incident())]
        for _ in range(2 * KEPT):
            lines += [IncidentEnded(1, "gone", "1"), IncidentChanged(1, incident())]
        made = Book()
        for n, line in enumerate(lines):
            made.apply(NOON + n * SECOND, line)
        spells = made.spells["CB 01:6/15"]
        assert len(spells) == KEPT
        assert spells[-1] == Spell(NOON + 4 * KEPT * SECOND)

    def test_only_those_of_the_last_hour_are_kept(self) -> None:
        lines: list[Line] = [CaseOpened(1, incident())]
        for _ in range(2 * KEPT):
            lines += [IncidentEnded(1, "gone", "1"), IncidentChanged(1, incident())]
        assert len(book(*lines).spells["CB 01:6/15"]) == 31  # one each two minutes

    def test_they_are_enough_for_the_largest_setting(self) -> None:
        made = Book()
        made.apply(NOON, CaseOpened(1, incident()))
        for n in range(1, 61):
            made.apply(NOON + n * MINUTE, IncidentEnded(1, "gone", "1"))
            made.apply(NOON + n * MINUTE, IncidentChanged(1, incident()))
        spells = made.spells["CB 01:6/15"]
        assert oscillates(spells, NOON + 60 * MINUTE, flaps=60)  # FLAPS_PER_HOUR
        assert not oscillates(spells, NOON + 61 * MINUTE, flaps=60)

    def test_an_hour_is_an_hour(self) -> None:
        spells = [Spell(NOON, NOON + MINUTE), Spell(NOON + 30 * MINUTE)]
        assert len(recent(spells, NOON + 60 * MINUTE)) == 2
        assert len(recent(spells, NOON + 60 * MINUTE + timedelta(seconds=1))) == 1
        assert oscillates(spells, NOON + 60 * MINUTE, 1)
        assert not oscillates(spells, NOON + 60 * MINUTE, 2)


class TestCases:
    def test_it_is_over_with_the_last_of_its_incidents(self) -> None:
        one, other = incident(1, place="6/1"), incident(2, place="6/2")
        made = book(CaseOpened(1, one, (other,)), IncidentEnded(1, "gone", "1"))
        assert (made.cases[1].ended_at, made.open) == (None, {1})
        made.apply(NOON + 2 * MINUTE, IncidentEnded(1, "ignored", "2"))
        assert (made.cases[1].ended_at, made.cases[1].ended_why) == (NOON + 2 * MINUTE, "gone")
        assert made.open == set()
        assert len(made.cases[1].incidents) == 2

    def test_an_incident_that_joins_twice_counts_once(self) -> None:
        one, other = incident(1, place="6/1"), incident(2, place="6/2")
        made = book(CaseOpened(1, one), IncidentJoined(1, other), IncidentJoined(1, other))
        assert (made.cases[1].joined, len(made.cases[1].members)) == (1, 2)

    @pytest.mark.parametrize(
        ("started", "same"), [(0, True), (4, True), (5, False), (600, False)]
    )  # minutes after it began; it was over after four
    def test_what_began_after_its_end_is_another(self, started: int, same: bool) -> None:
        made = book(CaseOpened(1, incident(started=NOON)), IncidentEnded(1), at=NOON + 3 * MINUTE)
        found = made.known(incident(started=NOON + started * MINUTE))
        assert (found is made.cases[1]) is same

    def test_a_start_that_lay_in_the_future_is_no_other(self) -> None:
        later = incident(started=NOON + timedelta(days=1))
        made = book(CaseOpened(1, later), IncidentEnded(1))
        assert made.known(later) is made.cases[1]

    def test_while_it_is_on_its_id_is_its_own(self) -> None:
        made = book(CaseOpened(1, incident(started=NOON)))
        assert made.known(incident(started=NOON + timedelta(days=9))) is made.cases[1]

    def test_the_end_of_3000_incidents_of_one_case_takes_no_squares(self) -> None:
        those = [incident(n, place=f"{n // 16}/{n % 16}") for n in range(3000)]

        def all_end() -> None:
            made = book(CaseOpened(1, those[0], tuple(those[1:])))
            for one in those:
                made.apply(NOON, IncidentEnded(1, "gone", one.id))
            assert made.open == set()

        assert quickest(all_end) < 2


class TestSightings:
    def test_a_poll_that_proves_nothing_leaves_what_it_did_not_bring_as_it_was(self) -> None:
        seen = Sightings().saw(poll(incident(1)), ["7"], [incident(1)], NOON)
        seen = seen.saw(poll(incident(2), complete=False), ["7"], [incident(2)], NOON + MINUTE)
        assert {id_: (one.since, one.polls) for id_, one in seen.new.items()} == {
            "1": (NOON, 1),
            "2": (NOON + MINUTE, 1),
        }
        assert seen.gone == {"7": Absence(1, NOON)}

    def test_a_row_that_is_there_and_cannot_be_read_is_not_gone(self) -> None:
        seen = Sightings().saw(poll(), ["7"], [], NOON)
        seen = seen.saw(poll(present=frozenset("7"), complete=False), ["7"], [], NOON)
        assert seen.gone == {}
        seen = seen.saw(poll(present=frozenset("7")), ["7"], [], NOON)
        assert seen.gone == {}

    def test_what_is_not_offered_any_more_waits_for_nothing(self) -> None:
        for complete in (True, False):
            seen = Sightings().saw(poll(incident(1)), [], [incident(1)], NOON)
            ignored = replace(incident(1), ignored=True)
            assert seen.saw(poll(ignored, complete=complete), [], [], NOON).new == {}

    def test_it_is_seen_since_the_earliest_time_that_the_clock_told(self) -> None:
        seen = Sightings().saw(poll(incident(1)), [], [incident(1)], NOON)
        seen = seen.saw(poll(incident(1)), [], [incident(1)], NOON - 60 * MINUTE)
        assert (seen.new["1"].since, seen.new["1"].polls) == (NOON - 60 * MINUTE, 2)


class TestSilences:
    @pytest.mark.parametrize(
        ("scope", "covered"),
        [
            (Scope("CB 01"), True),
            (Scope(" cb  01 "), True),
            (Scope("CB 01", "6"), True),
            (Scope("CB 01", "6/15"), True),
            (Scope("CB 01", "6/1"), False),
            (Scope("CB 01", "15"), False),
            (Scope("CB 1"), False),
        ],
    )
    def test_what_a_scope_covers(self, scope: Scope, covered: bool) -> None:
        made = Silence(1, (Scope("CB 77"), scope), NOON, NOON + MINUTE, ANA, "works")
        assert made.covers(port("6/15")) is covered

    def test_a_place_without_a_slot_lies_in_no_slot(self) -> None:
        silent = Silence(1, (Scope("CB 01", "CTO 6"),), NOON, NOON + MINUTE, ANA, "works")
        assert silent.covers(port("CTO 6"))
        assert not replace(silent, scopes=(Scope("CB 01", "CTO"),)).covers(port("CTO 6"))
        assert port("CTO 6").slot == ""

    def test_names_are_compared_as_people_read_them(self) -> None:
        assert same_olt("CB 01", "cb\t01")
        assert not same_olt("CB 01", "CB 011")

    def test_the_longest_that_is_on_counts_and_an_ended_one_never_grows(self) -> None:
        made = book(
            Silenced(1, (Scope("CB 01"),), NOON + 5 * MINUTE, ANA, "works"),
            Silenced(2, (Scope("CB 01"),), NOON + 9 * MINUTE, ANA, "works"),
        )
        found = made.silence_of(port(), NOON + 2 * MINUTE)
        assert found is not None
        assert found.id == 2
        assert made.silence_of(port(), NOON + 9 * MINUTE) is None
        made.apply(NOON + 20 * MINUTE, SilenceEnded(2, ANA))
        assert made.silences[2].until == NOON + 9 * MINUTE

    def test_those_of_years_are_not_asked_for_each_port(self) -> None:
        made = Book()
        for n in range(5000):
            made.apply(
                NOON + n * MINUTE, Silenced(n + 1, (Scope("CB 02"),), NOON + (n + 3) * MINUTE, ANA, "x")
            )
        made.apply(NOON + 5000 * MINUTE, SilenceEnded(5000, ANA))
        now = NOON + 5000 * MINUTE
        found = made.silence_of(port(olt="CB 02"), now)
        assert quickest(lambda: [made.silence_of(port(olt="CB 02"), now) for _ in range(3000)]) < 0.2
        assert found is not None
        assert found.id == 4999
