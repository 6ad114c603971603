"""Several NOCs: whose case an outage is, and what holds over all of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.case import CaseState
from bot.domain.events import (
    CaseOpened,
    CooldownReleased,
    HandedOver,
    IncidentJoined,
    OptedOut,
    Planned,
    SilenceEnded,
)
from bot.domain.incident import Incident, Kind
from bot.domain.limits.hours import Hours
from bot.domain.limits.silence import Scope
from bot.domain.limits.templates import Template, Trouble
from bot.domain.plan import Skip, Used
from bot.domain.regional import Whose
from bot.domain.rules import Rules
from bot.domain.shift.times import Times
from bot.errors import Declined
from bot.flow.due import HANDOVER
from bot.process.settings.moments import local_times
from bot.steps import decide, describe
from bot.steps.within import within
from tests.fakes import ANA, BRUNO, NOON, incident, settled
from tests.steps.conftest import Desk


def regional(rules: Rules, **of: dict[str, Any]) -> Rules:
    """With a region for OLTs that begin with N, and one for those that begin with S; each with its own."""
    regions: dict[str, Rules] = {}
    templates = dict(rules.templates)
    for region, olts in (("NORTE", ("n*",)), ("SUL", ("s ??", "sul*"))):
        own = of.get(region, {})
        templates |= own.get("templates", {})
        regions[region] = replace(rules, regions=regions, olts=olts, **{**own, "templates": templates})
    return replace(rules, templates=templates, regions=regions)


def whose(region: str, rules: Rules) -> Whose:
    return Whose(frozenset({region}), rules)


def use(desk: Desk, **of: dict[str, Any]) -> None:
    desk.rules = regional(desk.rules, **of)
    desk.build()


@pytest.fixture
async def nocs(grouping: Desk) -> Desk:
    use(grouping)
    return grouping


def regions(desk: Desk) -> dict[int, str]:
    return {number: case.region for number, case in desk.ledger.book.cases.items()}


class TestWhose:
    async def test_an_outage_over_two_regions_is_two_cases_that_name_each_other(self, nocs: Desk) -> None:
        nocs.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt="N 01")
        nocs.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt="S 01")
        nocs.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt="X 01")
        await nocs.poll()
        await nocs.pass_by(10)
        assert regions(nocs) == {1: "NORTE", 2: "SUL", 3: ""}
        assert [nocs.case(n).beside for n in (1, 2, 3)] == [(2, 3), (1, 3), (1, 2)]
        assert [len(nocs.case(n).members) for n in (1, 2, 3)] == [3, 3, 3]

    async def test_without_regions_it_is_one_case_and_its_line_says_nothing_of_them(
        self, grouping: Desk
    ) -> None:
        for olt in ("N 01", "S 01"):
            grouping.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt=olt)
        await grouping.poll()
        await grouping.pass_by(10)
        [line] = grouping.written(CaseOpened)
        assert isinstance(line, CaseOpened)
        assert (line.region, line.beside, len(line.others)) == ("", (), 5)
        assert not [n for n in grouping.chat.said if n.code == "no_region"]

    async def test_what_falls_later_in_another_region_names_the_first(self, nocs: Desk) -> None:
        nocs.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt="N 01")
        await nocs.poll()
        await nocs.pass_by(30)
        await nocs.approve(1)
        nocs.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt="S 01")
        nocs.chat.shown.clear()
        await nocs.pass_by(60)
        assert (nocs.case(1).beside, nocs.case(2).beside) == ((2,), (1,))
        assert {1, 2} <= set(nocs.chat.shown), "also the card of what was decided names the other"

    async def test_who_joins_a_case_may_be_what_links_it(self, nocs: Desk) -> None:
        """Each region's case was there, and only a third port makes one cause of them."""
        nocs.rules = replace(nocs.rules, group_power_seconds=40)
        use(nocs)
        nocs.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt="N 01")
        await nocs.pass_by(60, every=10)
        nocs.fall("1/1", "1/2", "1/3", kind=Kind.POWER, olt="S 01")
        await nocs.pass_by(20, every=10)
        assert nocs.case(2).beside == ()
        late = incident(90, Kind.POWER, "1/4", 9, started=NOON + timedelta(seconds=30), olt="S 01")
        nocs.source.outage(late, 3, 900)
        await nocs.pass_by(20, every=10)
        joined = [line for line in nocs.written(IncidentJoined) if isinstance(line, IncidentJoined)]
        assert [(line.case, line.beside) for line in joined] == [(2, (1,))]
        assert (nocs.case(1).beside, nocs.case(2).beside) == ((2,), (1,))

    async def test_an_olt_of_no_region_is_said_once(self, nocs: Desk) -> None:
        nocs.fall("1/1", olt="X 01")
        await nocs.pass_by(30)
        nocs.fall("2/2", olt="X 01")
        nocs.fall("3/3", olt="N 01")
        await nocs.pass_by(300)
        said = [n.facts for n in nocs.chat.said if n.code == "no_region"]
        assert said == [{"n": 1, "which": "X 01"}]

    async def test_settings_that_change_move_no_case(self, nocs: Desk) -> None:
        nocs.fall("1/1", olt="N 01")
        await nocs.pass_by(60)
        nocs.use(regions={})
        assert regions(nocs) == {1: "NORTE"}
        assert nocs.rules.of("NORTE") is nocs.rules
        await nocs.approve()
        assert nocs.case().state is CaseState.SENT

    async def test_an_olt_of_another_region_now_begins_a_case_there(self, nocs: Desk) -> None:
        nocs.fall("1/1", olt="N 01")
        await nocs.pass_by(60)
        await nocs.repair(1)
        moved = dict(nocs.rules.regions)
        moved["NORTE"], moved["SUL"] = (
            replace(moved["NORTE"], regions=moved, olts=()),
            replace(moved["SUL"], regions=moved, olts=("n*",)),
        )
        nocs.use(regions=moved)
        nocs.fall("1/1", olt="N 01")
        await nocs.pass_by(60)
        assert regions(nocs) == {1: "NORTE", 2: "SUL"}

    async def test_what_is_taken_apart_stays_in_its_region(self, nocs: Desk) -> None:
        nocs.fall("1/1", "2/1", olt="N 01")
        await nocs.poll()
        await nocs.pass_by(10)
        await nocs.flow.decide(describe.separate(1, ANA, nocs.rules, {}))
        assert regions(nocs) == {1: "NORTE", 2: "NORTE"}


