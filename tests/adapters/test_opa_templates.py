"""What Opa! Suite says of a channel and of its templates: what is wrong, and what a person is told."""

from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.chat.screens.words import LANGUAGES, Words
from bot.domain.limits.templates import Template, Trouble
from bot.domain.plan import Message
from bot.errors import BadAnswer
from bot.gateways.opa.opa import Opa
from bot.gateways.opa.templates import choices, template_of
from bot.process.wiring import adapters_words
from bot.simulator.opa import CHANNEL, OpaApi

ZONE = ZoneInfo("America/Sao_Paulo")
LOS, POWER = (f"624c358355802dbdd2eb94{n}" for n in ("4a", "4b"))
WORDS = ("nome", "previsao")


@pytest.fixture
async def api() -> AsyncIterator[OpaApi]:
    async with OpaApi() as server:
        server.templates = {
            LOS: "Olá {{ nome_cliente }}, volta às {{variavel_vazia}}.",
            POWER: "Sem energia.",
        }
        yield server


@pytest.fixture
async def gateway(api: OpaApi) -> AsyncIterator[Opa]:
    adapter = opa(api)
    yield adapter
    await adapter.aclose()


def opa(api: OpaApi, **options: Any) -> Opa:
    given: dict[str, Any] = {"channel": CHANNEL, "templates": {"LOS": LOS}, "variables": {"LOS": WORDS}}
    return Opa(api.url, api.token, zone=ZONE, **given | options)


async def troubles(gateway: Opa) -> tuple[Trouble, ...]:
    found = await gateway.templates()
    assert found is not None
    return found["LOS"].troubles


async def test_all_is_well_and_the_names_of_the_variables_are_their_numbers(gateway: Opa) -> None:
    assert await gateway.templates() == {"LOS": Template(LOS, "Olá {{1}}, volta às {{2}}.")}
    assert gateway.fills(Message("", "", "Maria", "LOS")) == {"1": "Maria", "2": "sem previsão"}
    assert gateway.fills(Message("", "", "Maria", "POWER")) == {}


async def test_another_number_of_variables(api: OpaApi, gateway: Opa) -> None:
    api.templates[LOS] = "Olá {{nome}}."
    assert await troubles(gateway) == (Trouble("variables", "nome", "2"),)
    api.templates[LOS] = "Olá."
    assert await troubles(gateway) == (Trouble("variables", "", "2"),)


async def test_one_that_is_not_on_the_channel(api: OpaApi, gateway: Opa) -> None:
    api.elsewhere[LOS] = api.templates.pop(LOS)
    assert await troubles(gateway) == (Trouble("elsewhere"),)
    api.elsewhere.clear()
    assert await troubles(gateway) == (Trouble("missing", "aviso_4b"),)


async def test_the_id_of_a_channel_in_the_place_of_a_templates(api: OpaApi) -> None:
    gateway = opa(api, templates={"LOS": CHANNEL})
    assert await troubles(gateway) == (Trouble("swapped"),)
    await gateway.aclose()


async def test_what_is_wrong_with_the_channel_holds_each_template_back(api: OpaApi) -> None:
    gateway = opa(api, templates={"LOS": LOS, "POWER": POWER})
    api.channels[CHANNEL] |= {"integracao": "whatsapp-web", "status": "I", "canal": "Telegram"}
    found = await gateway.templates()
    assert found is not None
    for template in found.values():
        assert template.troubles[:3] == (
            Trouble("other_channel", "Telegram"),
            Trouble("unofficial", "whatsapp-web", "dialog360, facebook"),
            Trouble("inactive", "WhatsApp do provedor"),
        )
        assert all(trouble.holds for trouble in template.troubles)
    await gateway.aclose()


@pytest.mark.parametrize("text", [None, "", "  ", 7, ["x"]])
def test_a_text_that_is_not_told_is_none_and_nothing_is_held_against_it(text: object) -> None:
    assert template_of({"texto": text}, LOS, WORDS) == Template(LOS)


def test_a_name_that_stands_twice_is_one_variable() -> None:
    found = template_of({"texto": "{{nome}}, volta às {{hora}}. Obrigado, {{nome}}!"}, LOS, WORDS)
    assert found == Template(LOS, "{{1}}, volta às {{2}}. Obrigado, {{1}}!")


SAID = {
    ("pt_BR", "missing"): "não existe no Opa! Suite (no canal: X): confira o id no .env",
    ("pt_BR", "elsewhere"): "não está neste canal: vincule o modelo ao canal",
    ("pt_BR", "swapped"): "é o id de um canal, não de um modelo: parece trocado com OPA_CHANNEL",
    ("pt_BR", "variables"): "tem as variáveis X, e o bot preenche 2: acerte HSM_VARIABLES",
    ("pt_BR", "unofficial"): "sai por um canal não oficial (X): o bot só envia por 2",
    ("pt_BR", "other_channel"): "sai por um canal de X, não de WhatsApp",
    ("pt_BR", "inactive"): "sai por um canal inativo (X)",
    ("en", "missing"): "is not in Opa! Suite (the channel has: X): check its id in .env",
    ("en", "elsewhere"): "is not on this channel: bind the template to the channel",
    ("en", "swapped"): "is the id of a channel, not of a template: it seems to be swapped with OPA_CHANNEL",
    ("en", "variables"): "has the variables X, and the bot fills 2: correct HSM_VARIABLES",
    ("en", "unofficial"): "leaves by a channel that is not official (X): the bot sends by 2 alone",
    ("en", "other_channel"): "leaves by a channel of X, not of WhatsApp",
    ("en", "inactive"): "leaves by a channel that is not active (X)",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_trouble_is_told_with_what_mends_it(language: str) -> None:
    words = Words(language, ZONE, adapters_words(language, "opa", ("oltcloud",)))
    for (spoken, code), said in SAID.items():
        if spoken == language:
            assert words.trouble(Trouble(code, "X", "2")).startswith(said)


async def test_who_sets_the_bot_up_chooses_from_those_of_the_channel(gateway: Opa) -> None:
    assert await gateway.catalogue() == [
        (LOS, "aviso_4a: Olá {{ nome_cliente }}, volta às {{variavel_vazia}}."),
        (POWER, "aviso_4b: Sem energia."),
    ]


def test_no_row_breaks_what_there_is_to_choose_from() -> None:
    assert choices([None, 7, {}, {"_id": LOS, "atalho": 5, "texto": None}]) == [(LOS, f"{LOS}: ")]
    with pytest.raises(BadAnswer):
        choices({"data": []})
