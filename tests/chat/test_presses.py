import asyncio

import pytest

from bot.chat import telegram
from bot.domain.events import Approved, Denied, Interrupted, Planned
from bot.domain.plan import Recipient
from bot.domain.who import Who
from bot.errors import Refused
from bot.flow.details import KEPT
from bot.ports import Notice
from bot.simulator.server import DropBefore, Fault, HangBefore, Throttle
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from tests.chat.room import ANA, BETO, CARLA, FastClock, Room, opened, until


async def page_of(room: Room, user: int, card: Message) -> Message:
    """The page of customers that this person asked for."""
    before = len(room.api.messages())
    await room.api.tap(user, card, "Detalhes")
    await room.api.wait(lambda api: len(api.messages()) > before)
    return room.api.messages()[-1]


async def test_the_first_tap_decides_and_the_second_is_told_who_was_first(api: BotApi, room: Room) -> None:
    card = await room.card()
    first, second = await asyncio.gather(
        api.post_callback(ANA, card, "ok:1:"), api.post_callback(CARLA, card, "ok:1:")
    )
    assert {first.text[:8], second.text[:8]} == {"Aprovado", "Ana já a"}
    assert room.decided == [("approved", 1)]
    assert room.refusals == [(CARLA, "approve", "already_approved", 1)]


async def test_deny_asks_for_a_reason_in_place(api: BotApi, room: Room) -> None:
    card = await room.card()
    await api.tap(ANA, card, "Negar")
    await api.wait(lambda _: "manutenção" in card.buttons)
    await api.tap(ANA, card, "voltar")
    await api.wait(lambda _: "Aprovar" in card.buttons)
    await api.tap(ANA, card, "Negar")
    await api.wait(lambda _: "manutenção" in card.buttons)
    assert (await api.tap(CARLA, card, "manutenção")).text == "Negado e registrado."
    await room.shows(card, "Negado por Carla")
    assert room.decided == [("denied", 1, "maintenance")]
    assert len(api.messages()) == 1


PLAN = Planned(1, 1, (Recipient("1", "Cliente 1", ("Z1",), "5561999990001"),))


async def test_cancel_and_stop(api: BotApi, room: Room) -> None:
    card = await room.card()
    await api.tap(ANA, card, "Aprovar")
    await api.wait(lambda _: "Cancelar" in card.buttons)
    assert "Nada foi enviado" in (await api.tap(ANA, card, "Cancelar")).text
    await room.line(Approved(1, Who(ANA, "Ana"), ()), PLAN)
    room.telegram.chat.show(1, urgent=True)
    await api.wait(lambda _: "Parar" in card.buttons)
    assert "Parando" in (await api.tap(ANA, card, "Parar")).text
    assert room.decided == [("approved", 1), ("cancelled", 1), ("stop_asked", 1)]


async def test_resume_and_close(api: BotApi, room: Room) -> None:
    card = await room.card()
    await room.line(Approved(1, Who(ANA, "Ana"), ()), PLAN, Interrupted(1))
    room.telegram.chat.show(1, urgent=True)
    await api.wait(lambda _: "Retomar" in card.buttons)
    assert "retomado" in (await api.tap(ANA, card, "Retomar")).text
    await api.wait(lambda _: "Parar" in card.buttons)
    await room.line(Interrupted(1))
    room.telegram.chat.show(1, urgent=True)
    await api.wait(lambda _: "Encerrar envio" in card.buttons)
    assert "encerrado" in (await api.tap(ANA, card, "Encerrar envio")).text
    assert room.decided == [("resumed", 1), ("settled", 1)]


@pytest.mark.parametrize(
    ("user", "data", "toast", "audit"),
    [
        (BETO, "ok:1:", "administradores do grupo", ("approve", "not_allowed", 1)),
        (BETO, "no:1:other", "administradores do grupo", ("deny", "not_allowed", 1)),
        (ANA, "ok:77:", "Não conheço esse caso", ("approve", "unknown_case", 77)),
        (ANA, "no:1:because", "Não reconheço", ("deny", "unknown_button", 1)),
        (ANA, "rm -rf", "Não reconheço", ("unknown", "unknown_button", None)),
        (ANA, "who:1:3", "Não reconheço", ("details", "unknown_button", 1)),
        (ANA, "log:0:0|", "Não reconheço", ("audit", "unknown_button", None)),
        (ANA, "free:0:test|CB 01:1/1", "Não reconheço", ("release", "unknown_button", None)),
        (BETO, "who.csv:1:", "Não reconheço", ("details_csv", "unknown_button", 1)),
    ],
)
async def test_what_is_forged_or_not_allowed_says_why_and_does_nothing(
    room: Room, user: int, data: str, toast: str, audit: tuple[str, str, int | None]
) -> None:
    api, card = room.api, await room.card()
    answer = await api.post_callback(user, card, data)
    assert toast in answer.text
    assert room.refusals == [(user, *audit)]
    assert room.decided == []
    assert (card.edits, len(api.messages())) == ([], 1)


