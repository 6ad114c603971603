"""The month is what it says, and the rules find its causes in it."""

from collections import Counter
from dataclasses import replace

import pytest

from bot.domain.causes.correlation import Reason
from bot.domain.customer import Link
from tests.fakes import FakeSource
from tests.month.__main__ import RULES, played, summed
from tests.month.generate import generate
from tests.month.score import Score, score
from tests.month.table import markdown
from tests.month.timeline import Played, Timeline
from tests.month.truth import DAY, Month, Scenario

MEASURED_SEEDS = (1, 2)
# Precision, recall and cards a cause, with the numbers measured for these seeds beside them. What is missing:
# two causes that coincide on one OLT cannot be told apart; in a storm much coincides; ports at the edge of
# a power failure whose one or two ONUs say LOS, or where little else fell, have a card each; planned work
# goes PON by PON.
LEAST = {
    Scenario.CUT: (0.89, 0.98, 1.15),  # 0.977, 1.000, 1.09
    Scenario.SLOT: (0.95, 0.99, 1.01),  # 1.000, 1.000, 1.00
    Scenario.OLT: (0.95, 0.99, 1.01),  # 1.000, 1.000, 1.00
    Scenario.POP: (0.95, 0.99, 1.01),  # 0.984, 1.000, 1.00
    Scenario.RING: (0.93, 0.95, 1.26),  # 0.989, 1.000, 1.00
    Scenario.POWER: (0.88, 0.86, 2.10),  # 0.883, 0.936, 1.90
    Scenario.STORM: (0.63, 0.90, 1.30),  # 0.678, 0.940, 1.15
}
# What the card with most of a cause says, at least how often, and how often here.
NAMED = {
    Scenario.CUT: (Reason.CABLE, 0.9),  # 33 of 34
    Scenario.SLOT: (Reason.SLOT, 0.9),  # 6 of 6
    Scenario.OLT: (Reason.OLT, 0.9),  # 4 of 4
    Scenario.POP: (Reason.SITE, 0.9),  # 2 of 2
    Scenario.RING: (Reason.SITE, 0.9),  # 4 of 4
    Scenario.POWER: (Reason.POWER, 0.85),  # 26 of 28
}


@pytest.fixture(scope="module")
def short() -> Month:
    return generate(1, days=3)


def test_a_seed_makes_one_month_and_another_seed_another(short: Month) -> None:
    assert generate(1, days=3) == short
    assert generate(2, days=3).alerts != short.alerts


def test_everything_that_can_happen_happens(short: Month) -> None:
    found = {cause.scenario for cause in short.causes.values()}
    assert found == set(Scenario)
    assert {cause.scenario for cause in short.causes.values() if cause.planned} == {Scenario.PLANNED}
    spells = Counter(a.cause for a in short.alerts.values() if short.causes[a.cause].flapping)
    assert min(spells.values()) > 6


def test_a_month_has_real_sizes(short: Month) -> None:
    assert 300 <= len(short.network.pons) <= 640
    assert 12_000 <= len(short.network.contacts) <= 28_000
    moments = range(3600, int(3 * DAY), 3600)
    few = [sum(a.opens <= t < a.closes and len(a.drops) <= 2 for a in short.alerts.values()) for t in moments]
    assert 2 <= sum(few) / len(few) <= 8  # 4 or 5 in the snapshot that correlation.py names


def test_a_port_has_one_alert_of_a_kind_at_a_time(short: Month) -> None:
    until: dict[tuple[object, ...], float] = {}
    for alert in short.alerts.values():
        key = (alert.incident.port, alert.incident.alert_type, alert.incident.cto)
        assert until.get(key, alert.opens) <= alert.opens < alert.closes
        until[key] = alert.closes
        assert 1 <= alert.first <= len(alert.drops) <= (alert.incident.total or 0)
        assert alert.cause in short.causes


async def test_a_source_is_driven_through_it(short: Month) -> None:
    source = FakeSource()
    played = Played(Timeline(short), source)
    shown: dict[str, int] = {}
    for time in played.timeline.polls():
        played.go(time)
        poll = await source.open_incidents()
        assert poll.present == {a.id for a in short.alerts.values() if a.opens <= time < a.closes}
        shown |= {i.id: i.affected or 0 for i in poll.incidents}
    assert not (await source.open_incidents()).present
    assert len(shown) > 0.95 * len(short.alerts)
    last = max(short.alerts.values(), key=lambda a: a.closes)
    links = await source.links(last.incident.port)
    assert {links[drop.serial] for drop in last.drops} == {Link.ONLINE}
    assert len((await source.affected(last.id)).onus) == len(last.drops) == shown[last.id]


def test_no_poll_is_left_out_in_which_something_changes(short: Month) -> None:
    polls = list(Timeline(short).polls())
    assert polls == sorted(set(polls))
    assert all(time % 30 == 0 for time in polls)
    for alert in short.alerts.values():
        assert any(alert.opens <= time < alert.opens + 30 for time in polls)
        assert any(alert.closes <= time < alert.closes + 30 for time in polls)


def test_what_a_score_counts(short: Month) -> None:
    cut = next(c.id for c in short.causes.values() if c.scenario is Scenario.CUT)
    flap = next(c.id for c in short.causes.values() if c.scenario is Scenario.FLAP)
    any_alert = next(iter(short.alerts.values()))
    alerts = [
        replace(any_alert, incident=replace(any_alert.incident, id=id_), cause=cause, spell=spell)
        for id_, cause, spell in (("a", cut, 0), ("b", cut, 0), ("c", cut, 0), ("d", flap, 0), ("e", flap, 1))
    ]
    family = {"a": 1, "b": 1, "c": 2, "d": 1, "e": 1}
    found = score(short, alerts, lambda a: family[a.id], lambda a: ord(a.id))
    assert found[Scenario.CUT] == Score(right=1, said=5, true=3, causes=1, alerts=3, cards=3, mixed=2)
    assert found[Scenario.FLAP] == Score(right=0, said=4, true=0, causes=1, alerts=2, cards=2, mixed=2)
    assert "| cable cut | 1 | 3 | 0.200 | 0.333 | 3.00 | 66.7% |" in markdown(found)


def test_the_rules_find_the_causes_and_name_them() -> None:
    total, why = summed(MEASURED_SEEDS)
    for scenario, (precision, recall, cards) in LEAST.items():
        found = total[scenario]
        told = f"{scenario}: {found.precision:.3f} {found.recall:.3f} {found.cards / found.causes:.2f}"
        assert found.precision >= precision, told
        assert found.recall >= recall, told
        assert found.cards <= cards * found.causes, told
    noise = total[Scenario.NOISE]
    assert noise.mixed <= 0.003 * noise.alerts  # 0.0012
    for scenario, (reason, share) in NAMED.items():
        assert why[scenario][reason] >= share * why[scenario].total(), f"{scenario}: {why[scenario]}"


def test_and_the_numbers_say_when_they_do_not() -> None:
    nothing, _ = played(1, replace(RULES, group_seconds=0), days=5)
    assert nothing[Scenario.CUT].recall < 0.01
    all_day, _ = played(1, replace(RULES, group_seconds=3600), days=5)
    assert all_day[Scenario.STORM].precision < LEAST[Scenario.STORM][0]
