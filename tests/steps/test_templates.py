"""What the platform says of the templates: a tap with a broken one sends nothing and says why."""

import asyncio
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.chat.screens.cards.card import card
from bot.domain.case import CaseState
from bot.domain.delivery import TemplateNews
from bot.domain.incident import Kind
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.limits.templates import HOLDS, Template, Trouble, filled, variables_in
from bot.domain.plan import Outcome
from bot.errors import AnswerLost, Declined
from bot.flow import platform
from tests.chat.screens import PT, assert_arrives
from tests.fakes import ANA, settled

from .conftest import Desk

PAUSED = Trouble("paused")
NAMES = {"LOS": "aviso", "POWER": "energia", "RESTORED": "voltou"}


def known(**troubles: Trouble) -> dict[str, Template]:
    """All of ours, each with what is wrong with it, where anything is."""
    wrong = {template: (trouble,) for template, trouble in troubles.items()}
    text = "{name}: olá {{{{1}}}}"
    return {t: Template(name, text.format(name=name), wrong.get(t, ())) for t, name in NAMES.items()}


@pytest.fixture
async def readable(desk: Desk) -> Desk:
    """A desk whose gateway tells of its templates, with an outage that waits for a decision."""
    desk.gateway.known = known()
    desk.use(templates=NAMES, language="pt_BR", restored=True)
    desk.fall("6/15")
    await desk.poll()
    await desk.flow.look()
    return desk


async def seen(desk: Desk, **troubles: Trouble) -> None:
    """What is wrong was read, and is known."""
    desk.gateway.known = known(**troubles)
    await desk.clock.advance(platform.FRESH + 1)
    await desk.flow.look()


def said(desk: Desk) -> list[tuple[str, str | None]]:
    about = [notice.facts for notice in desk.chat.said if notice.code == "template"]
    return [(str(facts["name"]), getattr(facts["trouble"], "code", None)) for facts in about]


async def test_a_broken_template_holds_the_tap_back_and_nothing_is_sent(readable: Desk) -> None:
    await seen(readable, LOS=PAUSED)
    with pytest.raises(Declined) as no:
        await readable.flow.approve(1, ANA)
    assert (no.value.code, no.value.facts) == ("template", {"name": "aviso", "trouble": PAUSED})
    assert (readable.case().state, readable.gateway.received) == (CaseState.WAITING, [])
    await seen(readable)
    await readable.approve()
    assert len(readable.gateway.received) == 3


async def test_the_group_hears_of_it_once_and_once_that_it_is_over(readable: Desk) -> None:
    for _ in range(3):
        await seen(readable, LOS=PAUSED, POWER=Trouble("quality", holds=False))
    assert said(readable) == [("aviso", "paused"), ("energia", "quality")]
    for _ in range(3):
        await seen(readable)
    assert said(readable)[2:] == [("aviso", None), ("energia", None)]


async def test_another_template_and_a_warning_hold_nothing_back(readable: Desk) -> None:
    await seen(readable, POWER=PAUSED, LOS=Trouble("quality", holds=False))
    await readable.approve()
    assert len(readable.gateway.received) == 3


async def test_of_a_mixed_case_each_template_counts(desk: Desk) -> None:
    desk.gateway.known = known(POWER=PAUSED)
    desk.use(templates=NAMES, settle_seconds=10, group_seconds=120, group_power_seconds=300)
    desk.fall("6/1", kind=Kind.LOS)
    desk.fall("6/2", kind=Kind.POWER)
    await desk.poll()
    await desk.pass_by(10)
    await desk.flow.look()
    with pytest.raises(Declined, match="template"):
        await desk.flow.approve(1, ANA)


async def test_it_is_read_again_before_the_plan(readable: Desk) -> None:
    await readable.clock.advance(platform.FRESH - 1)
    await readable.flow.approve(1, ANA)
    readable.gateway.known = known(LOS=PAUSED)
    await readable.flow.template_news("aviso", "pt_BR", PAUSED)
    await readable.clock.advance(5)
    await readable.finish()
    assert (readable.case().state, readable.gateway.received) == (CaseState.NOBODY, [])
    dispatch = readable.dispatch()
    assert (dispatch.end, dispatch.end_reason, dispatch.mend) == ("unread", "template", "template")
    drawn = card(readable.case(), readable.ledger.book, readable.clock.now(), PT, rules=readable.rules)
    assert "(HSM_ID_LOS; se mudar, reinicie o bot)" in assert_arrives(drawn)