async def test_a_tap_in_another_chat_is_refused(api: BotApi, room: Room) -> None:
    await room.card()
    api.chats[-55] = "Other"
    elsewhere = api.append(Message(0, -55, "x"))
    for data in ("ok:1:", "who:1:", "log:0:0|", "nonsense"):
        assert "grupo do NOC" in (await api.post_callback(ANA, elsewhere, data)).text
    assert [why for _, _, why, _ in room.refusals] == ["wrong_chat"] * 4
    assert room.decided == []


async def test_bots_decide_nothing(api: BotApi, room: Room) -> None:
    card = await room.card()
    anonymous = api.add_user(1087968824, "Group", admin=True)
    assert "anônimo" in (await api.post_callback(anonymous, card, "ok:1:")).text
    assert room.decided == []


async def test_an_answer_does_not_wait_for_the_painter(
    monkeypatch: pytest.MonkeyPatch, api: BotApi, room: Room
) -> None:
    monkeypatch.setattr(telegram, "STOP_SECONDS", 0.1)  # the painter hangs until the end
    card = await room.card()
    api.faults.always(HangBefore(), match=lambda path: path.endswith(("/sendMessage", "/editMessageText")))
    await room.outage(2)
    started = room.clock.monotonic()
    assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
    assert room.clock.monotonic() - started < 8  # of the 10 s that a call which hangs is waited for


async def test_details_answers_at_once_and_turns_pages_for_who_asked(api: BotApi, room: Room) -> None:
    card = await room.card()
    room.source.gate = asyncio.Event()
    assert "Buscando" in (await api.tap(BETO, card, "Detalhes")).text
    assert len(api.messages()) == 1
    room.source.gate.set()
    await api.wait(lambda api: len(api.messages()) == 2)
    page = api.messages()[1]
    assert page.reply_to == card.id
    assert "página 1 de 2" in page.text
    assert "****" in page.text
    assert "Só quem pediu" in (await api.tap(ANA, page, "▶")).text
    await api.tap(BETO, page, "▶")
    await room.shows(page, "página 2 de 2")
    assert room.refusals == [(ANA, "details", "not_yours", 1)]


async def test_a_page_from_before_a_restart_is_asked_for_anew(api: BotApi) -> None:
    ledger = MemoryLedger(FastClock())
    async with opened(api, ledger=ledger) as room:
        await room.outage()
        page = await page_of(room, BETO, await room.card())
    async with opened(api, ledger=MemoryLedger(FastClock(), ledger.lines)) as room:
        assert "Página antiga" in (await api.tap(BETO, page, "▶")).text
        assert room.refusals == [(BETO, "details", "old_page", 1)]
        assert page.edits == []


async def test_details_are_for_the_eyes_of_who_asked_where_the_server_can(api: BotApi, room: Room) -> None:
    api.ephemeral = "support"
    page = await page_of(room, BETO, await room.card())
    assert page.ephemeral_for == BETO
    await api.tap(BETO, page, "▶")
    await room.shows(page, "página 2 de 2")


async def test_a_server_that_refuses_ephemeral_messages_gets_a_reply(api: BotApi, room: Room) -> None:
    api.ephemeral = "refuse"
    card = await room.card()
    page = await page_of(room, BETO, card)
    assert (page.ephemeral_for, page.reply_to) == (None, card.id)


async def test_details_say_so_when_nobody_can_be_looked_up(api: BotApi, room: Room) -> None:
    room.source.error = Refused("away")
    page = await page_of(room, BETO, await room.card())
    assert "Não consegui ler os clientes" in page.text


async def test_the_csv_goes_to_the_private_chat_of_an_approver(api: BotApi, room: Room) -> None:
    page = await page_of(room, ANA, await room.card())
    answer = await api.tap(ANA, page, "CSV")
    assert "@noc_bot" in answer.text
    assert "administradores do grupo" in (await api.tap(BETO, page, "CSV")).text
    assert api.documents == []
    api.users[ANA].opened_private = True
    assert "Preparando" in (await api.tap(ANA, page, "CSV")).text
    await api.wait(lambda api: api.documents)
    document = api.documents[0]
    assert document.chat == ANA
    assert document.filename == "caso-1-clientes.csv"
    assert b"Cliente 11" in (document.document or b"")


