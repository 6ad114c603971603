"""What Meta says of a template, row by row: what is wrong with it, and what a person is told."""

from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.chat.screens.words import LANGUAGES, Words
from bot.domain.limits.templates import Template, Trouble
from bot.domain.plan import Message
from bot.errors import BadAnswer, Refused
from bot.gateways.cloud.cloud import Cloud
from bot.gateways.cloud.templates import A_PAGE, choices, meaning, template_of
from bot.process.wiring import adapters_words
from bot.simulator.cloud import ACCOUNT, NUMBER, CloudApi

ZONE = ZoneInfo("America/Sao_Paulo")
WORDS = ("nome", "previsao")


@pytest.fixture
async def api() -> AsyncIterator[CloudApi]:
    async with CloudApi() as server:
        server.templates = {"aviso": 2, "aviso_2": 0}
        yield server


@pytest.fixture
async def gateway(api: CloudApi) -> AsyncIterator[Cloud]:
    adapter = cloud(api)
    yield adapter
    await adapter.aclose()


def cloud(api: CloudApi, **options: Any) -> Cloud:
    given = {"account": f"{api.url}/v24.0/{ACCOUNT}", "variables": {"LOS": WORDS}} | options
    headers = {"Authorization": f"Bearer {api.token}"}
    return Cloud(f"{api.url}/v24.0/{NUMBER}", headers, zone=ZONE, **{"templates": {"LOS": "aviso"}, **given})


async def test_what_regions_share_is_read_once_and_judged_for_each(api: CloudApi) -> None:
    variables = {"LOS": WORDS, "LOS.SUL": WORDS[:1], "LOS.NORTE": ()}
    names = {"LOS": "aviso", "LOS.SUL": "aviso", "LOS.NORTE": "aviso_2"}
    gateway = cloud(api, variables=variables, templates=names)
    found = await gateway.templates()
    assert found is not None
    assert [(name, [one.code for one in found[name].troubles]) for name in names] == [
        ("LOS", []),
        ("LOS.SUL", ["variables"]),
        ("LOS.NORTE", []),
    ]
    assert len(api.requests) == 2
    await gateway.aclose()


async def trouble(gateway: Cloud) -> tuple[Trouble, ...]:
    found = await gateway.templates()
    assert found is not None
    return found["LOS"].troubles


async def test_all_is_well(api: CloudApi, gateway: Cloud) -> None:
    assert await gateway.templates() == {"LOS": Template("aviso", "Aviso: {{1}} {{2}} .")}
    [request] = api.requests
    path, _, query = request.path.partition("?")
    assert (request.method, path) == ("GET", f"/v24.0/{ACCOUNT}/message_templates")
    assert query.startswith("name=aviso&fields=name,language,status,category,")
    assert await gateway.send(Message("501", "5511987654321", "Maria", "LOS"))
    assert gateway.fills(Message("", "", "Maria", "LOS")) == {"1": "Maria", "2": "sem previsão"}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("PAUSED", "paused"),
        ("DISABLED", "disabled"),
        ("REJECTED", "rejected"),
        ("PENDING", "pending"),
        ("IN_APPEAL", "pending"),
        ("ARCHIVED", "archived"),
        ("PENDING_DELETION", "deleted"),
        ("LIMIT_EXCEEDED", "limit_exceeded"),
    ],
)
async def test_each_state_but_approved(api: CloudApi, gateway: Cloud, state: str, code: str) -> None:
    api.states["aviso"] = state
    assert await trouble(gateway) == (Trouble(code),)


async def test_a_state_that_nobody_knows(api: CloudApi, gateway: Cloud) -> None:
    api.states["aviso"] = "HIBERNATING"
    assert await trouble(gateway) == (Trouble("unusable", "HIBERNATING"),)


async def test_what_is_not_there_names_what_is(api: CloudApi, gateway: Cloud) -> None:
    api.templates = {"aviso_2": 0, "o_aviso": 1, "outro": 0}
    assert await trouble(gateway) == (Trouble("missing", "aviso_2, o_aviso"),)
    api.templates = {}
    assert await trouble(gateway) == (Trouble("missing"),)


async def test_another_language(api: CloudApi, gateway: Cloud) -> None:
    api.language = "en_US"
    assert await trouble(gateway) == (Trouble("language", "en_US", "pt_BR"),)


async def test_a_category_that_costs_more(api: CloudApi, gateway: Cloud) -> None:
    api.categories["aviso"] = "MARKETING"
    assert await trouble(gateway) == (Trouble("category", "MARKETING"),)


async def test_other_variables_than_ours(api: CloudApi, gateway: Cloud) -> None:
    api.templates = {"aviso": 3}
    assert await trouble(gateway) == (Trouble("variables", "1, 2, 3", "1, 2"),)
    api.templates = {"aviso": ("nome", "previsao")}
    assert await trouble(gateway) == (Trouble("variables", "nome, previsao", "1, 2"),)


