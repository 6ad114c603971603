"""One login for all, against the simulated API: what counts is what the server received."""

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from bot.domain.customer import Contact
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, Throttled, TryLater
from bot.simulator.olt import OltApi
from bot.simulator.server import Answer, DropAfter, HtmlPage, Throttle
from bot.simulator.world import World
from bot.sources.login import Login, TokenAuth
from bot.sources.oltcloud.oltcloud import OltCloud
from tests.fakes import NOON, FakeClock
from tests.patience import PATIENCE


def is_login(path: str) -> bool:
    return path == "/api/token"


def is_lookup(path: str) -> bool:
    return path.startswith("/api/v2/client/")


def logins(api: OltApi) -> int:
    return sum(is_login(request.path) for request in api.requests)


async def look_up(olt: OltCloud, client_ids: list[str]) -> list[Contact | BaseException | None]:
    return await asyncio.gather(*map(olt.customer, client_ids), return_exceptions=True)


def customers(world: World, count: int) -> list[str]:
    return [str(world.add_customer().id) for _ in range(count)]


@pytest.mark.parametrize("kills_older", [False, True])
async def test_a_token_that_dies_among_120_look_ups_costs_one_login(
    api: OltApi, olt: OltCloud, world: World, kills_older: bool
) -> None:
    ids = customers(world, 120)
    await olt.customer(ids[0])
    api.login_kills_older = kills_older
    api.faults.latency, api.faults.jitter = 0.001, 0.01
    api.expire_after(40)
    found = await look_up(olt, ids)
    assert [contact.client_id for contact in found if isinstance(contact, Contact)] == ids
    assert api.logins == 2  # the first one, and one for the dead token


async def test_120_look_ups_without_a_token_cost_one_login(api: OltApi, olt: OltCloud, world: World) -> None:
    ids = customers(world, 120)
    found = await look_up(olt, ids)
    assert not [error for error in found if isinstance(error, BaseException)]
    assert api.logins == 1
    assert olt.login == Login("ok", NOON)


async def test_each_request_is_replayed_once_with_the_newest_token(
    api: OltApi, olt: OltCloud, world: World
) -> None:
    [client] = customers(world, 1)
    await olt.customer(client)
    api.expire_tokens()
    await olt.customer(client)
    used = [r.headers["authorization"] for r in api.requests if is_lookup(r.path)]
    assert len(used) == 3
    assert used[0] == used[1] != used[2]


@pytest.mark.parametrize("refusal", ["401", "Usuário inativo"])
async def test_a_refused_login_is_tried_once_and_refuses_all(
    api: OltApi, olt: OltCloud, world: World, refusal: str
) -> None:
    api.refuse_login = refusal
    found = await look_up(olt, customers(world, 50))
    assert {type(error) for error in found} == {LoginRefused}
    assert (logins(api), len(api.requests)) == (1, 1)
    assert olt.login == Login("refused", NOON + timedelta(seconds=60))


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_other_refusals_of_the_login(api: OltApi, olt: OltCloud, world: World, status: int) -> None:
    api.faults.inject(Answer(status, "{}"), match=is_login)
    with pytest.raises(LoginRefused):
        await olt.customer(*customers(world, 1))


async def test_the_cool_off_doubles_up_to_15_minutes_and_a_good_answer_ends_it(
    api: OltApi, olt: OltCloud, world: World, clock: FakeClock
) -> None:
    [client] = customers(world, 1)
    api.refuse_login = "401"
    for number, seconds in enumerate([60, 120, 240, 480, 900, 900], start=1):
        for _ in range(3):
            with pytest.raises(LoginRefused):
                await olt.customer(client)
        assert logins(api) == number
        await clock.advance(seconds - 1)
        with pytest.raises(LoginRefused, match=r"^cool_off$"):
            await olt.customer(client)
        assert logins(api) == number
        await clock.advance(1)
    api.refuse_login = None
    assert await olt.customer(client) is not None
    api.refuse_login = "401"
    api.expire_tokens()
    with pytest.raises(LoginRefused):
        await olt.customer(client)
    assert olt.login == Login("refused", clock.now() + timedelta(seconds=60))