async def test_the_audit_is_paged_and_given_out(api: BotApi, room: Room) -> None:
    await room.card()
    await room.line(*[Denied(1, Who(ANA, "Ana"), "other")] * 12)
    api.users[ANA].opened_private = True
    await api.say(ANA, "/audit")
    await api.wait(lambda api: len(api.messages()) == 2)
    page = api.messages()[1]
    assert "página 1 de" in page.text
    await api.tap(ANA, page, "▶")
    await room.shows(page, "página 2 de")
    await api.tap(ANA, page, "CSV")
    await api.tap(ANA, page, "JSON")
    await api.wait(lambda api: len(api.documents) == 2)
    assert {document.filename for document in api.documents} == {"auditoria.csv", "auditoria.json"}
    assert len(api.messages()) == 2


async def test_a_port_is_released_by_an_approver_with_a_reason(api: BotApi, room: Room) -> None:
    card = await room.card()
    await room.line(Approved(1, Who(ANA, "Ana"), (room.ledger.book.cases[1].incident.port,)))
    book = room.ledger.book
    book.cases[1].dispatches.clear()
    book.running.clear()
    await api.say(BETO, "/cooldown")
    await api.wait(lambda api: len(api.messages()) == 2)
    assert api.messages()[1].buttons == []
    await api.say(ANA, "/cooldown")
    await api.wait(lambda api: len(api.messages()) == 3)
    page = api.messages()[2]
    assert "administradores do grupo" in (await api.tap(BETO, page, "Liberar")).text
    await api.tap(ANA, page, "Liberar")
    await room.shows(page, "Por qual motivo?")
    await api.tap(ANA, page, "voltar")
    await api.wait(lambda _: "Liberar CB 01 1/1" in page.buttons)
    await api.tap(ANA, page, "Liberar")
    await room.shows(page, "Por qual motivo?")
    await api.tap(ANA, page, "teste")
    await room.shows(page, "Nenhuma porta")
    await api.wait(lambda api: any("liberada por Ana" in m.text for m in api.messages()))
    assert room.decided == [("cooldown_released", "test")]
    assert "já está livre" in (await api.post_callback(ANA, page, "free?:0:CB 01:1/1")).text
    assert "já está livre" in (await api.post_callback(ANA, page, "free:0:test|CB 01:1/1")).text
    assert card.text


async def test_a_page_is_never_taken_for_a_card(api: BotApi, room: Room) -> None:
    page = await page_of(room, BETO, await room.card())
    await api.stop()
    await room.outage(2)
    await api.start()
    answer = await api.post_callback(ANA, page, "ok:2:")
    assert "Não reconheço" in answer.text
    await until(lambda: room.telegram.chat.card(2))
    assert room.decided == []


@pytest.mark.parametrize("fault", [Throttle(1), DropBefore()])
async def test_a_page_comes_also_when_telegram_is_busy(api: BotApi, room: Room, fault: Fault) -> None:
    card = await room.card()
    api.faults.inject(fault, match=lambda path: path.endswith("/sendMessage"))
    await api.tap(BETO, card, "Detalhes")
    if isinstance(fault, DropBefore):  # it may have arrived: a post is not repeated, the person asks again
        await until(lambda: sum("/sendMessage" in request.path for request in api.requests) == 2)
        await api.tap(BETO, card, "Detalhes")
    await api.wait(lambda api: len(api.messages()) == 2)


async def test_a_page_asked_for_while_the_group_moves(api: BotApi, room: Room) -> None:
    card = await room.card()
    room.source.gate = asyncio.Event()
    await api.tap(BETO, card, "Detalhes")
    api.migrate(-1009)
    room.source.gate.set()
    await until(lambda: room.telegram.chat.group == -1009)
    moved = await room.card()
    await page_of(room, BETO, moved)


async def test_a_tap_that_is_too_old_still_decides(api: BotApi, room: Room) -> None:
    card = await room.card()
    api.query_seconds = 0
    api.post_callback(ANA, card, "ok:1:")
    await room.shows(card, "Aprovado por Ana")
    assert room.decided == [("approved", 1)]


async def test_a_csv_that_cannot_be_made_says_so_in_private(api: BotApi, room: Room) -> None:
    page = await page_of(room, ANA, await room.card())
    api.users[ANA].opened_private = True
    room.source.error = Refused("away")
    room.clock.skip(KEPT)
    await api.tap(ANA, page, "CSV")
    await api.wait(lambda api: api.messages(ANA))
    assert "Não consegui" in api.messages(ANA)[0].text
    assert api.documents == []


