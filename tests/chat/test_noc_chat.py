import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from telegram import Bot

from bot.chat import telegram
from bot.chat.group import painting
from bot.chat.screens.cards import card as cards
from bot.chat.telegram import Account
from bot.domain.case import Card
from bot.domain.events import Approved, CardPosted, GroupMoved, IncidentEnded, Interrupted, TapRefused
from bot.domain.incident import OddRow
from bot.domain.limits.templates import Trouble
from bot.domain.who import Who
from bot.errors import Closed
from bot.ports import Notice
from bot.simulator.server import DropAfter, DropBefore, HangBefore, Throttle
from bot.simulator.telegram.api import BotApi
from bot.simulator.telegram.chat import BOT_USER
from bot.storage.memory import MemoryLedger
from tests.chat.room import ANA, FastClock, opened, until
from tests.chat.screens import planned, sent
from tests.fakes import port

pytestmark = pytest.mark.asyncio


def method(name: str) -> Callable[[str], bool]:
    return lambda path: path.endswith(f"/{name}")


def texts(api: BotApi) -> list[str]:
    return [message.text for message in api.messages()]


async def test_a_case_has_one_card_edited_for_its_whole_life(api: BotApi) -> None:
    async with opened(api, speed=50) as room:
        await room.outage(affected=3)
        card = await room.card()
        assert card.buttons[:2] == ["Aprovar", "Negar"]
        assert room.ledger.book.cases[1].card == Card(api.group, card.id)
        await room.grows(1, 40)
        await room.shows(card, "40 de 61")
        await room.line(IncidentEnded(1))
        room.telegram.chat.show(1, urgent=True)
        await room.shows(card, "Normalizado")
    assert card.buttons == []
    assert len(api.messages()) == 1
    assert api.refused == []


