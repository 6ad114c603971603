"""Taps on the sends in doubt and on a ledger that looks old, over the simulated Bot API."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.customer import Contact
from bot.domain.events import (
    Approved,
    CaseOpened,
    Confirmed,
    Intent,
    Line,
    Planned,
    Resolved,
    Result,
    Settled,
    Started,
    TapRefused,
)
from bot.domain.limits.hours import Hours
from bot.domain.plan import Outcome, Recipient
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Closed, LedgerClosed, TryLater
from bot.ports import Notice, Write
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from tests.chat.room import ANA, BETO, CARLA, FastClock, Room, opened, until
from tests.fakes import incident, port

HER = Who(ANA, "Ana")
PEOPLE = tuple(Recipient(str(n), f"Cliente {n}", (f"Z{n}",), f"556199999000{n}") for n in range(4))


def lost(case: int = 1) -> list[Line]:
    """One was told, of three no answer came."""
    lines: list[Line] = [Approved(case, HER, (port(f"1/{case}"),)), Planned(case, 4, PEOPLE)]
    for n in range(4):
        outcome = Outcome.UNKNOWN if n else Outcome.ACCEPTED
        lines += [Intent(case, str(n)), Result(case, str(n), outcome, reason="no_answer" if n else None)]
    return [*lines, Settled(case, "done")]


async def in_doubt(room: Room) -> Message:
    """The card of a case with three sends in doubt."""
    card = await room.card()
    await room.line(*lost())
    room.telegram.chat.show(1, urgent=True)
    await room.api.wait(lambda _: "Incertas (3)" in card.buttons)
    return card


async def page_of(room: Room, user: int, card: Message) -> Message:
    before = len(room.api.messages())
    button = next(label for label in card.buttons if label.startswith(("Incertas", "Para ligar")))
    assert not (await room.api.tap(user, card, button)).text, "nothing is looked up"
    await room.api.wait(lambda api: len(api.messages()) > before)
    return room.api.messages()[-1]


async def decide(api: BotApi, page: Message, label: str, user: int = ANA) -> str:
    """Tap one button and say yes; the toast."""
    assert not (await api.tap(user, page, label)).text
    await api.wait(lambda _: any(text.startswith("Sim") for text in page.buttons))
    return (await api.tap(user, page, "Sim")).text or ""


async def test_one_by_one_until_none_is_left(api: BotApi, room: Room) -> None:
    card = await in_doubt(room)
    page = await page_of(room, ANA, card)
    assert page.reply_to == card.id
    assert (await decide(api, page, "1 ✔")) == "1 considerada enviada."
    await api.wait(lambda _: "2 a decidir" in page.text)
    await room.shows(card, "☑ 1 considerada enviada")
    assert (await decide(api, page, "2 📞")).startswith("Anotado: você liga para 1 cliente.")
    await room.shows(card, "📞 1 para ligar")
    await api.wait(lambda _: "1 a decidir · 1 para ligar" in page.text)
    assert not (await api.tap(ANA, page, "1 🔁")).text
    await api.wait(lambda _: "Reenviar a Cliente 2 · (61) 9****-0002?" in page.text)
    await api.tap(ANA, page, "voltar")
    await api.wait(lambda _: "1 🔁 reenviar" in page.buttons)
    await api.tap(ANA, page, "1 🔁")
    await api.wait(lambda _: "Sim, reenviar" in page.buttons)
    assert (await api.tap(ANA, page, "Sim")).text == "Reenviando a 1 cliente."
    await api.wait(lambda _: "envio em andamento" in page.text)
    await room.shows(card, "🔁 Reenvio das incertas por Ana")
    assert room.decided == [("resolved", 1, "sent"), ("resolved", 1, "call"), ("resent", 1)]
    await room.line(Intent(1, "2"), Result(1, "2", Outcome.ACCEPTED), Settled(1, "done"))
    room.telegram.chat.show(1, urgent=True)
    await api.tap(ANA, page, "atualizar")
    await api.wait(lambda _: "0 a decidir · 1 para ligar" in page.text)
    await api.wait(lambda _: card.buttons[-1] == "Para ligar (1)")
    assert "3 enviadas · 1 incerta" in card.text


@pytest.mark.parametrize(
    ("asked", "toast", "decided"),
    [
        ("Considerar 3 envios como enviados?", "3 consideradas enviadas.", ("resolved", 1, "sent")),
        ("Reenviar a 3 clientes? Cada um pode receber duas", "Reenviando a 3 clientes.", ("resent", 1)),
        ("Vai ligar para 3 clientes?", "Anotado: você liga para 3 clientes.", ("resolved", 1, "call")),
    ],
)
async def test_all_of_them_asks_twice(
    room: Room, asked: str, toast: str, decided: tuple[object, ...]
) -> None:
    api, page = room.api, await page_of(room, ANA, await in_doubt(room))
    buttons = {"sent": "Considerar 3", 1: "Reenviar as 3", "call": "Ligar para as 3"}
    await api.tap(ANA, page, buttons[decided[-1]])
    await api.wait(lambda _: asked in page.text)
    yes = "Sim"
    if decided == ("resent", 1):  # somebody may get two: a third tap
        await api.tap(ANA, page, "Sim, reenviar a 3")
        await api.wait(lambda _: page.text == "Confirma mesmo? 3 clientes podem receber duas vezes.")
        yes = "Confirmo: reenviar a 3"
    assert room.decided == []
    assert toast in (await api.tap(ANA, page, yes)).text
    assert room.decided == [decided]


async def test_at_night_a_resend_says_that_the_message_leaves_now(api: BotApi) -> None:
    opens = datetime.now(UTC) + timedelta(hours=2)
    first, last = (at.time().replace(second=0, microsecond=0) for at in (opens, opens + timedelta(hours=3)))
    async with opened(api, rules=Rules(customer_hours=Hours(first, last, UTC))) as room:
        await room.outage()
        page = await page_of(room, ANA, await in_doubt(room))
        await api.tap(ANA, page, "1 🔁")
        await api.wait(lambda _: "Fora do horário dos clientes (até " in page.text)
        await api.tap(ANA, page, "voltar")
        await api.wait(lambda _: "Reenviar as 3" in " ".join(page.buttons))
        await api.tap(ANA, page, "Reenviar as 3")
        await api.wait(lambda _: "a mensagem sai agora" in page.text)
        await api.tap(ANA, page, "Sim, reenviar a 3")
        await api.wait(lambda _: "Confirma mesmo?" in page.text and "Fora do horário" in page.text)


async def test_who_was_called_is_told_by_a_tap_and_none_is_left(api: BotApi, room: Room) -> None:
    card = await in_doubt(room)
    await room.line(Resolved(1, ("1", "2", "3"), "call", Who(CARLA, "Carla")))
    room.telegram.chat.show(1, urgent=True)
    await api.wait(lambda _: "Para ligar (3)" in card.buttons)
    page = await page_of(room, ANA, card)
    assert page.text.count("📞 Carla liga") == 3
    for left in ("2 para ligar", "1 para ligar"):
        assert (await decide(api, page, "1 ✔ já avisado")) == "Anotado: já avisado."
        await room.shows(page, f"0 a decidir · {left}")
    await decide(api, page, "1 ✔ já avisado")
    await api.wait(lambda _: page.text == "✅ Caso 1: nenhuma incerta.")
    await api.wait(lambda _: not re.search("Incertas|Para ligar", "|".join(card.buttons)))
    assert room.decided == [("resolved", 1, "sent")] * 3
    assert "☑ 3 consideradas enviadas" in card.text


async def test_a_question_that_no_button_asks_is_refused(api: BotApi, room: Room) -> None:
    page = await page_of(room, ANA, await in_doubt(room))
    one, all_ = page.button("1 ✔").data or "", page.button("Ligar para as 3").data or ""
    for forged in (one.replace("unk?", "unk??"), all_.replace("unk?", "unk??")):
        assert "Não reconheço" in (await api.post_callback(ANA, page, forged)).text
    assert room.decided == []


async def test_a_list_that_changed_meanwhile_decides_nothing_and_is_shown_anew(
    api: BotApi, room: Room
) -> None:
    card = await in_doubt(room)
    hers = await page_of(room, ANA, card)
    theirs = await page_of(room, CARLA, card)
    await api.tap(ANA, hers, "Reenviar as 3")
    await api.wait(lambda _: "Sim, reenviar a 3" in hers.buttons)
    await decide(api, theirs, "3 ✔", CARLA)
    assert (await api.tap(ANA, hers, "Sim")).text == "A lista mudou: veja de novo antes de decidir."
    await api.wait(lambda _: "2 a decidir" in hers.text)
    assert room.decided == [("resolved", 1, "sent")]
    assert room.refusals == [(ANA, "ask_again", "list_changed", 1)]


async def test_a_page_for_one_person_where_telegram_can_do_that(api: BotApi, room: Room) -> None:
    api.ephemeral = "support"
    page = await page_of(room, ANA, await in_doubt(room))
    assert page.ephemeral_for == ANA
    await decide(api, page, "1 ✔")
    await api.wait(lambda _: "2 a decidir" in page.text)


async def test_only_approvers_see_it_and_only_who_asked_decides_on_it(api: BotApi, room: Room) -> None:
    card = await in_doubt(room)
    assert "administradores" in (await api.tap(BETO, card, "Incertas")).text
    page = await page_of(room, ANA, card)
    assert "administradores" in (await api.tap(BETO, page, "1 ✔")).text
    for label in ("1 ✔", "1 🔁", "Ligar para as 3", "CSV"):
        assert "Abra a sua: toque em Incertas no cartão." in (await api.tap(CARLA, page, label)).text
    assert room.decided == []
    assert [(user, action, why) for user, action, why, _ in room.refusals] == [
        (BETO, "doubts", "not_allowed"),
        (BETO, "ask_choose", "not_allowed"),
        (CARLA, "ask_choose", "not_yours"),
        (CARLA, "doubts_csv", "not_yours"),
    ]


async def test_the_phones_go_to_the_private_chat(api: BotApi, room: Room) -> None:
    api.users[ANA].opened_private = True
    room.source.found.contacts["1"] = Contact("1", "Cliente 1", "(61) 3333-4444 / (61) 99999-0001")
    page = await page_of(room, ANA, await in_doubt(room))
    assert "Preparando" in (await api.tap(ANA, page, "CSV")).text
    sheet = await api.wait(lambda api: next((m for m in api.messages(ANA) if m.document), None))
    assert sheet.document is not None
    assert "(61) 3333-4444 / (61) 99999-0001;5561999990001" in sheet.document.decode("utf-8-sig")
    assert "99999" not in page.text


async def test_the_phones_come_also_while_the_customers_cannot_be_looked_up(api: BotApi, room: Room) -> None:
    api.users[ANA].opened_private = True
    page = await page_of(room, ANA, await in_doubt(room))
    room.source.error = TryLater("away")
    await api.tap(ANA, page, "CSV")
    sheet = await api.wait(lambda api: next((m for m in api.messages(ANA) if m.document), None))
    assert sheet.document is not None
    assert "5561999990001;5561999990001" in sheet.document.decode("utf-8-sig")


@pytest.mark.parametrize(
    "data", ["unk:1:0", "unk!:1:sent|0|1|x", "unk?:1:call|0|all3|x", "unk.csv:1:", "sure:0:"]
)
async def test_no_such_button_is_taken_from_a_card_a_notice_or_another_page(
    api: BotApi, room: Room, data: str
) -> None:
    card = await in_doubt(room)
    api.users[ANA].opened_private = True
    room.telegram.chat.say(Notice("second_poller"))
    said = await api.wait(lambda api: next((m for m in api.messages() if "mesmo token" in m.text), None))
    await api.tap(ANA, card, "Detalhes")
    page = await api.wait(lambda api: next((m for m in api.messages() if "12 clientes" in m.text), None))
    for message in (card, said, page):
        before = message.text
        answer = await api.post_callback(ANA, message, data)
        assert answer.text.startswith(("Não reconheço", "Página antiga"))
        assert message.text == before
    assert room.decided == []
    assert {why for _, _, why, _ in room.refusals} <= {"unknown_button", "old_page"}


async def test_a_page_of_one_case_decides_nothing_about_another(api: BotApi, room: Room) -> None:
    card = await in_doubt(room)
    await room.outage(2)
    await room.card(2)
    await room.line(*lost(2))
    page = await page_of(room, ANA, card)
    data = page.button("1 ✔").data or ""
    assert "Não reconheço" in (await api.post_callback(ANA, page, data.replace("unk?:1", "unk?:2"))).text
    for forged in ("unk!:1:sent|0|99|x", "unk!:1:sent|0|0|x", "unk!:1:", "unk:1:x"):
        await api.post_callback(ANA, page, forged)
    assert room.decided == []


@pytest.fixture
async def restored(api: BotApi) -> AsyncIterator[Room]:
    """A start on a ledger that ended three hours ago without a stop."""
    clock = FastClock()
    then = clock.now() - timedelta(hours=3)
    lines: list[tuple[datetime, Line]] = [
        (then, CaseOpened(1, incident(1, place="1/1", started=then))),
        (clock.now(), Started("2")),
    ]
    async with opened(api, ledger=MemoryLedger(clock, lines)) as room:
        since = room.ledger.book.unconfirmed
        assert since is not None
        room.telegram.chat.say(Notice("unconfirmed", {"since": since}))
        room.telegram.chat.show(1)
        yield room


async def unconfirmed_notice(room: Room) -> Message:
    return await room.api.wait(
        lambda api: next((m for m in api.messages() if m.text.startswith("⛔ O registro termina em")), None)
    )


async def test_an_old_ledger_is_confirmed_by_an_approver_who_is_asked_twice(
    api: BotApi, restored: Room
) -> None:
    room, said = restored, await unconfirmed_notice(restored)
    card = await room.card()
    await room.shows(card, "⛔ Envio bloqueado até confirmar o registro (/status)")
    assert "Porta livre" not in card.text
    assert "Confirme em /status" in (await api.tap(ANA, card, "Aprovar")).text
    assert "administradores" in (await api.tap(BETO, said, "Confirmar")).text
    assert room.refusals == [
        (ANA, "approve", "unconfirmed", 1),
        (BETO, "ask_confirm", "not_allowed", None),
    ]
    await api.tap(ANA, said, "Confirmar")
    await api.wait(lambda _: "Liberar o envio com o registro que termina" in said.text)
    await api.tap(ANA, said, "voltar")
    await api.wait(lambda _: said.text.startswith("⛔ O registro termina em"))
    await api.tap(ANA, said, "Confirmar")
    await api.wait(lambda _: "Sim, pode enviar" in said.buttons)
    assert room.ledger.book.unconfirmed is not None
    assert (await api.tap(CARLA, said, "Sim")).text == "Confirmado: o envio está liberado."
    await api.wait(lambda _: said.text.startswith("✅ Carla confirmou o registro às"))
    assert said.buttons == []
    assert room.decided == [("confirmed",)]
    assert "Não há o que confirmar" in (await api.post_callback(ANA, said, "sure:0:")).text
    assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text, "the button was there all the time"


async def test_status_has_the_button_too_and_the_notice_then_says_who(api: BotApi, restored: Room) -> None:
    room, said = restored, await unconfirmed_notice(restored)
    await api.say(BETO, "/status")
    theirs = await api.wait(lambda api: next((m for m in api.messages() if "com /status no" in m.text), None))
    assert theirs.buttons == []
    await api.say(ANA, "/status")
    hers = await api.wait(lambda api: next((m for m in api.messages() if "confirme abaixo" in m.text), None))
    await api.tap(ANA, hers, "Confirmar")
    await api.wait(lambda _: "Sim, pode enviar" in hers.buttons)
    await api.tap(ANA, hers, "Sim")
    await api.wait(lambda _: all(m.text.startswith("✅ Ana confirmou") for m in (said, hers)))
    assert room.ledger.book.unconfirmed is None
    assert "sure" not in str(hers.keyboard)


async def test_only_that_notice_has_the_button_and_a_private_status_sends_to_the_group(
    api: BotApi, restored: Room
) -> None:
    said = await unconfirmed_notice(restored)
    restored.telegram.chat.say(Notice("second_poller"))
    other = await api.wait(lambda api: next((m for m in api.messages() if "mesmo token" in m.text), None))
    assert (said.buttons, other.buttons) == (["Confirmar: pode enviar"], [])
    assert "Não reconheço" in (await api.post_callback(ANA, other, "sure?:0:")).text
    api.users[ANA].opened_private = True
    await api.say(ANA, "/status", ANA)
    page = await api.wait(lambda api: next((m for m in api.messages(ANA) if "Versão" in m.text), None))
    assert "um aprovador confirma com /status no grupo" in page.text
    assert page.buttons == []
    assert "grupo do NOC" in (await api.post_callback(ANA, page, "sure:0:")).text
    assert restored.ledger.book.unconfirmed is not None


async def before_the_restart(room: Room) -> Message:
    """The group's message that asked for it, which the bot of now does not remember."""
    said = await unconfirmed_notice(room)
    await until(lambda: room.telegram.chat.is_notice(said.id))
    room.telegram.chat._posted._notices.clear()
    return said


