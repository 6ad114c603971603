"""One card for one cause: which incidents go together, and what the card says of it."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.causes.correlation import Group, Grouping, Reason, Waiting, dominant, explain, group
from bot.domain.incident import Incident, Inventory, Kind, Port
from bot.domain.rules import Rules
from tests.fakes import NOON

RULES = Rules(group_seconds=120, group_power_seconds=300)
FULL = frozenset(f"{slot}/{pon}" for slot in range(1, 5) for pon in range(1, 17))
INVENTORY: Inventory = {f"CB 0{n}": FULL for n in range(1, 6)}
L, P = Kind.LOS, Kind.POWER


def fell(
    place: str,
    at: float = 0,
    kind: Kind = L,
    affected: int | None = 20,
    *,
    olt: int = 1,
    total: int | None = 61,
) -> Incident:
    """`at` seconds after noon; its id tells where and when."""
    where = Port(f"{olt}:{place}", f"CB 0{olt}", place)
    alert = "pon_loss" if kind is L else "pon_no_power"
    return Incident(
        f"{where.key} {kind} {at:g}", kind, alert, where, NOON + timedelta(seconds=at), affected, total
    )


def on_cto(name: str, at: float = 0) -> Incident:
    """The alert of a CTO that names no PON."""
    what = fell("1/1", at)
    return replace(what, id=f"cto {name}@{at:g}", port=Port(f"1:cto:{name}", "CB 01", name), total=16)


def slot(number: int, pons: int = 16) -> list[Incident]:
    return [fell(f"{number}/{pon}") for pon in range(1, pons + 1)]


def groups(
    new: Sequence[Incident], known: Sequence[Waiting] = (), rules: Rules = RULES, later: float = 900
) -> list[Group]:
    return group(new, known, INVENTORY, rules, NOON + timedelta(seconds=later))


def together(*incidents: Incident, rules: Rules = RULES) -> bool:
    return len(groups(incidents, rules=rules)) == 1


def why(incidents: Sequence[Incident], inventory: Inventory = INVENTORY) -> Grouping | None:
    return explain(incidents, inventory, RULES)


# Who goes together


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (fell("1/1"), fell("3/9", 120), True),
        (fell("1/1"), fell("3/9", 121), False),
        (fell("1/1"), fell("3/9", olt=2), False),  # a cable ends at one OLT
        (fell("1/1"), fell("3/9", kind=P), True),
        (fell("1/1", kind=P), fell("3/9", 300, kind=P, olt=2), True),  # a region
        (fell("1/1", kind=P), fell("3/9", 300, kind=P), True),  # a region within one OLT
        (fell("1/1", kind=P), fell("3/9", 301, kind=P, olt=2), False),
        (fell("1/1", kind=P), fell("3/9", 10, olt=2), False),
        (fell("1/1"), on_cto("A/12", 30), True),
        (fell("1/1"), fell("1/1", 30, kind=P, affected=1), True),  # one port, of whatever size and kind
        (fell("1/1", affected=1), fell("1/1", 30, affected=2), True),
        (fell("1/1", affected=1), fell("1/1", 130, affected=2), False),
        (fell("1/1"), fell("1/1", -365 * 86400), False),
    ],
)
def test_two(one: Incident, other: Incident, same: bool) -> None:
    assert together(one, other) is same
    assert together(other, one) is same


@pytest.mark.parametrize(
    ("affected", "total", "noise"),
    [
        (1, 61, True),
        (2, 61, True),
        (3, 61, False),
        (2, 4, False),
        (2, 5, True),
        (1, 1, False),
        (1, None, False),
    ],
)
def test_one_or_two_of_many_are_no_sibling_of_a_cut(affected: int, total: int | None, noise: bool) -> None:
    for kind in (L, P):
        cut = [fell(f"1/{pon}") for pon in range(1, 5)]
        odd = fell("2/9", 5, kind, affected, total=total)
        assert [len(g.incidents) for g in groups([*cut, odd])] == ([4, 1] if noise else [5])


@pytest.mark.parametrize(
    ("ports", "odd", "same"),
    [
        (3, fell("2/9", 60, P, 1), True),  # the edge of what is dark
        (3, fell("2/9", 60, P, 2), True),
        (2, fell("2/9", 60, P, 1), False),  # two ports are no power failure to speak of
        (3, fell("2/9", 60, L, 1), False),  # it would have gasped
        (3, fell("2/9", 121, P, 1), False),
        (3, fell("2/9", 60, P, 1, olt=2), False),  # nothing else says that it reaches there
    ],
)
def test_one_or_two_gasps_are_of_the_power_failure_of_their_own_olt(
    ports: int, odd: Incident, same: bool
) -> None:
    dark = [fell(f"1/{pon}", kind=P) for pon in range(1, ports + 1)]
    assert [len(g.incidents) for g in groups([*dark, odd])] == ([ports + 1] if same else [ports, 1])
    joined = [Group((odd,), joins=4)] if same else [Group((odd,))]
    assert groups([odd], [Waiting(4, tuple(dark))]) == joined


def test_where_power_does_not_dominate_a_gasp_is_noise() -> None:
    mixed = [fell(f"1/{pon}", kind=P if pon < 3 else L) for pon in range(1, 5)]
    assert [len(g.incidents) for g in groups([*mixed, fell("2/9", 5, P, 1)])] == [4, 1]


def test_a_count_that_is_not_known_is_no_noise() -> None:
    assert together(fell("1/1"), fell("1/2", affected=None))


def test_noise_links_nothing() -> None:
    assert len(groups([fell("1/1"), fell("2/1", 100, affected=1), fell("3/1", 200)])) == 3


def test_few_onus_count_where_nearly_all_of_a_slot_or_of_an_olt_fell() -> None:
    card = [*slot(2, 15), fell("2/16", 20, affected=1)]
    assert together(*card)
    assert len(groups([*card, fell("3/1", 20, affected=1)])) == 2
    everything = [fell(place, affected=1 + (place == "4/1")) for place in FULL]
    assert together(*everything)


def test_what_goes_on_falling_is_one_cause_no_longer_than_five_windows() -> None:
    storm = [fell(f"{n // 16 + 1}/{n % 16 + 1}", 100 * n) for n in range(20)]
    assert [len(g.incidents) for g in groups(storm, later=4000)] == [7, 7, 6]


def test_sixty_pons_in_one_poll_are_one_group() -> None:
    assert together(*[fell(f"{n // 16 + 1}/{n % 16 + 1}", n / 10) for n in range(60)])


@pytest.mark.parametrize("decided", [False, True])
def test_sixty_pons_over_three_minutes_are_one_card_and_at_most_one_that_follows(decided: bool) -> None:
    pons = [fell(f"{n // 16 + 1}/{n % 16 + 1}", 3 * n) for n in range(60)]
    cases: dict[int, list[Incident]] = {}
    for poll in range(0, 211, 30):
        fresh = [i for n, i in enumerate(pons) if poll - 30 < 3 * n <= poll]
        known = [Waiting(n, tuple(c), decided=decided and n == 1) for n, c in cases.items()]
        for found in groups(fresh, known, later=poll):
            cases.setdefault(found.joins or len(cases) + 1, []).extend(found.incidents)
    assert sum(map(len, cases.values())) == 60
    assert len(cases) == (2 if decided else 1)


def test_a_start_in_the_future_is_taken_for_now() -> None:
    future = fell("1/2", 86400)
    assert [len(g.incidents) for g in groups([fell("1/1"), future], later=60)] == [2]
    later = groups([fell("1/3", 3600)], [Waiting(1, (future,))], later=3600)
    assert later == [Group((fell("1/3", 3600),))]  # and draws in nothing ever after
    told = why([fell("1/1"), fell("1/3", 40), future])
    assert told is not None
    assert told.seconds == 40


def test_group_seconds_0_groups_nothing() -> None:
    incidents = [*slot(1), fell("1/1", kind=P)]
    found = groups(incidents, [Waiting(1, (fell("2/1"),))], rules=replace(RULES, group_seconds=0))
    assert Counter(i for g in found for i in g.incidents) == Counter(incidents)
    assert all(len(g.incidents) == 1 and g.joins is g.follows is None for g in found)


def rack(olt: int, at: float, ports: int = 3, kind: Kind = L) -> list[Incident]:
    """Some PONs of an OLT, a second after each other."""
    return [fell(f"1/{n}", at + n - 1, kind, olt=olt) for n in range(1, ports + 1)]


def test_what_lost_its_light_on_several_olts_at_one_moment_is_one_cut() -> None:
    assert together(*rack(1, 0), *rack(2, 20), *rack(3, 40))  # one after the other
    assert together(*rack(1, 0, 16), *rack(2, 15)), "the first of each, however long the others take"
    assert why([*rack(1, 0), *rack(2, 20)]) == Grouping(Reason.SITE, 6, None, 2, seconds=22, share=1.0)
    many = [one for n in range(1, 9) for one in rack(n, 20 * n)]
    assert [len({i.port.olt for i in g.incidents}) for g in groups(many)] == [6, 2], "no longer than five"
    for apart in (
        [*rack(1, 0), *rack(2, 21)],
        [*rack(1, 0), *rack(2, 0, 2)],
        [*rack(1, 0, kind=P), *rack(2, 0)],
        [*rack(1, 0), *(replace(i, start_known=False) for i in rack(2, 0))],
    ):
        assert [len({i.port.olt for i in g.incidents}) for g in groups(apart)] == [1, 1]


def test_a_cut_on_another_olt_joins_the_case_that_nobody_decided_on() -> None:
    known, late = Waiting(1, tuple(rack(1, 0))), rack(2, 8)
    assert groups(late, [known], later=60) == [Group(tuple(late), joins=1)]
    assert groups(late, [replace(known, decided=True)], later=60) == [Group(tuple(late), follows=1)]


def test_group_power_seconds_0_makes_no_regions() -> None:
    here, there = fell("1/1", kind=P), fell("1/1", kind=P, olt=2)
    assert not together(here, there, rules=replace(RULES, group_power_seconds=0))


def test_a_port_that_flaps_is_one_group_however_long() -> None:
    assert together(*[fell("1/1", 90 * n) for n in range(10)])


def test_an_olt_where_los_mixes_in_is_of_the_region_but_a_cut_is_not() -> None:
    region = [fell(f"1/{pon}", kind=P) for pon in range(1, 9)]
    mixed = [fell("1/1", 60, P, olt=2), fell("1/2", 60, olt=2)]
    assert together(*region, *mixed)
    cut = [fell(f"2/{pon}", 60, olt=2) for pon in range(1, 5)]
    assert len(groups([*region, *mixed, *cut])) == 2
    elsewhere = [fell("1/1", 60, P, olt=3), fell("1/2", 60, olt=3)]
    assert len(groups([*mixed, *elsewhere])) == 2
    assert len(groups([*region[:2], *mixed, *elsewhere])) == 3


# Late siblings


def test_late_siblings_join_the_case_that_waits() -> None:
    late = fell("1/2", 100)
    assert groups([late], [Waiting(7, (fell("1/1"),))]) == [Group((late,), joins=7)]
    assert groups([late], [Waiting(7, (fell("1/1", olt=2),))]) == [Group((late,))]
    assert groups([late], [Waiting(7, ())]) == [Group((late,))]


def test_they_follow_a_decided_one() -> None:
    late = [fell("1/2", 100), fell("1/3", 110)]
    assert groups(late, [Waiting(7, (fell("1/1"),), decided=True)]) == [Group(tuple(late), follows=7)]


def test_undecided_goes_before_decided_and_the_lowest_number_before_others() -> None:
    late = fell("1/4", 50)
    decided = Waiting(1, (fell("1/1"),), decided=True)
    others = [Waiting(3, (fell("1/3"),)), Waiting(2, (fell("1/2"),))]
    assert groups([late], [decided, *others]) == [Group((late,), joins=2)]


def test_late_ones_of_two_olts_join_their_region_together() -> None:
    case = Waiting(4, (fell("1/1", kind=P), fell("1/1", kind=P, olt=2)))
    late = [fell("2/2", 90, P), fell("2/2", 90, P, olt=2), fell("2/2", 90, P, olt=3)]
    [found] = groups(late, [case])
    assert (set(found.incidents), found.joins) == (set(late), 4)


def test_the_last_port_of_a_card_joins_it_though_few_of_its_onus_fell() -> None:
    late = fell("2/16", 60, affected=1)
    assert groups([late], [Waiting(4, tuple(slot(2, 15)))]) == [Group((late,), joins=4)]
    assert groups([late], [Waiting(4, tuple(slot(2, 9)))]) == [Group((late,))]


def test_noise_that_has_a_case_is_no_sibling_either() -> None:
    late = fell("1/2", 10)
    assert groups([late], [Waiting(4, (fell("1/1", affected=1),))]) == [Group((late,))]
    assert groups([late], [Waiting(4, (fell("1/2", affected=1),))]) == [Group((late,), joins=4)]


# Why


@pytest.mark.parametrize(
    ("incidents", "expected"),
    [
        ([fell("1/1")], None),
        ([fell("1/1"), fell("1/1", 9, P)], None),
        ([fell("1/1"), fell("2/1", 9)], Grouping(Reason.CABLE, 2, 64, seconds=9, share=1.0)),
        ([fell("1/1"), fell("1/2", kind=P)], Grouping(Reason.MIXED, 2, 64)),
        (
            [fell("1/1", affected=7), fell("1/2", kind=P, affected=3)],
            Grouping(Reason.CABLE, 2, 64, share=0.7),
        ),
        ([fell("1/1", kind=P), fell("1/2", kind=P)], Grouping(Reason.POWER, 2, 64, share=1.0)),
        (
            [fell("1/1", kind=P), fell("1/1", 77.4, P, olt=2)],
            Grouping(Reason.POWER, 2, None, 2, seconds=77, share=1.0),
        ),
        (slot(3, 13), Grouping(Reason.SLOT, 13, 16, slot="3", share=1.0)),
        (
            [replace(i, kind=P) for i in slot(3)],
            Grouping(Reason.POWER, 16, 64, share=1.0),
        ),
        (slot(3, 12), Grouping(Reason.CABLE, 12, 64, share=1.0)),
        ([*slot(3), on_cto("A/12")], Grouping(Reason.SLOT, 17, 16, slot="3", share=1.0)),
        ([*slot(3), fell("4/1")], Grouping(Reason.CABLE, 17, 64, share=1.0)),
        ([*slot(1), *slot(2), *slot(3), *slot(4)], Grouping(Reason.OLT, 64, 64, share=1.0)),
        ([on_cto("A"), on_cto("B")], Grouping(Reason.CABLE, 2, 64, share=1.0)),
    ],
)
def test_why(incidents: list[Incident], expected: Grouping | None) -> None:
    assert why(incidents) == expected


def test_gasps_from_nearly_a_whole_olt_prove_that_it_lives() -> None:
    all_of_it = sorted(FULL)
    dark = [fell(place, kind=P if n < 50 else L) for n, place in enumerate(all_of_it)]
    assert why(dark) == Grouping(Reason.POWER, 64, 64, share=0.78)
    half = [fell(place, kind=P if n < 30 else L) for n, place in enumerate(all_of_it)]
    assert why(half) == Grouping(Reason.OLT, 64, 64)


def test_an_olt_that_the_inventory_does_not_know_is_not_said_to_be_down() -> None:
    twin = [replace(i, port=replace(i.port, olt="CB 01 (#7)")) for i in slot(1)]
    assert why(twin) == Grouping(Reason.CABLE, 16, None, share=1.0)
    assert why(slot(1), {}) == Grouping(Reason.CABLE, 16, None, share=1.0)


def test_where_two_olts_share_a_name_too_little_is_claimed_rather_than_too_much() -> None:
    mine = [fell(f"1/{pon}") for pon in range(1, 9)]
    both = {"CB 01": frozenset({*(i.port.place for i in mine), *(f"2/{pon}" for pon in range(1, 9))})}
    told = why(mine, both)
    assert told is not None
    assert told.reason is Reason.SLOT


def test_a_card_of_one_port_is_not_a_card() -> None:
    assert why([fell("9/1"), on_cto("A")], {"CB 01": frozenset({"9/1", "1/1"})}) == Grouping(
        Reason.CABLE, 2, 2, share=1.0
    )


@pytest.mark.parametrize(
    ("incidents", "kind"),
    [
        ([fell("1/1"), fell("1/2", kind=P, affected=9)], None),
        ([fell("1/1"), fell("1/2", kind=P, affected=8)], L),
        ([fell("1/1", affected=8), fell("1/2", kind=P)], P),
        ([fell("1/1"), fell("1/2"), fell("1/3"), fell("1/4", kind=P, affected=None)], L),
        ([fell("1/1", affected=900), fell("1/4", kind=P, affected=None)], None),
        ([fell("1/1", affected=0), fell("1/2", affected=0)], L),
        ([fell("1/1", affected=20), fell("1/1", 3, affected=20), fell("1/2", kind=P, affected=9)], None),
        ([fell("1/1", kind=Kind.OTHER)], None),
    ],
)
def test_one_kind_dominates_at_70_percent_of_the_onus(incidents: list[Incident], kind: Kind | None) -> None:
    assert dominant(incidents, RULES) is kind


# Whatever comes


@st.composite
def a_poll(draw: st.DrawFn) -> tuple[list[Incident], list[Waiting]]:
    """Few ports and moments, so that much coincides."""
    anything = st.builds(
        fell,
        st.sampled_from(["1/1", "1/2", "2/1", "2/2"]),
        st.sampled_from([-400_000, 0, 60, 150, 400, 700, 1200, 90_000]),
        st.sampled_from([L, P]),
        st.sampled_from([None, 0, 1, 2, 30]),
        olt=st.integers(1, 3),
        total=st.sampled_from([None, 2, 61]),
    )
    incidents = [replace(i, id=str(n)) for n, i in enumerate(draw(st.lists(anything, max_size=24)))]
    where = draw(st.lists(st.integers(0, 4), min_size=len(incidents), max_size=len(incidents)))
    new = [i for i, case in zip(incidents, where, strict=True) if case == 0]
    known = [
        Waiting(n, tuple(i for i, case in zip(incidents, where, strict=True) if case == n), decided=n > 2)
        for n in range(1, 5)
    ]
    return new, known


@given(a_poll(), st.randoms(use_true_random=False))
def test_everyone_is_in_one_group_whatever_the_order(
    poll: tuple[list[Incident], list[Waiting]], rng: random.Random
) -> None:
    new, known = poll
    found = groups(new, known)
    assert Counter(i.id for g in found for i in g.incidents) == Counter(i.id for i in new)
    targets = [(g.joins, g.follows) for g in found if (g.joins, g.follows) != (None, None)]
    assert len(targets) == len(set(targets))
    assert all(None in target for target in targets)
    rng.shuffle(new)
    rng.shuffle(known)
    assert groups(new, [replace(c, incidents=c.incidents[::-1]) for c in known]) == found
    for one in found:
        told = why(one.incidents)
        assert (told is None) == (len({i.port.key for i in one.incidents}) == 1)


@given(a_poll())
def test_what_falls_on_one_port_within_the_window_is_never_two(
    poll: tuple[list[Incident], list[Waiting]],
) -> None:
    new = poll[0]
    group_of = {i.id: n for n, g in enumerate(groups(new)) for i in g.incidents}
    for one in new:
        for other in new:
            if one.port == other.port and 0 <= (other.started - one.started).total_seconds() <= 120:
                assert group_of[one.id] == group_of[other.id]


def storm(count: int) -> list[Incident]:
    """So many alerts at once, of twenty OLTs."""
    return [
        replace(fell(f"{n // 16 % 8}/{n % 16}", n * 7 % 900, P if n % 3 else L, olt=n % 20), id=str(n))
        for n in range(count)
    ]


@pytest.mark.parametrize("known", [False, True], ids=["all new", "a third of them known"])
def test_four_times_the_alerts_in_one_poll_take_no_more_than_eight_times_the_work(*, known: bool) -> None:
    """Each is looked at beside its neighbours, not beside all: that would be sixteen times."""

    def seconds(count: int) -> float:
        alerts = storm(count)
        cases = [Waiting(n, (i,), decided=n % 2 == 0) for n, i in enumerate(alerts[: count // 3], 1)]
        new = alerts[count // 3 :] if known else alerts
        before = time.process_time()
        found = groups(new, cases if known else [])
        took = time.process_time() - before
        assert sum(len(g.incidents) for g in found) == len(new)
        return took

    assert min(seconds(3000) for _ in range(3)) < 8 * min(seconds(750) for _ in range(3))
