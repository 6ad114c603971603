"""The customers' phones of the pretend Cloud API: what becomes of messages, and what the app is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiohttp import web

from bot.domain.delivery import Arrival, DeliveryNews, StopNews, TemplateNews
from bot.errors import Refused
from bot.gateways.cloud.answers import called
from bot.gateways.cloud.webhook import CloudWebhook
from bot.simulator.cloud import NUMBER, CloudApi
from bot.simulator.hook import Hook
from bot.simulator.phones import AGAIN, Habits, Phones
from bot.simulator.server import Server
from tests.patience import PATIENCE

from .clock import Clock

MARIA = "5561900000001"
NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)
SENT, RECEIVED, READ, UNDELIVERED = Arrival.SENT, Arrival.RECEIVED, Arrival.READ, Arrival.UNDELIVERED


class App(Server):
    """What listens: it reads as the bot does.

    Attributes:
        news: What was told, in order; a list a body.
        refused: Bodies with another signature.
        status: What it answers to the others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.news: list[list[Any]] = []
        self.refused = 0
        self.status = 200
        self.heard = asyncio.Event()

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            news = CloudWebhook("app-secret", "palavra").read(headers, body, NOON, lambda phone: phone)
        except Refused:
            self.refused += 1
            return web.Response(status=401)
        if self.status == 200:
            self.news.append(news)
            self.heard.set()
        return web.Response(status=self.status)

    def throttled(self, retry_after: int | str | None) -> web.Response:
        return web.Response(status=429)

    @property
    def told(self) -> list[tuple[str, Arrival]]:
        """The messages' ids, each with what was told of it."""
        return [(n.reference, n.arrival) for body in self.news for n in body if isinstance(n, DeliveryNews)]


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with App() as server:
        yield server


@pytest.fixture
async def api() -> AsyncIterator[CloudApi]:
    async with CloudApi() as server:
        yield server


@pytest.fixture
def phones(api: CloudApi, app: App, clock: Clock) -> Phones:
    made = Phones(api, Hook(f"{app.url}/whatsapp"), seed=7, clock=clock)
    made.habits = Habits(arrives=(2.0, 2.0), read_after=(3.0, 3.0), reads=1.0)
    return made


async def send(api: CloudApi, *numbers: str, template: str = "aviso") -> list[int | None]:
    """The codes of the errors that these phones' messages were answered with."""
    headers, codes = {"Authorization": f"Bearer {api.token}"}, list[int | None]()
    async with httpx.AsyncClient(
        base_url=api.url, headers=headers, trust_env=False, timeout=PATIENCE
    ) as http:
        for number in numbers:
            body = {
                "messaging_product": "whatsapp",
                "to": f"+{number}",
                "type": "template",
                "template": {"name": template, "language": {"code": "pt_BR"}},
            }
            answer = (await http.post(f"/v24.0/{NUMBER}/messages", json=body)).json()
            codes.append(answer.get("error", {}).get("code"))
    return codes


async def later(phones: Phones, clock: Clock, seconds: float) -> None:
    clock.forward(seconds)
    await phones.tell()


async def test_a_message_is_sent_delivered_and_read_in_its_time(
    api: CloudApi, app: App, phones: Phones, clock: Clock
) -> None:
    seen: list[str] = []
    phones.changed = lambda message: seen.append(phones.standings[message.id].word)
    await send(api, MARIA)
    assert await phones.tell() == []
    assert phones.next_at == clock() + 1
    await later(phones, clock, 1)
    assert app.told == [(called("wamid.00000001"), SENT)]
    await later(phones, clock, 1)
    await later(phones, clock, 3)
    assert app.told == [(called("wamid.00000001"), how) for how in (SENT, RECEIVED, READ)]
    assert seen == ["sent", "delivered", "read"]
    assert phones.next_at is None


async def test_the_same_phone_has_the_same_fate_whatever_the_order(app: App, clock: Clock) -> None:
    numbers = [f"55619{n:08}" for n in range(40)]

    async def fates(order: list[str], seed: int) -> dict[str, Any]:
        async with CloudApi() as api:
            phones = Phones(api, Hook(app.url), seed=seed, clock=clock)
            phones.habits = Habits(unreachable=0.3, off=0.2)
            await send(api, *order)
            await later(phones, clock, 60)
            return {message.phone: phones.standings[message.id] for message in api.received}

    first = await fates(numbers, 1)
    assert first == await fates(numbers[::-1], 1)
    assert first != await fates(numbers, 2)
    assert {standing.word for standing in first.values()} == {"sent", "delivered", "read", "failed"}


async def test_who_has_no_whatsapp_gets_nothing_and_counts_as_nobody(
    api: CloudApi, app: App, phones: Phones, clock: Clock
) -> None:
    phones.habits.codes = {MARIA: 131026}
    await send(api, MARIA, MARIA)
    assert api.duplicates == 1
    await later(phones, clock, 2)
    assert app.told == [(called("wamid.00000001"), UNDELIVERED), (called("wamid.00000002"), UNDELIVERED)]
    assert {news.reason for body in app.news for news in body} == {"wa_131026"}
    assert (api.count[MARIA], api.duplicates) == (0, 0)


