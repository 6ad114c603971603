"""Two days of outages through the whole flow: what was promised to customers, how busy the group was."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.plan import Outcome
from tests.month.generate import generate
from tests.month.measure import Measured, measured
from tests.month.promises import broken
from tests.month.replay import Lived, live
from tests.month.table import rates, told
from tests.month.truth import Scenario
from tests.month.virtual import VirtualClock, VirtualLoop

SEED, DAYS = 2, 2


@pytest.fixture(scope="module")
def lived() -> Lived:
    return live(generate(SEED, DAYS))


@pytest.fixture(scope="module")
def days(lived: Lived) -> Measured:
    return measured(lived)


def test_no_promise_is_broken(lived: Lived, days: Measured) -> None:
    assert days.broken == []
    assert days.counts["outage messages"] > 5_000
    assert days.counts["voltou"] > 5_000
    assert max(told.most for told in days.told.values()) == 1
    assert max(told.most_back for told in days.told.values()) == 1


def test_the_customers_were_told(days: Measured) -> None:
    olt = days.told[Scenario.OLT]
    assert olt.warned > 0.85 * olt.off  # 0.91
    assert olt.back > 0.95 * olt.warned  # 0.98
    late = days.counts["whose ONU was back by then"]
    assert late < 0.01 * days.counts["outage messages"]  # 1 of 7,635


def test_the_group_is_not_flooded(days: Measured) -> None:
    assert days.counts["cards"] < 0.6 * days.counts["alerts"]  # 368 of 731
    assert max(days.hours) <= 25  # 20, where 133 alerts came in one hour
    assert max(days.alert_hours) > 100
    for scenario in (Scenario.CUT, Scenario.SLOT, Scenario.OLT, Scenario.POWER, Scenario.FLAP):
        score, told = days.scores[scenario], days.told[scenario]
        assert score.cards <= 2 * score.causes, scenario
        assert told.approvals <= 2 * score.causes, scenario
        assert score.precision > 0.9 or scenario is Scenario.FLAP, scenario
        assert score.recall > 0.9, scenario


def test_a_broken_promise_is_seen(lived: Lived) -> None:
    got = lived.gateway.deliveries
    warned = next(d for d in got if d.told and not d.restored and d.outcome is Outcome.ACCEPTED)
    back = next(d for d in got if d.restored and d.phone == warned.phone and d.told)
    for forged, seen in (
        (replace(warned, at=warned.at + 3600), "told again after 1.0 h"),
        (replace(warned, at=warned.at + 3600), f"case {warned.case}: {warned.phone} got 2"),
        (replace(back, phone="556100000000"), "and not before that it was off"),
        (replace(back, at=back.at + 1), f"case {back.case}: {back.phone} got 2"),
        (replace(back, phone=warned.phone, case=-999), "and not before"),
    ):
        try:
            got.append(forged)
            assert any(seen in line for line in broken(lived)), seen
        finally:
            got.pop()
    at = got.index(back)
    for forged, seen in (
        (replace(back, causes=warned.causes), "back, and it is off"),
        (replace(back, case=-999), "back by case -999"),
    ):
        try:
            got[at] = forged
            assert any(seen in line for line in broken(lived)), seen
        finally:
            got[at] = back


def test_time_jumps_to_whoever_sleeps_shortest() -> None:
    order: list[tuple[str, float]] = []

    async def nap(name: str, seconds: float) -> None:
        await VirtualClock().sleep(seconds)
        order.append((name, round(asyncio.get_running_loop().time())))

    async def night() -> None:
        await asyncio.gather(nap("long", 8 * 3600), nap("short", 60))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(night())
    assert order == [("short", 60), ("long", 8 * 3600)]


def test_waiting_for_what_never_comes_is_said() -> None:
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        pytest.raises(RuntimeError, match="nothing will"),
    ):
        runner.run(asyncio.Event().wait())


def test_what_the_tables_say(days: Measured) -> None:
    olt = days.told[Scenario.OLT]
    warned = f"| OLT | 1.00 | {olt.off} | {olt.warned} ({olt.warned / olt.off:.0%}) |"
    assert warned in told(days.told, days.scores)
    text = rates(days)
    assert f"| worst | {max(days.hours)} | {max(days.alert_hours)} |" in text
    assert f"At most {days.waiting} cards waited" in text
    assert f"{days.counts['voltou']:,} voltou" in text
    twice = days + days
    assert twice.told[Scenario.OLT].off == 2 * olt.off
    assert rates(twice).splitlines()[:6] == text.splitlines()[:6]