async def test_an_old_question_says_that_nothing_is_to_confirm_and_loses_its_button(
    api: BotApi, restored: Room
) -> None:
    said = await before_the_restart(restored)
    await restored.line(Confirmed(HER))
    assert (await api.tap(ANA, said, "Confirmar")).text == "Não há o que confirmar: o envio está liberado."
    await api.wait(lambda _: said.buttons == [])
    assert said.text.startswith("⛔ O registro termina em")


async def test_an_old_question_says_what_to_ask_for(api: BotApi, restored: Room) -> None:
    said = await before_the_restart(restored)
    assert (await api.tap(ANA, said, "Confirmar")).text == "Página antiga: peça /status."
    await api.wait(lambda _: said.buttons == [])
    assert restored.ledger.book.unconfirmed is not None
    assert [why for _, _, why, _ in restored.refusals] == ["old_page"]


async def test_a_card_keeps_its_buttons_whatever_is_forged_on_it(api: BotApi, restored: Room) -> None:
    card = await restored.card()
    await api.wait(lambda _: card.buttons)
    before = card.buttons
    assert "Não reconheço" in (await api.post_callback(ANA, card, "sure:0:")).text
    assert card.buttons == before


async def test_a_status_that_asks_in_vain_loses_its_button(api: BotApi, restored: Room) -> None:
    await unconfirmed_notice(restored)
    await api.say(ANA, "/status")
    page = await api.wait(lambda api: next((m for m in api.messages() if "confirme abaixo" in m.text), None))
    await restored.line(Confirmed(HER))
    assert "Não há o que confirmar" in (await api.tap(ANA, page, "Confirmar")).text
    await api.wait(lambda _: page.buttons == [])