async def test_a_phone_that_is_off_is_told_of_once(
    api: CloudApi, app: App, phones: Phones, clock: Clock
) -> None:
    phones.habits.off = 1.0
    await send(api, MARIA)
    await later(phones, clock, 60)
    assert app.told == [(called("wamid.00000001"), SENT)]


@pytest.mark.parametrize("drops", [False, True])
async def test_what_is_held_leaves_or_is_dropped(
    api: CloudApi, app: App, phones: Phones, clock: Clock, drops: bool
) -> None:
    phones.habits.drops = drops
    api.statuses = ["held_for_quality_assessment"]
    await send(api, MARIA)
    assert (len(api.held), len(api.received)) == (1, 0)
    await later(phones, clock, 3)
    assert (len(api.held), len(api.received)) == (0, int(not drops))
    await later(phones, clock, 1)
    assert app.told == [(called("wamid.00000001"), UNDELIVERED if drops else SENT)]
    if drops:
        assert app.news[0][0].reason == "wa_132015"


async def test_a_template_is_paused_under_us(api: CloudApi, app: App, phones: Phones) -> None:
    phones.habits.pauses_after = 2
    assert await send(api, MARIA, "5561900000002", "5561900000003") == [None, None, 132015]
    await phones.tell()
    assert app.news == [[TemplateNews("aviso", "PAUSED", NOON, "pt_BR", "LOW_QUALITY")]]
    assert await send(api, MARIA, template="outro") == [None]


async def test_beyond_the_tier_nobody_gets_it_until_a_day_later(
    api: CloudApi, phones: Phones, clock: Clock
) -> None:
    api.tier = "TIER_250"
    numbers = [f"55619{n:08}" for n in range(251)]
    await send(api, *numbers[:250], numbers[0], numbers[250])
    await later(phones, clock, 2)
    failed = [m.phone for m in api.received if phones.standings[m.id].word == "failed"]
    assert failed == [numbers[250]], "whom one wrote to before is no more people"
    clock.forward(24 * 3600)
    await send(api, numbers[250])
    await later(phones, clock, 2)
    assert phones.standings[api.received[-1].id].word == "delivered"


@pytest.mark.parametrize("twice", [0.0, 1.0])
async def test_what_was_not_answered_200_is_told_again(
    api: CloudApi, app: App, phones: Phones, clock: Clock, twice: float
) -> None:
    phones.habits = Habits(arrives=(2.0, 2.0), off=1.0, twice=twice)
    await send(api, MARIA)
    app.status = 503
    clock.forward(1)
    assert await phones.tell() == [503]
    await app.stop()
    clock.forward(AGAIN)
    assert await phones.tell() == [0]
    assert app.told == []
    await app.start()
    app.status = 200
    clock.forward(AGAIN)
    assert await phones.tell() == [200]
    assert app.told == [(called("wamid.00000001"), SENT)], "nothing piles up meanwhile"


async def test_things_are_told_twice_and_in_another_order(
    api: CloudApi, app: App, phones: Phones, clock: Clock
) -> None:
    phones.habits.twice, phones.habits.shuffled = 1.0, 1.0
    numbers = [f"55619{n:08}" for n in range(8)]
    await send(api, *numbers)
    for _ in range(5):
        await later(phones, clock, 1)
    by_message: dict[str, list[Arrival]] = {}
    for id_, arrival in app.told:
        by_message.setdefault(id_, []).append(arrival)
    firsts = [list(dict.fromkeys(told)) for told in by_message.values()]
    assert any(told != [SENT, RECEIVED, READ] for told in firsts)
    assert all(set(told) == {SENT, RECEIVED, READ} for told in firsts)
    assert all(len(told) > 3 for told in by_message.values())
    assert {standing.word for standing in phones.standings.values()} == {"read"}, "the phones know better"


async def test_somebody_else_tells_the_same_without_the_secret(
    api: CloudApi, app: App, phones: Phones, clock: Clock
) -> None:
    phones.habits.forged = 1.0
    await send(api, MARIA)
    await later(phones, clock, 1)
    assert (app.refused, app.told) == (1, [(called("wamid.00000001"), SENT)])


async def test_a_customer_writes(app: App, phones: Phones) -> None:
    phones.say(MARIA, "Parar!")
    phones.say(MARIA, "quando volta?")
    assert await phones.tell() == [200]
    assert app.news == [[StopNews(MARIA, "PARAR", NOON)]]
    assert len(json.loads(app.requests[0].body)["entry"][0]["changes"]) == 2


async def test_it_tells_by_itself_as_things_come_about(api: CloudApi, app: App) -> None:
    """With a real clock: what happens later than what it waits for wakes it up."""
    phones = Phones(api, Hook(app.url))
    phones.habits = Habits(arrives=(0.02, 0.02), reads=0.0)
    running = asyncio.create_task(phones.run())
    try:
        await send(api, MARIA)
        async with asyncio.timeout(PATIENCE):
            while len(app.told) < 2:
                await app.heard.wait()
                app.heard.clear()
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert app.told == [(called("wamid.00000001"), SENT), (called("wamid.00000001"), RECEIVED)]