async def test_a_bug_leaves_no_button_spinning(
    api: BotApi, room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(rule: object) -> None:
        raise ZeroDivisionError

    card = await room.card()
    monkeypatch.setattr(room.flow, "decide", broken)
    assert (await api.tap(ANA, card, "Aprovar")).text == ""
    assert "could not be handled" in caplog.text
    assert "administradores" in (await api.tap(BETO, card, "Aprovar")).text


async def csv_of(room: Room, user: int, page: Message, data: str) -> str:
    return (await room.api.post_callback(user, page, data)).text


async def test_a_file_is_asked_for_on_its_page_alone(api: BotApi, room: Room) -> None:
    card = await room.card()
    api.users[ANA].opened_private = api.users[CARLA].opened_private = True
    details = await page_of(room, ANA, card)
    await api.say(ANA, "/audit")
    audit = await api.wait(lambda _: next((m for m in api.messages() if "registro" in m.text), None))
    assert audit is not None
    for page, data in (
        (audit, "who.csv:1:"),
        (details, "who.csv:2:"),
        (details, "log.csv:0:0|"),
        (card, "log.json:0:0|"),
    ):
        assert "Não reconheço" in await csv_of(room, ANA, page, data)
    foreign = api.append(Message(0, api.group, "x"))
    assert "Página antiga" in await csv_of(room, ANA, foreign, "who.csv:1:")
    assert api.documents == []
    assert "privado" in await csv_of(room, CARLA, details, "who.csv:1:")
    await api.wait(lambda _: len(api.documents) == 1)


async def test_who_left_the_group_gets_no_file(api: BotApi) -> None:
    async with opened(api, approvers=frozenset({BETO})) as room:
        await room.outage()
        card = await room.card()
        api.users[BETO].opened_private = True
        details = await page_of(room, BETO, card)
        api.change(BETO, gone=True)
        assert "não está mais no grupo" in await csv_of(room, BETO, details, "who.csv:1:")
        await api.say(BETO, "/audit", chat=BETO)
        await api.wait(
            lambda _: "não está mais no grupo" in api.messages(BETO)[-1].text if api.messages(BETO) else False
        )
        assert api.documents == []


async def test_a_removed_administrator_decides_no_more_as_soon_as_telegram_says_so(
    api: BotApi, room: Room
) -> None:
    card = await room.card()
    await room.unfolds(card)
    await api.tap(ANA, card, "Assumi")
    api.change(ANA)
    assert "Só administradores" in (await api.tap(ANA, card, "Aprovar")).text
    api.change(BETO, admin=True)
    assert "Aprovado" in (await api.tap(BETO, card, "Aprovar")).text
    assert api.calls["getChatAdministrators"] == 1


@pytest.mark.parametrize(
    ("slow", "said"), [("getChatMember", "Não consegui confirmar"), ("sendChatAction", "Não consegui enviar")]
)
async def test_an_answer_waits_for_a_second_at_most_for_what_telegram_says_first(
    api: BotApi, room: Room, monkeypatch: pytest.MonkeyPatch, slow: str, said: str
) -> None:
    """A tap that spins for seconds is tapped again, and a file that never comes was not promised."""
    monkeypatch.setattr(telegram, "STOP_SECONDS", 0.1)
    api.add_user(ANA, "Ana", admin=True, opened_private=True)
    page = await page_of(room, ANA, await room.card())
    api.faults.always(HangBefore(), match=lambda path: path.endswith(slow))
    answer = await api.tap(ANA, page, "CSV")
    assert answer.text.startswith(said)
    assert answer.delay_seconds < 2
    assert room.refusals[-1][:2] == (ANA, "details_csv")
    assert api.documents == []


@pytest.mark.parametrize("label", ["Negar", "Mais"])
async def test_a_question_that_comes_late_is_announced(
    api: BotApi, room: Room, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    """In a full minute it comes up to a minute later: a tap without a word is tapped again."""
    monkeypatch.setattr(telegram, "STOP_SECONDS", 0.1)
    card = await room.card()
    assert (await api.tap(ANA, card, "Negar")).text == ""
    await api.wait(lambda _: "voltar" in " ".join(card.buttons))
    assert (await api.tap(ANA, card, "voltar")).text == ""
    await api.wait(lambda _: "Negar" in card.buttons)
    api.faults.inject(Throttle(30), match=lambda path: path.endswith("/sendMessage"))
    room.telegram.chat.say(Notice("second_poller"))
    await until(lambda: vars(room.telegram.chat.standing)["_paced_since"])
    assert (await api.tap(ANA, card, label)).text == "Um instante: limite de mensagens do grupo."