class TestOwnSettings:
    async def test_hours_are_those_of_the_region(self, desk: Desk) -> None:
        closed = Hours(NOON.time().replace(hour=3), NOON.time().replace(hour=4), NOON.tzinfo)  # type: ignore[arg-type]
        use(desk, NORTE={"customer_hours": closed})
        desk.fall("1/1", olt="N 01")
        desk.fall("1/1", olt="S 01")
        await desk.poll()
        await desk.flow.decide(decide.approve(2, ANA, desk.rules.of("SUL")))
        with pytest.raises(Exception, match="hours"):
            await desk.flow.decide(decide.approve(1, ANA, desk.rules.of("NORTE")))
        await desk.finish()

    async def test_one_too_small_for_its_region_gets_no_card(self, desk: Desk) -> None:
        use(desk, NORTE={"min_affected": 50})
        desk.fall("1/1", olt="N 01")
        desk.fall("1/1", olt="S 01")
        await desk.poll()
        assert regions(desk) == {1: "SUL"}

    async def test_who_approved_is_asked_for_in_the_regions_group(self, desk: Desk) -> None:
        use(desk)
        desk.fall("1/1", olt="S 01")
        await desk.poll()
        await desk.approve()
        assert set(desk.staff.regions) == {"SUL"}

    async def test_the_second_message_is_the_regions_own_matter(self, desk: Desk) -> None:
        use(desk, NORTE={"restored": True, "restored_auto": True}, SUL={"restored": True})
        for olt in ("N 01", "S 01"):
            desk.fall("1/1", olt=olt)
        await desk.poll()
        await desk.approve(1)
        await desk.approve(2)
        await desk.repair(1, 2)
        await desk.finish()
        told = [number for number in desk.ledger.book.cases if number < 0]
        assert told == [-1]
        assert desk.ledger.book.cases[-1].region == "NORTE"

    async def test_each_region_has_its_handover(self, desk: Desk) -> None:
        times = local_times("12:00,15:00", _InUtc())  # type: ignore[arg-type]
        assert isinstance(times, Times)
        use(desk, SUL={"digest_at": times})
        desk.ledger.book.days[:] = [NOON - timedelta(days=2)]
        desk.flow.announce()
        assert [n.facts.get("region") for n in desk.chat.said if n.code == HANDOVER] == ["SUL"]
        due = next(n.facts["due"] for n in desk.chat.said if n.code == HANDOVER)
        await desk.flow.decide(lambda _b, _n: [HandedOver(due, "SUL")])  # type: ignore[arg-type]
        desk.chat.said.clear()
        desk.flow.announce()
        assert desk.chat.said == []