async def test_service_that_is_back_is_held_by_its_own_template(readable: Desk) -> None:
    await readable.approve()
    await readable.repair(1)
    await seen(readable, RESTORED=PAUSED)
    with pytest.raises(Declined, match="template"):
        await readable.flow.restore(1, ANA)
    await seen(readable)
    readable.source.back |= {onu.serial for onu in readable.source.onus["1"]}
    await readable.flow.restore(1, ANA)
    await readable.flow.template_news("voltou", "", PAUSED)
    await readable.clock.advance(5)
    await readable.finish()
    assert [message.template for message in readable.gateway.received] == ["LOS"] * 3
    assert readable.case(-1).dispatches[-1].end_reason == "template"
    drawn = card(readable.case(), readable.ledger.book, readable.clock.now(), PT, rules=readable.rules)
    assert "(HSM_ID_RESTORED; se mudar, reinicie o bot)" in assert_arrives(drawn)


async def test_what_was_interrupted_goes_on_once_the_template_is_good(readable: Desk) -> None:
    readable.use(sends=1)
    readable.gateway.block = asyncio.Event()
    await readable.flow.approve(1, ANA)
    await readable.clock.advance(5)
    await settled()
    await readable.restart()
    await readable.clock.advance(400)
    await readable.flow.template_news("aviso", "pt_BR", PAUSED)
    with pytest.raises(Declined, match="template"):
        await readable.flow.resume(1, ANA)


async def test_a_scheduled_one_does_not_begin_with_it(readable: Desk) -> None:
    readable.use(customer_hours=Hours(time(13), time(14), ZoneInfo("America/Sao_Paulo")))
    await readable.flow.approve(1, ANA, Terms(hours="later"))
    await seen(readable, LOS=PAUSED)
    with pytest.raises(Declined, match="template"):
        await readable.flow.begin(1, ANA)
    await readable.pass_by(3600)
    await readable.finish()
    assert (readable.case().state, readable.gateway.received) == (CaseState.NOBODY, [])
    assert "not_sent" in readable.chat.codes, "nobody was there to see the card say it"


@pytest.mark.parametrize("error", [AnswerLost("no_answer"), None])
async def test_a_platform_that_says_nothing_stops_nobody(readable: Desk, error: Exception | None) -> None:
    readable.gateway.known = error
    await readable.clock.advance(platform.FRESH + 1)
    await readable.flow.look()
    await readable.approve()
    assert len(readable.gateway.received) == 3


async def test_an_approval_waits_for_a_reading_no_longer_than_that(
    readable: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "WITHIN", 0.01)
    readable.gateway.hangs = asyncio.Event()
    await readable.clock.advance(platform.FRESH + 1)
    await readable.flow.look()
    await readable.approve()
    assert len(readable.gateway.received) == 3
    readable.gateway.known = known(LOS=PAUSED)
    readable.gateway.hangs.set()
    await settled()
    assert said(readable) == [("aviso", "paused")], "what came late is known from then on"


async def test_it_is_read_every_five_minutes_and_sooner_while_something_is_wrong(readable: Desk) -> None:
    read = readable.gateway.read
    await readable.pass_by(platform.FRESH - 30)
    assert readable.gateway.read == read
    await readable.pass_by(60)
    assert readable.gateway.read == read + 1
    await seen(readable, LOS=PAUSED)
    read = readable.gateway.read
    await readable.pass_by(120)
    assert readable.gateway.read >= read + 3


async def test_news_by_name_and_language_hold_until_it_is_told_to_be_good(readable: Desk) -> None:
    readable.gateway.known = None  # nobody may read them
    await readable.flow.template_news("aviso", "en_US", PAUSED)
    await readable.flow.template_news("de_outros", "pt_BR", PAUSED)
    assert said(readable) == []
    for _ in range(2):
        await readable.flow.template_news("aviso", "pt_BR", PAUSED)
    assert said(readable) == [("aviso", "paused")]
    await readable.restart()
    with pytest.raises(Declined, match="template"):
        await readable.flow.approve(1, ANA)
    await readable.flow.template_news("aviso", "pt_BR", None)
    assert said(readable) == [("aviso", None)]
    await readable.approve()
    assert len(readable.gateway.received) == 3