async def test_a_closed_ledger_is_not_even_asked_about(api: BotApi, restored: Room) -> None:
    said = await unconfirmed_notice(restored)
    restored.ledger.fail("no space left")
    assert "registro está fechado" in (await api.tap(ANA, said, "Confirmar")).text
    assert said.edits == []


async def test_while_the_ledger_is_away_who_taps_is_told_to_try_again(api: BotApi, room: Room) -> None:
    page = await page_of(room, ANA, await in_doubt(room))
    room.ledger.fail(Closed("PostgreSQL does not answer", "away"))
    assert "Não registrado" in (await api.tap(ANA, page, "1 ✔")).text
    assert room.decided == []


@pytest.mark.parametrize("takes_it", [True, False])
async def test_who_decides_while_the_database_does_not_answer_is_told_to_look_at_the_card(
    api: BotApi, room: Room, monkeypatch: pytest.MonkeyPatch, *, takes_it: bool
) -> None:
    page = await page_of(room, ANA, await in_doubt(room))
    await api.tap(ANA, page, "Ligar para as 3")
    await api.wait(lambda _: any(text.startswith("Sim") for text in page.buttons))
    answers, commit = asyncio.Event(), room.ledger.commit

    async def late(write: Write) -> Sequence[Line]:
        await answers.wait()
        if not takes_it:
            raise LedgerClosed("it is gone")
        return await commit(write)

    monkeypatch.setattr(type(room.ledger), "patience", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr(room.ledger, "commit", late)
        assert (await api.tap(ANA, page, "Sim")).text.startswith("Sem confirmação: ")
        assert room.decided == []
        answers.set()
        await until(lambda: room.decided or not takes_it)
    assert [why for _, _, why, _ in room.refusals] == ["not_confirmed"]
    if not takes_it:
        assert (await api.tap(ANA, page, "Sim")).text
        assert room.decided, "on an answer in time nothing is different"


async def test_while_the_ledger_is_closed_nothing_is_decided(api: BotApi, room: Room) -> None:
    page = await page_of(room, ANA, await in_doubt(room))
    room.ledger.fail("no space left")
    assert "registro está fechado" in (await api.tap(ANA, page, "1 ✔")).text
    assert "registro está fechado" in (await api.tap(ANA, page, "Ligar para as 3")).text
    assert room.decided == []
    refused = [entry.line for entry in room.ledger.book.audit if isinstance(entry.line, TapRefused)]
    assert [line.why for line in refused] == ["ledger_closed"], "the same twice within minutes is one line"


async def test_what_was_decided_meanwhile_is_told(api: BotApi, room: Room) -> None:
    page = await page_of(room, ANA, await in_doubt(room))
    await room.line(Resolved(1, ("1",), "sent", Who(CARLA, "Carla")))
    assert (await api.tap(ANA, page, "1 📞")).text == "Essa já foi decidida por Carla."
    await api.wait(lambda _: "2 a decidir" in page.text)
    await until(lambda: room.decided == [])
