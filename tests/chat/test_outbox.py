import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from telegram import Bot

from bot.chat.screens.screen import Button, Photo, Screen, Sheet
from bot.chat.wire.budget import AT_ONCE, InAll
from bot.chat.wire.outbox import Ephemeral, Outbox, plain
from bot.chat.wire.refusals import Away, Barred, Gone, Moved, Paced, Rejected, Unsure
from bot.errors import BotError
from bot.simulator.server import Answer, DropAfter, Fault, Garbage, HtmlPage, Throttle
from bot.simulator.telegram.api import BotApi
from tests.fakes import FakeClock, settled


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BotApi]:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    async with BotApi() as server:
        yield server


@pytest.fixture
def outbox(bot: Bot) -> Outbox:
    return Outbox(bot, InAll(FakeClock()))


async def test_what_telegram_cannot_parse_arrives_as_plain_text(api: BotApi, outbox: Outbox) -> None:
    buttons = ((Button("Aprovar", "ok:1:", "success"), Button("site", url="https://x.br")),)
    screen = Screen("<b>6/15</b> a &lt; b <Silva", buttons)
    message = await outbox.post(api.group, screen)
    shown = api.messages()[0]
    assert (shown.id, shown.text, shown.buttons) == (
        message.message_id,
        "6/15 a < b <Silva",
        ["Aprovar", "site"],
    )
    await outbox.edit(api.group, shown.id, Screen("<b>fixed"))
    assert shown.text == "fixed"


async def test_a_text_that_is_too_long_arrives_cut(api: BotApi, outbox: Outbox) -> None:
    await outbox.post(api.group, Screen("<b>" + "😀" * 3000 + "</b>"))
    text = api.messages()[0].text
    assert len(text.encode("utf-16-le")) // 2 <= 4096
    assert text.startswith("😀" * 2000)
    assert text.endswith("…")


async def test_a_number_stays_on_the_line_of_its_word_and_what_is_copied_as_it_is(
    api: BotApi, outbox: Outbox
) -> None:
    html = (
        "29 enviadas · 4 não enviadas · <b>33</b> ONUs, 100 % LOS, 6/15 às 14:30 em <code>CB 01 1 x</code> "
    )
    html += "cerca de <b>6 de 9 ONUs</b>, about 4, about <b>5</b>, about it até 29/11 14:50, (61) 9****-0001"
    await outbox.post(api.group, Screen(html))
    (message,) = api.messages()
    shown = message.shown.replace("\N{NO-BREAK SPACE}", "_")
    assert shown.startswith("29_enviadas · 4_não_enviadas · 33 ONUs, 100_% LOS, 6/15 às 14:30 em CB 01 1 x ")
    assert "cerca_de_6_de 9_ONUs, about_4, about_5, about it " in shown
    assert shown.endswith("até 29/11_14:50, (61)_9****-0001")
    assert message.text.startswith("29 enviadas · 4 não enviadas · 33 ONUs, 100 % LOS, 6/15 às 14:30 em ")


async def test_the_same_again_is_fine(api: BotApi, outbox: Outbox) -> None:
    message = await outbox.post(api.group, Screen("a", ((Button("x", "y"),),)))
    await outbox.edit(api.group, message.message_id, Screen("a", ((Button("x", "y"),),)))
    await outbox.strip(api.group, message.message_id)
    await outbox.strip(api.group, message.message_id)
    assert api.messages()[0].buttons == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Throttle(7), Paced),
        (DropAfter(), Unsure),
        (HtmlPage(502), Unsure),
        (Garbage(), Unsure),
        (HtmlPage(403), Barred),
        (Answer(400, '{"ok":false,"description":"Bad Request: BUTTON_DATA_INVALID"}'), Rejected),
        (Answer(400, '{"ok":false,"description":"Bad Request: chat not found"}'), Barred),
    ],
)
async def test_each_failure_says_what_to_do_next(
    api: BotApi, outbox: Outbox, fault: Fault, error: type[BotError]
) -> None:
    api.faults.inject(fault)
    with pytest.raises(error) as raised:
        await outbox.post(api.group, Screen("a"))
    if isinstance(raised.value, Paced):
        assert raised.value.seconds == 7


async def test_a_refused_connection_is_known_not_to_have_arrived(api: BotApi, outbox: Outbox) -> None:
    await api.stop()
    with pytest.raises(Away):
        await outbox.post(api.group, Screen("a"))


async def test_a_moved_group_and_a_deleted_message(api: BotApi, outbox: Outbox) -> None:
    with pytest.raises(Gone):
        await outbox.edit(api.group, 999, Screen("a"))
    old = api.group
    api.migrate(-1009)
    with pytest.raises(Moved) as moved:
        await outbox.post(old, Screen("a"))
    assert moved.value.new == -1009