async def test_what_a_webhook_tells_is_the_same(readable: Desk) -> None:
    readable.gateway.known = None
    now = readable.clock.now()

    async def told(*news: TemplateNews) -> None:
        await readable.flow.receipts.hear(news)
        await readable.clock.advance(1)

    await told(TemplateNews("aviso", "PAUSED", now, "pt_BR"), TemplateNews("energia", "SOMETHING", now))
    assert said(readable) == [("aviso", "paused")]
    await told(TemplateNews("aviso", "GOOD", now))
    assert said(readable)[1:] == [("aviso", None)]
    await readable.clock.advance(platform.TRIED + 1)
    readable.gateway.known = known(LOS=PAUSED)
    await told(TemplateNews("", "MARKETED", now))
    assert said(readable)[2:] == [("aviso", "paused")], "of which one is looked up"


async def test_nobody_says_that_it_is_good_and_the_send_itself_finds_out(readable: Desk) -> None:
    readable.gateway.known = None
    await readable.flow.template_news("aviso", "pt_BR", PAUSED)
    await readable.clock.advance(HOLDS.total_seconds() - 1)
    with pytest.raises(Declined, match="template"):
        await readable.flow.approve(1, ANA)
    await readable.clock.advance(2)
    await readable.approve()
    assert readable.tally().outcomes == {Outcome.ACCEPTED: 3}


async def test_what_is_read_as_wrong_again_and_again_holds_on(readable: Desk) -> None:
    for _ in range(8):
        await seen(readable, LOS=PAUSED)
        await readable.clock.advance(3600)
    with pytest.raises(Declined, match="template"):
        await readable.flow.approve(1, ANA)
    assert said(readable) == [("aviso", "paused")]
    written = [line for _, line in readable.ledger.lines if line.kind == "template_judged"]
    assert 6 <= len(written) <= 9, "once an hour is often enough"


async def test_a_name_that_is_not_configured_any_more_holds_nothing(readable: Desk) -> None:
    readable.gateway.known = None
    await readable.flow.template_news("aviso", "pt_BR", PAUSED)
    readable.use(templates={**NAMES, "LOS": "aviso_2"})
    await readable.approve()
    assert len(readable.gateway.received) == 3


async def test_a_rehearsal_asks_nobody_and_is_held_by_nothing(readable: Desk) -> None:
    await readable.flow.template_news("aviso", "pt_BR", PAUSED)
    readable.use(dry_run=True)
    read = readable.gateway.read
    await readable.approve()
    assert (readable.gateway.read, readable.case().state) == (read, CaseState.REHEARSED)


async def test_nothing_is_read_after_the_stop(readable: Desk) -> None:
    readable.gateway.hangs = asyncio.Event()
    await readable.clock.advance(platform.FRESH + 1)
    await readable.poll()
    readable.flow.drain()
    await settled()
    read = readable.gateway.read
    await readable.clock.advance(platform.FRESH + 1)
    await readable.flow.look()
    assert readable.gateway.read == read


async def test_what_a_customer_would_read_is_read_from_the_platform(readable: Desk) -> None:
    found = await readable.flow.details(1)
    assert readable.flow.said(readable.case(), found) == ["aviso: olá Cliente 100"]


async def test_the_settings_have_the_text_where_the_platform_does_not(readable: Desk) -> None:
    texts = {"LOS": "Olá {{ 1 }}, {{2}} {{3}}", "RESTORED": "Voltou"}
    readable.gateway.known = None
    readable.use(texts=texts)
    await readable.flow.name_cause(1, ANA, "poste caído")
    found = await readable.flow.details(1)
    assert readable.flow.said(readable.case(), found) == ["Olá Cliente 100, poste caído {{3}}"]
    await readable.approve()
    assert readable.flow.said(readable.case(), found) == ["Olá Cliente 100, poste caído {{3}}"]
    readable.use(texts={})
    assert readable.flow.said(readable.case(), found) == []


def test_variables_are_filled_once_and_others_stay() -> None:
    assert variables_in("{{1}} {{ nome }} {{1}} {x} {{2}}") == ("1", "nome", "2")
    assert filled("{{1}} e {{ nome }} {{3}}", {"1": "{{nome}}", "nome": "Zé"}) == "{{nome}} e Zé {{3}}"
    assert timedelta(hours=6) == HOLDS