async def test_a_dispatch_that_stopped_itself_rings_below_its_card(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        await room.line(Approved(1, Who(ANA, "Ana"), (port("1/1"),)), planned(2))
        await room.line(*sent(0, 0), Interrupted(1, "http_401", "key"))
        facts = {"case": 1, "port": port("1/1"), "reason": "http_401", "mend": "key"}
        room.telegram.chat.say(Notice("halted", facts))
        said = await api.wait(lambda api: next((m for m in api.messages() if "suspenso" in m.text), None))
    assert (said.reply_to, said.edits, said.buttons) == (card.id, [], [])
    assert said.text == (
        "⛔ Envio suspenso · caso 1 · CB 01 1/1: erro HTTP 401\n"
        "🛠 Chame quem cuida do bot: o WhatsApp (Matrix) recusou a chave de acesso. Depois de corrigir, "
        "toque em Retomar. (TOKEN_HSM, HSM_ACCOUNT; se mudar, reinicie o bot)"
    )


async def test_what_shows_nothing_new_is_not_sent(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        before = api.calls["editMessageText"]
        room.telegram.chat.show(1, urgent=True)
        await room.outage(2)
        await room.card(2)
        assert (api.calls["editMessageText"], card.edits) == (before, [])


async def test_minutes_that_passed_are_news_for_a_refresh_alone(api: BotApi) -> None:
    async with opened(api, speed=200) as room:
        await room.outage(1)
        card = await room.card(1)
        await room.clock.sleep(90)
        room.telegram.chat.show(1, urgent=True)
        await room.outage(2)
        await room.card(2)
        assert card.edits == []
        room.telegram.chat.refresh()
        await api.wait(lambda _: card.edits)


async def test_a_restart_draws_from_the_ledger_and_posts_no_second_card(api: BotApi) -> None:
    ledger = MemoryLedger(FastClock())
    async with opened(api, ledger=ledger) as room:
        await room.outage(affected=3)
        card = await room.card()
    async with opened(api, ledger=MemoryLedger(FastClock(), ledger.lines), connected=False) as room:
        await room.grows(1, 50)
        await room.shows(card, "50 de 61")
        answer = await api.tap(ANA, card, "Aprovar")
        assert "Aprovado" in answer.text
        await room.shows(card, "Ana")
    assert len(api.messages()) == 1


async def test_a_case_that_ended_before_its_card_gets_none(api: BotApi) -> None:
    async with opened(api) as room:
        await api.stop()
        await room.outage(1)
        await room.line(IncidentEnded(1))
        await room.outage(2)
        await api.start()
        await room.card(2)
    assert len(api.messages()) == 1


async def test_telegram_down_then_back_shows_the_newest_state_once(api: BotApi) -> None:
    async with opened(api, speed=60) as room:
        await room.outage(1, affected=3)
        card = await room.card()
        await api.stop()
        for size in range(10, 20):
            await room.grows(1, size, urgent=True)
        await room.outage(2, affected=4)
        await room.grows(2, 44)
        since = room.clock.monotonic()
        while room.clock.monotonic() - since < 40:
            await room.clock.sleep(1)
        await api.start()
        second = await room.card(2)
        await api.wait(lambda api: any("Telegram de volta" in text for text in texts(api)))
        await room.shows(card, "19 de 61")
    assert [text for _, text in card.edits] == [card.text]
    assert "44 de 61" in second.text
    assert len(api.messages()) == 3


async def test_it_starts_while_telegram_is_away(api: BotApi) -> None:
    await api.stop()
    async with opened(api, speed=50, connected=False) as room:
        await room.outage()
        assert room.telegram.fresh() is None
        await api.start()
        await room.card()
        card = await room.card()
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        fresh = room.telegram.fresh()
        assert fresh is not None
        assert fresh < 90
        await api.wait(lambda api: len(api.commands) == 2)


@pytest.mark.process
async def test_thirty_open_cards_stay_within_the_limit_and_a_decision_goes_first(api: BotApi) -> None:
    clock = FastClock(20)
    api.clock, api.group_limit, api.query_seconds = clock, 20, 1000
    async with opened(api, speed=20, limit=18, gap=1.0) as room:
        for number in range(1, 31):
            await room.outage(number)
        card = await room.card(1)
        await api.wait(lambda api: len(api.messages()) >= 10)
        started = clock.monotonic()
        await api.tap(ANA, card, "Aprovar")
        await room.shows(card, "Aprovado por")
        assert clock.monotonic() - started < 20
        assert len(api.messages()) < 30
        await api.wait(lambda api: len(api.messages()) == 30)
    assert api.refused == []


async def test_429_waits_as_long_as_telegram_says(api: BotApi) -> None:
    async with opened(api) as room:
        api.faults.inject(Throttle(1), match=method("sendMessage"))
        started = time.monotonic()
        await room.outage()
        await room.card()
        assert time.monotonic() - started >= 1
    assert api.calls["sendMessage"] == 1


async def test_a_deleted_card_is_posted_again(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        first = await room.card()
        first.deleted = True
        await room.grows(1, 9, urgent=True)
        await api.wait(lambda api: api.messages())
        second = await room.card()
        await room.shows(second, "9 de 61")
    assert second.id != first.id


async def test_a_group_that_became_a_supergroup_is_followed(api: BotApi) -> None:
    old, new = api.group, -1009876543210
    async with opened(api) as room:
        await room.outage(1)
        await room.card(1)
        await room.outage(2)
        await room.card(2)
        await room.line(IncidentEnded(2))
        api.migrate(new)
        await room.grows(1, 8, urgent=True)
        await api.wait(lambda api: len(api.messages()) == 2)
        card = await room.card(1)
        assert "8 de 61" in card.text
        assert any(str(new) in text for text in texts(api))
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
    assert [line for _, line in room.ledger.lines if isinstance(line, GroupMoved)] == [GroupMoved(old, new)]
    async with opened(api, group=old, ledger=MemoryLedger(FastClock(), room.ledger.lines)) as room:
        assert room.telegram.chat.group == new
    assert len([text for text in texts(api) if "caso 1" in text]) == 1


@pytest.mark.process
async def test_an_unanswered_post_is_adopted_by_a_tap(api: BotApi) -> None:
    async with opened(api, speed=40) as room:
        api.faults.inject(DropAfter(), match=method("sendMessage"))
        await room.outage()
        await api.wait(lambda api: api.messages())
        card = api.messages()[0]
        answer = await api.tap(ANA, card, "Aprovar")
        assert "Aprovado" in answer.text
        await room.shows(card, "Aprovado por")
        await room.clock.sleep(2 * painting.EVIDENCE)
    assert len(api.messages()) == 1
    assert [line.message for _, line in room.ledger.lines if isinstance(line, CardPosted)] == [card.id]


async def test_without_evidence_it_is_posted_again_and_the_first_one_is_stale(api: BotApi) -> None:
    async with opened(api, speed=60) as room:
        api.faults.inject(DropAfter(), match=method("sendMessage"))
        started = room.clock.monotonic()
        await room.outage()
        await api.wait(lambda api: len(api.messages()) == 2)
        assert room.clock.monotonic() - started >= painting.EVIDENCE
        second = await room.card()
        first = api.messages()[0]
        assert first.id != second.id
        assert "antigo" in (await api.tap(ANA, first, "Aprovar")).text
        await api.wait(lambda _: not first.buttons)
        assert room.decided == []
        assert room.refusals == [(ANA, "approve", "stale_card", 1)]


async def test_an_open_alert_that_can_have_no_card_is_told(api: BotApi) -> None:
    async with opened(api) as room:
        rows = (OddRow("7", "olt", "6/15, <pon_loss>"), OddRow("", "id"))
        room.telegram.chat.say(Notice("odd_rows", {"rows": rows, "n": 2}))
        await api.wait(lambda api: any("não viraram cartão" in text for text in texts(api)))
        [said] = [text for text in texts(api) if "não viraram cartão" in text]
        assert said.splitlines() == [
            "⚠️ 2 alertas abertos não viraram cartão: confira na OLT.",
            "alerta 7: não dá para ler a OLT · lido: 6/15, <pon_loss>",
            "alerta sem número: não dá para ler o número",
        ]


async def test_odd_alerts_of_two_polls_are_both_told_however_late(api: BotApi) -> None:
    async with opened(api) as room:
        for id_ in ("7", "8"):
            rows = (OddRow(id_, "olt"),)
            room.telegram.chat.say(Notice("odd_rows", {"rows": rows, "n": 1}))
        await api.wait(lambda api: all(f"alerta {n}:" in "".join(texts(api)) for n in (7, 8)))


async def test_a_closed_ledger_hides_nothing(api: BotApi) -> None:
    async with opened(api) as room:
        room.ledger.fail("the disk is full")
        why = Closed("/srv/data/ledger could not be written (No space left on device)", "full")
        room.telegram.chat.say(Notice("ledger_closed", {"why": why}))
        await room.outage()
        card = await room.card()
        await room.grows(1, 30)
        room.telegram.chat.show(1, urgent=True)
        await room.shows(card, "30 de 61")
        await api.wait(lambda api: any("O disco está cheio" in text for text in texts(api)))
        assert not any("/srv" in text or "space" in text for text in texts(api))
        assert card.buttons == ["Detalhes"]
        assert "Registro fechado" in card.text
        assert "Porta livre" not in card.text
        for data in ("ok:1:", "no?:1:"):  # buttons that somebody still has before them
            assert (await api.post_callback(ANA, card, data)).show_alert
        assert room.decided == []
        seen = [entry.line for entry in room.ledger.book.audit]
        assert [line.why for line in seen if isinstance(line, TapRefused)] == ["ledger_closed"] * 2


async def test_cards_that_were_open_say_that_the_ledger_closed(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage(1)
        await room.outage(2)
        first, second = await room.card(1), await room.card(2)
        await api.tap(ANA, second, "Aprovar")
        await api.wait(lambda _: "Cancelar" in second.buttons)
        room.ledger.fail("/srv/ledger/2026-11.jsonl, line 4 is damaged")
        room.telegram.chat.say(Notice("ledger_closed", {"why": room.ledger.closed}))
        for card in (first, second):
            await room.shows(card, "Registro fechado")
            assert card.buttons == ["Detalhes"]


async def test_a_card_that_cannot_be_drawn_does_not_stop_the_others(
    api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = cards.card

    def broken(case: object, *args: object, **kwargs: object) -> object:
        if getattr(case, "id", 0) == 1:
            raise KeyError(case)
        return draw(case, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(cards, "card", broken)
    async with opened(api, speed=100) as room:
        await room.outage(1)
        await room.outage(2)
        await room.card(2)
        monkeypatch.setattr(cards, "card", draw)
        await room.card(1)


async def test_the_question_for_a_reason_is_forgotten(api: BotApi) -> None:
    async with opened(api, speed=100) as room:
        await room.outage()
        card = await room.card()
        await api.tap(ANA, card, "Negar")
        await api.wait(lambda _: "manutenção" in card.buttons)
        await api.wait(lambda _: "Aprovar" in card.buttons)


async def test_the_minutes_are_refreshed(api: BotApi) -> None:
    async with opened(api, speed=200, limit=18, gap=1.0) as room:
        await room.outage()
        card = await room.card()
        await room.clock.sleep(130)
        room.telegram.chat.refresh()
        await api.wait(lambda _: card.edits)
        assert "há 5 min" not in card.text


async def test_of_two_notices_on_one_matter_the_newer_is_said(api: BotApi) -> None:
    async with opened(api) as room:
        await api.stop()
        for name in ("a.jsonl", "b.jsonl"):
            why = Closed("damaged", "damaged", file=name, line=4)
            room.telegram.chat.say(Notice("ledger_closed", {"why": why}))
        await api.start()
        await api.wait(lambda api: api.messages())
    assert [text for text in texts(api) if "jsonl" in text] == [texts(api)[0]]
    assert "b.jsonl, linha 4" in texts(api)[0]


async def test_what_is_wrong_with_two_templates_is_two_matters(api: BotApi) -> None:
    """With several NOCs as many as each has of its own may be paused at one time."""
    async with opened(api) as room:
        await api.stop()
        for family in ("LOS", "POWER"):
            about = {"name": family.lower(), "template": family, "trouble": Trouble("paused"), "holds": True}
            room.telegram.chat.say(Notice("template", about))
        await api.start()
        await api.wait(lambda api: len(api.messages()) == 2)
    assert sorted(name for name in ("los", "power") for text in texts(api) if name in text) == [
        "los",
        "power",
    ]


@pytest.mark.process
async def test_a_second_poller_is_said_once_and_when_it_is_gone(api: BotApi) -> None:
    async with opened(api, quiet_after=1.5, poll_seconds=0.5) as room:
        async with Bot(api.token, base_url=f"{api.url}/bot") as other:
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                await other.get_updates(timeout=timedelta(seconds=0))
                await asyncio.sleep(0.05)
        await api.wait(lambda api: any("Só este programa" in text for text in texts(api)))
        assert len([text for text in texts(api) if "Outro programa" in text]) == 1
        assert room.telegram.fresh() is not None


@pytest.mark.process
async def test_a_deaf_poll_is_noticed_and_polled_anew(api: BotApi) -> None:
    async with opened(api, deaf_after=1.5) as room:
        await room.outage()
        card = await room.card()
        api.faults.inject(HangBefore(), match=method("getUpdates"))
        await api.wait(lambda api: any("parou de entregar" in text for text in texts(api)))
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        fresh = room.telegram.fresh()
        assert fresh is not None
        assert fresh < 1.5


@pytest.mark.process
async def test_the_stop_is_quick_while_telegram_hangs(api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert telegram.STOP_SECONDS * 4 <= 12
    monkeypatch.setattr(telegram, "STOP_SECONDS", 1.0)
    async with opened(api) as room:
        await room.outage()
        await room.card()
        api.faults.always(HangBefore())
        await room.grows(1, 9, urgent=True)
        started = room.clock.monotonic()
        await room.telegram.stop()
        assert room.clock.monotonic() - started < 8  # of the 10 s that a call which hangs is waited for


async def test_fetched_updates_are_worked_off_at_the_stop(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        tap = asyncio.ensure_future(api.tap(ANA, card, "Aprovar"))
        await api.wait(lambda api: room.decided or api.queries)
        await room.telegram.stop()
        if not room.decided:  # it was not fetched: the next start gets it
            async with opened(api, ledger=room.ledger) as later:
                await tap
                assert later.decided == [("approved", 1)]
        else:
            assert "Aprovado" in (await tap).text


@pytest.mark.process
async def test_a_bot_thrown_out_of_its_group_says_it_once_and_shows_all_when_it_is_back(
    api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(api, speed=30) as room:
        title = api.chats.pop(api.group)
        await room.outage(1)
        await until(lambda: api.calls["sendMessage"] >= 2)
        assert caplog.text.count("takes nothing that the bot posts") == 1
        api.chats[api.group] = title
        member = {"status": "member", "user": BOT_USER}
        change = {"chat": api.chat_json(api.group), "from": api.users[ANA].json(), "date": 1}
        change |= {"old_chat_member": {"status": "left", "user": BOT_USER}, "new_chat_member": member}
        started = room.clock.monotonic()
        api.updates.add("my_chat_member", change, 60)
        await room.card(1)
        assert room.clock.monotonic() - started < painting.BARRED / 2


@pytest.mark.parametrize(("lost", "said"), [(1, 2), (2, 2), (5, 2)])
async def test_a_notice_in_doubt_is_said_twice_at_most(api: BotApi, lost: int, said: int) -> None:
    async with opened(api, speed=60) as room:
        api.faults.inject(DropAfter(), lost, match=method("sendMessage"))
        room.telegram.chat.say(Notice("second_poller"))
        await api.wait(lambda api: len(api.messages()) == said)
        await room.clock.sleep(60)
    assert len(api.messages()) == said


async def test_a_lost_edit_is_made_again(api: BotApi) -> None:
    async with opened(api, speed=20) as room:
        await room.outage()
        card = await room.card()
        api.faults.inject(DropBefore(), match=method("editMessageText"))
        await room.grows(1, 9, urgent=True)
        await room.shows(card, "9 de 61")
    assert len(api.messages()) == 1


async def test_neither_the_token_nor_a_name_is_in_the_logs(
    api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot")
    async with opened(api, speed=20) as room:
        await room.outage()
        card = await room.card()
        await api.tap(ANA, card, "Aprovar")
        await api.stop()
        await room.grows(1, 9, urgent=True)
        await room.clock.sleep(5)
        await api.start()
        await room.shows(card, "9 de 61")
    assert "Telegram is away" in caplog.text
    assert api.token not in caplog.text
    assert "Ana" not in caplog.text
    assert api.token not in repr(Account(api.token, api.group))