async def test_a_new_token_that_is_refused_too_cools_off_instead_of_logging_in_for_ever(
    api: OltApi, olt: OltCloud, world: World
) -> None:
    api.faults.always(Answer(401, "{}"), match=is_lookup)
    found = await look_up(olt, customers(world, 50))
    assert {type(error) for error in found} == {LoginRefused}
    assert logins(api) <= 2
    before = len(api.requests)
    with pytest.raises(LoginRefused):
        await olt.customer("501")
    assert len(api.requests) == before


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Throttle(9), Throttled),
        (HtmlPage(502), AnswerLost),
        (DropAfter(), AnswerLost),
        (HtmlPage(200), BadAnswer),
        (Answer(200, "[]"), BadAnswer),
        (Answer(200, '{"access": null}'), BadAnswer),
        (Answer(200, '{"access": "two\\nlines"}'), BadAnswer),
    ],
)
async def test_a_login_that_fails_fails_for_all_who_wait_and_is_tried_again_by_the_next(
    api: OltApi,
    olt: OltCloud,
    world: World,
    fault: Throttle | HtmlPage | DropAfter | Answer,
    error: type[BotError],
) -> None:
    ids = customers(world, 50)
    api.faults.inject(fault, match=is_login)
    found = await look_up(olt, ids)
    assert {type(failure) for failure in found} == {error}
    assert logins(api) == 1
    assert olt.login == Login("never")
    assert await olt.customer(ids[0]) is not None
    assert logins(api) == 2


async def test_whoever_waits_goes_on_when_the_one_who_logs_in_is_cancelled(
    api: OltApi, olt: OltCloud, world: World
) -> None:
    ids = customers(world, 2)
    api.faults.latency = 0.05
    first = asyncio.create_task(olt.customer(ids[0]))
    second = asyncio.create_task(olt.customer(ids[1]))
    while not api.requests:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)
    first.cancel()
    contact = await second
    assert contact is not None
    assert contact.client_id == ids[1]


async def test_a_new_token_that_is_replaced_meanwhile_is_no_refusal(clock: FakeClock) -> None:
    tokens = iter(["first", "second", "third"])

    async def log_in() -> str:
        return next(tokens)

    auth = TokenAuth(log_in, clock)
    slow = auth.async_auth_flow(httpx.Request("GET", "http://olt/slow"))
    await anext(slow)
    replay = await slow.asend(httpx.Response(401))
    assert replay.headers["authorization"] == "Bearer second"
    quick = auth.async_auth_flow(httpx.Request("GET", "http://olt/quick"))
    await anext(quick)
    await quick.asend(httpx.Response(401))  # the second one died too, and the third is here
    with pytest.raises(TryLater, match=r"^token_replaced$"):
        await slow.asend(httpx.Response(401))
    assert auth.login.state == "ok"
    await quick.aclose()


async def test_a_401_gives_its_connection_back_before_the_login(
    api: OltApi, world: World, clock: FakeClock
) -> None:
    [client] = customers(world, 1)
    zone = ZoneInfo("America/Sao_Paulo")
    olt = OltCloud(api.url, f"{api.url}/api/token", "noc", "secret", zone=zone, clock=clock, limit=1)
    await olt.customer(client)
    api.faults.inject(Answer(401, "x" * 4_000_000), match=is_lookup)
    async with asyncio.timeout(PATIENCE):
        assert await olt.customer(client) is not None
    await olt.aclose()


async def test_no_error_holds_a_credential(api: OltApi, olt: OltCloud) -> None:
    api.refuse_login = "noc:secret is wrong"
    with pytest.raises(LoginRefused) as refused:
        await olt.open_incidents()
    assert "secret" not in repr(refused.value)
    assert refused.value.__cause__ is None