class _InUtc:
    data = {"tz": NOON.tzinfo}  # noqa: RUF012


OWN = {
    "own_templates": {"LOS": "LOS.NORTE", "RESTORED": "RESTORED.NORTE"},
    "templates": {"LOS.NORTE": "514", "RESTORED.NORTE": "519"},
    "restored": True,
}


class TestTemplates:
    async def test_a_case_is_told_by_its_regions_own_and_the_ledger_names_it(self, desk: Desk) -> None:
        desk.use(templates={"LOS": "114", "POWER": "116"})
        use(desk, NORTE=OWN)
        for place, olt, kind in (
            ("1/1", "N 01", Kind.LOS),
            ("1/2", "S 01", Kind.LOS),
            ("1/3", "N 01", Kind.POWER),
        ):
            desk.fall(place, olt=olt, kind=kind)
        await desk.poll()
        for number in (1, 2, 3):
            await desk.approve(number)
        assert [m.template for m in desk.gateway.received[::3]] == ["LOS.NORTE", "LOS", "POWER"]
        planned = [line for line in desk.written(Planned) if isinstance(line, Planned)]
        assert [line.templates for line in planned] == [(Used("LOS.NORTE", "514"),), (), ()]
        assert desk.nobody_twice() == 9

    async def test_that_service_is_back_too(self, desk: Desk) -> None:
        """A region may have a template for it where the others have none."""
        desk.use(templates={"LOS": "114"}, close_polls=1)
        use(desk, NORTE={**OWN, "restored_auto": True})
        desk.fall("1/1", olt="N 01")
        await desk.poll()
        await desk.approve(1)
        desk.source.back |= {onu.serial for onu in desk.source.onus["1"]}
        await desk.repair(1)
        await desk.clock.advance(desk.rules.undo_seconds)
        await desk.finish()
        assert {m.template for m in desk.gateway.received} == {"LOS.NORTE", "RESTORED.NORTE"}
        [_, back] = [line for line in desk.written(Planned) if isinstance(line, Planned)]
        assert back.templates == (Used("RESTORED.NORTE", "519"),)

    async def test_two_regions_templates_for_one_thing_are_one_message(self, desk: Desk) -> None:
        use(desk, NORTE=OWN, SUL={"own_templates": {"LOS": "LOS.SUL"}, "templates": {"LOS.SUL": "614"}})
        for number, olt in ((1, "N 01"), (2, "S 01")):
            desk.source.outage(incident(number, olt=olt), 3, 100)  # the same customers
        await desk.poll()
        await desk.approve(1)
        await desk.approve(2)
        assert {m.template for m in desk.gateway.received} == {"LOS.NORTE"}
        assert desk.nobody_twice() == 3
        assert desk.tally(2).skipped[Skip.COOLDOWN] == 3

    async def test_one_that_may_not_be_used_holds_back_its_own_region(self, desk: Desk) -> None:
        desk.use(templates={"LOS": "114"})
        use(desk, NORTE=OWN)
        for place, olt in (("1/1", "N 01"), ("1/2", "S 01")):
            desk.fall(place, olt=olt)
        await desk.poll()
        await desk.flow.template_news("514", "", Trouble("paused"))
        with pytest.raises(Declined, match="template"):
            await desk.flow.decide(decide.approve(1, ANA, desk.rules.of("NORTE")))
        await desk.flow.decide(decide.approve(2, ANA, desk.rules.of("SUL")))
        [said] = [notice for notice in desk.chat.said if notice.code == "template"]
        assert (said.facts["name"], said.facts["template"]) == ("514", "LOS.NORTE")

    async def test_what_a_customer_reads_is_the_regions_text(self, desk: Desk) -> None:
        desk.use(texts={"LOS": "Oi"}, templates={"LOS": "114"})
        use(desk, NORTE={**OWN, "texts": {"LOS": "Olá, aqui é do Norte"}})
        for place, olt in (("1/1", "N 01"), ("1/2", "S 01")):
            desk.fall(place, olt=olt)
        await desk.poll()
        found = [desk.flow.said(desk.case(number), await desk.flow.details(number)) for number in (1, 2)]
        assert found == [["Olá, aqui é do Norte"], ["Oi"]]
        desk.gateway.known = {"LOS.NORTE": Template("514", "Da Meta"), "LOS": Template("114", "Daqui")}
        desk.use()
        await desk.flow.approve(1, ANA)
        await settled()
        found = [desk.flow.said(desk.case(number), await desk.flow.details(number)) for number in (1, 2)]
        assert found == [["Da Meta"], ["Daqui"]]