async def test_named_ones_in_any_order(api: CloudApi) -> None:
    api.templates = {"aviso": ("previsao", "nome")}
    gateway = cloud(api, named=True, variables={"LOS": (*WORDS, "nome")})
    assert await trouble(gateway) == ()
    assert gateway.fills(Message("", "", "Zé", "LOS")) == {"nome": "Zé", "previsao": "sem previsão"}
    api.templates = {"aviso": ("nome",)}
    assert await trouble(gateway) == (Trouble("variables", "nome", "nome, previsao"),)
    await gateway.aclose()


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"type": "HEADER", "format": "IMAGE"}, "header"),
        ({"type": "HEADER", "format": "TEXT", "text": "Caso {{1}}"}, "header"),
        ({"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://x.net/{{1}}"}]}, "button"),
    ],
)
async def test_parts_that_we_do_not_fill(
    api: CloudApi, gateway: Cloud, part: dict[str, Any], code: str
) -> None:
    api.parts["aviso"] = {"components": [part]}
    assert await trouble(gateway) == (Trouble(code),)


async def test_parts_that_need_nothing(api: CloudApi, gateway: Cloud) -> None:
    buttons = [{"type": "URL", "url": "https://x.net/"}, {"type": "QUICK_REPLY", "text": "PARAR"}]
    header = {"type": "HEADER", "format": "TEXT", "text": "Aviso"}
    api.parts["aviso"] = {"components": [header, {"type": "BUTTONS", "buttons": buttons}, {"type": "FOOTER"}]}
    assert await trouble(gateway) == ()


async def test_bad_marks_are_a_warning_and_come_last(api: CloudApi, gateway: Cloud) -> None:
    api.parts["aviso"] = {"quality_score": {"score": "RED"}}
    assert await trouble(gateway) == (Trouble("quality", holds=False),)
    api.states["aviso"], api.categories["aviso"] = "PAUSED", "MARKETING"
    assert [one.code for one in await trouble(gateway)] == ["paused", "category", "quality"]


async def test_a_list_that_goes_on_says_nothing_of_one_that_is_not_in_it(
    api: CloudApi, gateway: Cloud
) -> None:
    api.templates = {f"aviso_{n}": 0 for n in range(A_PAGE + 1)}
    with pytest.raises(BadAnswer, match="fewer_rows"):
        await gateway.templates()


async def test_without_the_account_nobody_can_be_asked(api: CloudApi) -> None:
    gateway = cloud(api, account=None)
    assert await gateway.templates() is None
    assert api.requests == []
    await gateway.aclose()


async def test_a_key_without_the_right_is_refused(api: CloudApi, gateway: Cloud) -> None:
    api.token = "another"
    with pytest.raises(Refused):
        await gateway.templates()


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"components": None, "quality_score": "RED"},
        {"components": ["x", {"type": 1, "buttons": 2}]},
        {"status": None, "category": 7, "components": [{"type": "BODY", "text": 5}]},
    ],
)
def test_no_row_breaks_the_reading(row: dict[str, Any]) -> None:
    found = template_of([{"name": "a", "language": "pt_BR"} | row, 3, None], "a", "pt_BR", (), named=False)
    assert found.troubles


@pytest.mark.parametrize(
    ("event", "means"),
    [
        ("PAUSED", Trouble("paused")),
        ("APPROVED", None),
        ("REINSTATED", None),
        ("UNPAUSE", None),
        ("FLAGGED", Trouble("quality", holds=False)),
        ("new_quality_score=RED", Trouble("quality", holds=False)),
        ("new_quality_score=GREEN", "nothing"),
        ("new_category=MARKETING", Trouble("category", "MARKETING")),
        ("correct_category=MARKETING", Trouble("category", "MARKETING")),
        ("new_category=UTILITY", "nothing"),
        ("LOCKED", "nothing"),
        ("MARKETED", "nothing"),
        ("", "nothing"),
    ],
)
def test_notices_of_a_template(event: str, means: object) -> None:
    assert meaning(event) == means


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_trouble_is_told_with_its_mend(language: str) -> None:
    phrases = adapters_words(language, "cloud", ("oltcloud",))
    words = Words(language, ZONE, phrases)
    codes = [key.partition(".")[2] for key in phrases if key.startswith("trouble.")]
    assert len(codes) == 15
    for code in codes:
        said = words.trouble(Trouble(code, "MARKETING", "1, 2"))
        assert said != code
        assert 20 < len(said) < 150
        declined = words.plain("declined.template", name="aviso_rompimento", trouble=Trouble(code, "x", "y"))
        assert declined.endswith("."), "a toast holds all of it"
    assert words.trouble(Trouble("of_another_gateway")) == "of_another_gateway"


async def test_who_sets_the_bot_up_chooses_from_those_that_may_be_sent(api: CloudApi, gateway: Cloud) -> None:
    api.states["aviso_2"] = "PAUSED"
    assert await gateway.catalogue() == [("aviso", "aviso, UTILITY: Aviso: {{1}} {{2}} .")]
    api.language = "en"
    assert await gateway.catalogue() == []
    unread = cloud(api, account=None)
    assert await unread.catalogue() is None
    await unread.aclose()


def test_no_row_breaks_what_there_is_to_choose_from() -> None:
    of = {"language": "pt_BR", "status": "APPROVED"}
    rows = [None, 7, {}, of, of | {"name": 5}, of | {"name": "a\n"}, of | {"name": "b", "components": "?"}]
    assert choices(rows, "pt_BR") == [("b", "b, :")]