async def test_a_private_chat_that_was_never_opened(api: BotApi, outbox: Outbox) -> None:
    api.add_user(7, "Ana")
    with pytest.raises(Barred):
        await outbox.knock(7)
    with pytest.raises(Barred):
        await outbox.send_sheet(7, Sheet("a.csv", b"a"))
    api.users[7].opened_private = True
    await outbox.knock(7)
    await outbox.send_sheet(7, Sheet("a.csv", b"a;b"))
    assert [(d.filename, d.document) for d in api.documents] == [("a.csv", b"a;b")]


PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.mark.parametrize(("topics", "thread"), [({5}, 5), (set(), None)])
async def test_a_photo_goes_where_posts_go_and_rings_nobody(
    api: BotApi, bot: Bot, topics: set[int], thread: int | None
) -> None:
    api.topics = topics
    outbox = Outbox(bot, InAll(FakeClock()), 5)
    await outbox.send_photo(api.group, Photo("a.png", PNG, "<b>3</b> &lt; 4"), reply_to=99)
    (message,) = api.messages()
    assert (message.document, message.text, message.thread, message.silent) == (PNG, "3 < 4", thread, True)
    assert outbox.topic_is_lost == (thread is None)


async def test_a_group_without_pictures_takes_texts_all_the_same(api: BotApi, outbox: Outbox) -> None:
    api.without_photos = {api.group}
    with pytest.raises(Rejected):  # Barred would say that the group takes nothing of ours
        await outbox.send_photo(api.group, Photo("a.png", PNG, ""))
    api.add_user(7, "Ana")
    with pytest.raises(Barred):
        await outbox.send_photo(7, Photo("a.png", PNG, ""))


@pytest.mark.parametrize(("topic", "thread"), [(5, 5), (1, None), (None, None)])
async def test_a_topic(api: BotApi, bot: Bot, topic: int | None, thread: int | None) -> None:
    api.topics = {5}
    await Outbox(bot, InAll(FakeClock()), topic).post(api.group, Screen("a"))
    assert api.messages()[0].thread == thread


async def test_a_topic_that_was_deleted_hides_nothing(api: BotApi, bot: Bot) -> None:
    outbox = Outbox(bot, InAll(FakeClock()), 5)
    await outbox.post(api.group, Screen("a"))
    await outbox.post(api.group, Screen("b"))
    assert [(message.text, message.thread) for message in api.messages()] == [("a", None), ("b", None)]


async def test_another_group_has_no_topic_of_ours_and_a_silent_post_rings_nobody(
    api: BotApi, bot: Bot
) -> None:
    api.topics, api.chats[-1005] = {5}, "Diretoria"
    outbox = Outbox(bot, InAll(FakeClock()), 5)
    await outbox.post(-1005, Screen("a"), silent=True, in_topic=False)
    await outbox.post(api.group, Screen("b"))
    assert [(m.text, m.thread, m.silent) for m in api.messages(-1005)] == [("a", None, True)]
    assert [(m.text, m.thread, m.silent) for m in api.messages()] == [("b", 5, False)]


def test_plain_text_keeps_what_people_wrote() -> None:
    assert plain("<b>a</b> &lt;b&gt; 1 < 2 <a href='x'>y</a>") == "a <b> 1 < 2 y"


async def test_a_message_looks_for_no_module_on_disk(
    api: BotApi, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that imports what is not installed pays for a search of the whole path at each request."""
    await outbox.post(api.group, Screen("one"))
    sought: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, _path: object = None, _target: object = None) -> None:
            sought.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    await outbox.post(api.group, Screen("two"))
    assert sought == []


LEAVES: dict[str, Callable[[Outbox, int], Awaitable[object]]] = {
    "post": lambda outbox, group: outbox.post(group, Screen("b")),
    "photo": lambda outbox, group: outbox.send_photo(group, Photo("a.png", PNG, "")),
    "edit": lambda outbox, group: outbox.edit(group, 1, Screen("b")),
    "edit for one": lambda outbox, group: outbox.edit_ephemeral(Ephemeral(group, 1, 7), Screen("b")),
    "strip": lambda outbox, group: outbox.strip(group, 1),
    "sheet": lambda outbox, group: outbox.send_sheet(group, Sheet("a.csv", b"a")),
}


@pytest.mark.parametrize("what", LEAVES)
async def test_whatever_leaves_waits_for_what_the_other_groups_of_the_bot_send(
    api: BotApi, bot: Bot, what: str
) -> None:
    clock = FakeClock()
    in_all = InAll(clock)
    for _ in range(AT_ONCE):
        await Outbox(bot, in_all).post(api.group, Screen("a"))
    asked = len(api.requests)
    leaving = asyncio.ensure_future(LEAVES[what](Outbox(bot, in_all), api.group))
    await settled()
    assert (clock.slept, len(api.requests)) == (1, asked)
    leaving.cancel()