class TestOverAll:
    async def test_a_customer_in_plans_of_two_regions_gets_one_message(self, desk: Desk) -> None:
        use(desk)
        for number, olt in ((1, "N 01"), (2, "S 01")):
            desk.source.outage(incident(number, olt=olt), 3, 100)  # the same customers
        await desk.poll()
        await desk.approve(1)
        await desk.approve(2)
        assert regions(desk) == {1: "NORTE", 2: "SUL"}
        assert desk.nobody_twice() == 3

    async def test_a_port_rests_whoever_asks(self, desk: Desk) -> None:
        use(desk)
        desk.fall("1/1", olt="N 01")
        await desk.poll()
        await desk.approve(1)
        moved = {"SUL": replace(desk.rules.of("SUL"), olts=("n*",))}
        desk.use(regions=moved, reopen_minutes=0)
        await desk.repair(1)
        again: Incident = incident(7, place="1/1", olt="N 01", started=desk.clock.now())
        desk.source.outage(again, 3, 500)
        await desk.poll()
        assert regions(desk) == {1: "NORTE", 2: "SUL"}
        with pytest.raises(Declined, match="cooldown"):
            await desk.flow.decide(decide.approve(2, ANA, desk.rules.of("SUL")))


class TestWithin:
    async def test_who_decides_in_a_region_decides_on_what_is_its_own(self, desk: Desk) -> None:
        use(desk)
        desk.fall("1/1", olt="N 01")
        await desk.poll()
        rules, decided = desk.rules, desk.flow.decide
        await decided(within(whose("NORTE", rules), decide.approve(1, ANA, rules)))
        await desk.clock.advance(desk.rules.undo_seconds)
        await desk.finish()
        silence = describe.silence((Scope("N 01"),), ANA, NOON + timedelta(hours=1), "obra")
        await decided(within(whose("NORTE", rules), silence))
        others = (
            describe.name_cause(1, BRUNO, "fibra", ""),
            describe.silence((Scope("N 01"),), BRUNO, NOON + timedelta(hours=2), "obra"),
            lambda _b, _n: [SilenceEnded(1, BRUNO)],
            lambda _b, _n: [CooldownReleased(desk.case().incident.port, BRUNO, "")],
            lambda _b, _n: [CaseOpened(9, desk.case().incident, region="NORTE")],
        )
        for rule in others:
            with pytest.raises(Declined, match="other_region"):
                await decided(within(whose("SUL", rules), rule))
        await decided(within(whose("SUL", rules), lambda _b, _n: [OptedOut("k-1", "", BRUNO)]))

    async def test_without_regions_a_rule_is_itself(self) -> None:
        rule = decide.approve(1, ANA, Rules())
        assert within(whose("", Rules()), rule) is rule

    async def test_who_decides_in_two_regions_decides_on_both(self, desk: Desk) -> None:
        use(desk)
        scopes = (Scope("N 01"), Scope("S 01"))
        both = Whose(frozenset({"NORTE", "SUL"}), desk.rules)
        rule = describe.silence(scopes, ANA, NOON + timedelta(hours=1), "obra")
        with pytest.raises(Declined, match="other_region"):
            await desk.flow.decide(within(whose("NORTE", desk.rules), rule))
        await desk.flow.decide(within(both, rule))
