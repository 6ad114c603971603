"""SGP's own traps (`bot/directories/sgp/README.md`); the contract of the port is in tests/contracts."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot.directories.sgp.rows import contract, service_of
from bot.directories.sgp.sgp import Sgp
from bot.domain.customer import NO_SERIAL, Contact, Link, Onu, Service
from bot.domain.lookup.serials import spellings
from bot.errors import AnswerLost, BadAnswer, LoginRefused, Refused
from bot.simulator.erps.people import Account
from bot.simulator.erps.sgp import SgpApi
from bot.simulator.server import Answer
from bot.simulator.world import World


@dataclass
class Site:
    api: SgpApi
    sgp: Sgp

    def add(self, name: str = "Ana") -> Account:
        onu = self.api.world.add_onu(self.api.world.add_customer(name, "(61) 3333-0000", "(61) 99999-0000"))
        account = self.api.people.of(onu)
        assert account is not None
        return account

    @property
    def serial(self) -> str:
        return next(iter(self.api.world.onus))

    def ask(self, serial: str = "", contract_id: str | None = None) -> Onu:
        onu = Onu(serial or self.serial, "1", "", Link.LOS, contract_id=contract_id)
        return onu._replace(subject=self.sgp.subject(onu))

    async def one(self, onu: Onu) -> Contact | None:
        answer = await self.sgp.customers([onu])
        assert answer.error is None, answer.error
        return answer.records[onu.key or ""]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with SgpApi(World()) as api:
        sgp = Sgp(api.url, api.token, api.app)
        yield Site(api, sgp)
        await sgp.aclose()


@pytest.mark.parametrize("knob", ["of_objects", "upper", "hex_serials"])
async def test_every_version_is_read(site: Site, knob: str) -> None:
    site.add()
    setattr(site.api, knob, True)
    found = await site.one(site.ask())
    assert found is not None
    assert (found.name, found.phone) == ("Ana", "(61) 3333-0000 / (61) 99999-0000")


@pytest.mark.bug("SGP: an ignored filter would have made the first customer of the base everybody's")
async def test_a_filter_that_is_ignored_finds_nobody_and_says_so(site: Site) -> None:
    first = site.add()
    site.add("Outro")
    site.api.ignores_filters = True
    for onu in (site.ask(), site.ask(NO_SERIAL, str(first.contract))):
        answer = await site.sgp.customers([onu])
        assert answer.records == {}
        assert isinstance(answer.error, BadAnswer)


async def test_a_contract_that_is_another_customers_number_is_not_that_customer(site: Site) -> None:
    first, other = site.add("Ana"), site.add("Outro")
    assert first.contract == other.customer.id
    found = await site.one(site.ask(NO_SERIAL, str(first.contract)))
    assert found is not None
    assert found.name == "Ana"


async def test_a_contract_that_is_gone_is_looked_for_by_serial(site: Site) -> None:
    site.add("Ana")
    found = await site.one(site.ask(contract_id="31337"))
    assert found is not None
    assert found.name == "Ana"
    assert await site.one(site.ask(NO_SERIAL)) is None


async def test_of_several_contracts_of_one_customer_one_with_service_counts(site: Site) -> None:
    account = site.add()
    row = site.api.row(account)
    site.api.answers[site.serial] = [{**row, "contratoStatusDisplay": "Cancelado"}, row]
    found = await site.one(site.ask())
    assert found is not None
    assert found.service is Service.ON


@pytest.mark.bug("an ONU that was handed on could not be looked up: its new customer was never told")
async def test_an_ended_contract_of_who_had_the_onu_before_does_not_count(site: Site) -> None:
    account = site.add()
    row = site.api.row(account)
    before = {**row, "clienteId": 99, "contratoId": 98, "contratoStatusDisplay": "Cancelado"}
    plain, in_hex = spellings(site.serial)
    for rows in ({plain: [before, row]}, {plain: [before], in_hex: [row]}):
        site.api.answers = rows
        found = await site.one(site.ask())
        assert found is not None
        assert (found.client_id, found.service) == (str(account.customer.id), Service.ON)


@pytest.mark.bug("an answer about somebody else hid that another look-up was lost: it was not tried again")
async def test_who_may_be_asked_again_is_named_first(site: Site) -> None:
    site.add()
    site.add()
    site.api.faults.inject(Answer(200, "{}"))
    site.api.faults.inject(Answer(502))
    answer = await site.sgp.customers([site.ask(serial) for serial in site.api.world.onus])
    assert isinstance(answer.error, AnswerLost)


@pytest.mark.parametrize("display", ["Ativo", "Suspenso", "Cancelado"])
async def test_whose_of_two_it_is_nobody_can_say(site: Site, display: str) -> None:
    """Both have one that runs, or neither has."""
    row = {**site.api.row(site.add()), "contratoStatusDisplay": display}
    site.api.answers[site.serial] = [row, {**row, "clienteId": 99, "contratoId": 98}]
    answer = await site.sgp.customers([site.ask()])
    assert answer.records == {}
    assert isinstance(answer.error, BadAnswer)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, '{"msg":"Token invalido"}', BadAnswer),
        (200, '{"msg":"Token inválido","contratos":[]}', Refused),
        (200, '{"MSG":"App sem PERMISSÃO","CONTRATOS":[]}', Refused),
        (200, '{"msg":"Nao autorizado","contratos":[]}', Refused),
        (200, '{"msg":"Erro interno","contratos":[]}', Refused),
        (200, '{"contratos":{}}', BadAnswer),
        (200, '{"contratos":[{"razaoSocial":"Ana"}]}', BadAnswer),
        (200, '{"contratos":["Ana"]}', BadAnswer),
        (200, '{"contratos":["' + "x" * 300_000 + '"]}', BadAnswer),
        (200, "[]", BadAnswer),
        (400, "{}", Refused),
        (401, "{}", LoginRefused),
        (403, "{}", LoginRefused),
        (500, "", AnswerLost),
    ],
    ids=str,
)
@pytest.mark.bug("SGP: 200 with 'Token inválido' and no contracts made everybody 'no record'")
async def test_no_failure_is_no_customer(site: Site, status: int, body: str, error: type[Exception]) -> None:
    site.add()
    site.api.faults.always(Answer(status, body))
    answer = await site.sgp.customers([site.ask()])
    assert answer.records == {}
    assert isinstance(answer.error, error)
    with pytest.raises(error):
        await site.sgp.probe()


@pytest.mark.parametrize("msg", ["Nenhum cliente encontrado", "Contrato encerrou", "", None])
async def test_what_is_no_error_is_nobody(site: Site, msg: str | None) -> None:
    site.add()
    site.api.faults.always(Answer(200, json.dumps({"msg": msg, "contratos": []})))
    assert await site.one(site.ask()) is None


async def test_a_message_beside_rows_hides_nobody(site: Site) -> None:
    row = site.api.row(site.add())
    site.api.faults.always(Answer(200, json.dumps({"msg": "sem erro", "contratos": [row]})))
    found = await site.one(site.ask())
    assert found is not None
    assert found.name == "Ana"


@pytest.mark.parametrize(
    ("status", "display", "service", "unknown"),
    [
        ("1", "Ativo", Service.ON, ""),
        ("1", "", Service.ON, ""),
        ("2", "Inativo", Service.ENDED, ""),
        ("1", "INATIVO", Service.ENDED, ""),
        ("3", "Cancelado", Service.ENDED, ""),
        ("5", "Inviabilidade técnica", Service.ENDED, ""),
        ("4", "Suspenso", Service.BLOCKED, ""),
        ("4", "Bloqueado", Service.BLOCKED, ""),
        ("6", "Ativo V. Reduzida", Service.ON, ""),
        ("6", "Velocidade reduzida", Service.ON, ""),
        ("7", "Aguardando (assinatura)", Service.ON, "contratoStatus=aguardando assinatura"),
        ("9", "", Service.ON, "contratoStatus=9"),
        ("Cancelado", "", Service.ENDED, ""),
        ("SUSPENSO", "", Service.BLOCKED, ""),
        ("Ativo", "", Service.ON, ""),
        ("Em análise", "", Service.ON, "contratoStatus=em analise"),
        ("Cancelado", "Ativo", Service.ON, ""),
    ],
)
def test_the_status_of_a_contract(status: str, display: str, service: Service, unknown: str) -> None:
    assert service_of(status, display) == (service, unknown)


@pytest.mark.parametrize(
    ("phones", "kept"),
    [
        (["61 99999-0000", "61 99999-0000"], "61 99999-0000"),
        ("61 99999-0000", "61 99999-0000"),
        ([{"contato": "61 99999-0000"}, {"tipo": "x"}, None, 7, True], "61 99999-0000 / 7"),
        (None, ""),
        ([10**5000], ""),
    ],
)
def test_phones_in_whatever_form_they_come(phones: Any, kept: str) -> None:
    found = contract({"contratoId": 1, "clienteId": "2", "telefones": phones, "cpfCnpj": "111"})
    assert found is not None
    assert found.contact.phone == kept
    assert "111" not in str(found)
