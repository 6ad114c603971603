"""HubSoft's own traps (`bot/directories/hubsoft/README.md`); the port's contract is in tests/contracts."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.directories.hubsoft import table
from bot.directories.hubsoft.hubsoft import HubSoft
from bot.directories.hubsoft.rows import SERVICE, Ref, cpe, held, service_of
from bot.directories.hubsoft.wire import Credentials
from bot.domain.customer import NO_SERIAL, Contact, Link, Onu, Service
from bot.domain.lookup.serials import spellings
from bot.errors import AnswerLost, BadAnswer, LoginRefused, Refused, TryLater
from bot.simulator.erps.hubsoft import HubSoftApi
from bot.simulator.erps.people import Account
from bot.simulator.server import Answer, HangBefore, HtmlPage
from bot.simulator.world import Onu as Device
from bot.simulator.world import World
from tests.fakes import FakeClock
from tests.patience import PATIENCE

CPES, CUSTOMER = "rede/cpe/todos", "integracao/cliente"


@dataclass
class Site:
    api: HubSoftApi
    hubsoft: HubSoft
    clock: FakeClock

    def add(self, name: str = "Ana", standing: str = "active") -> Device:
        world = self.api.world
        customer = world.add_customer(name, "(61) 3333-0000", "(61) 99999-0000")
        self.api.people.standings[customer.id] = standing  # type: ignore[assignment]
        return world.add_onu(customer)

    def account(self, device: Device) -> Account:
        account = self.api.people.of(device)
        assert account is not None
        return account

    def ask(self, serial: str, contract_id: str | None = None) -> Onu:
        onu = Onu(serial, "1", "", Link.LOS, contract_id=contract_id)
        return onu._replace(subject=self.hubsoft.subject(onu))

    async def one(self, serial: str, contract_id: str | None = None) -> Contact | None:
        onu = self.ask(serial, contract_id)
        answer = await self.hubsoft.customers([onu])
        assert answer.error is None, answer.error
        return answer.records[onu.key or ""]

    async def name(self, serial: str, contract_id: str | None = None) -> str | None:
        found = await self.one(serial, contract_id)
        return None if found is None else found.name

    async def error(self, serial: str, contract_id: str | None = None) -> str:
        answer = await self.hubsoft.customers([self.ask(serial, contract_id)])
        assert answer.records == {}
        return f"{type(answer.error).__name__} {answer.error}"

    async def table_is_read(self) -> None:
        """Nobody waits for it but who is not in it."""
        await self.name("ZTEGFFFFFFF0")
        self.api.requests.clear()

    def asked(self, part: str, **having: str) -> int:
        """Requests to addresses with this part and these parameters."""
        queries = (parse_qs(urlsplit(r.path).query) for r in self.api.requests if part in r.path)
        return sum(all(query.get(name) == [value] for name, value in having.items()) for query in queries)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with HubSoftApi(World()) as api:
        credentials = Credentials(api.client_id, api.client_secret, api.user, api.password)
        clock = FakeClock()
        hubsoft = HubSoft(api.url, credentials, clock=clock)
        yield Site(api, hubsoft, clock)
        await hubsoft.aclose()


async def test_a_record_has_every_phone_and_where_they_are(site: Site) -> None:
    device = site.add()
    found = await site.one(device.serial)
    assert found is not None
    assert (found.name, found.phone) == ("Ana", "(61) 3333-0000 / (61) 99999-0000")
    assert (found.district, found.city, found.cto) == (site.account(device).district, "Goiânia", "CX 6-15")


async def test_who_is_in_the_table_costs_one_request(site: Site) -> None:
    devices = [site.add(f"Cliente {n}") for n in range(12)]
    await site.table_is_read()
    answer = await site.hubsoft.customers([site.ask(device.serial) for device in devices])
    assert [record and record.name for record in answer.records.values()] == [
        f"Cliente {n}" for n in range(12)
    ]
    assert (site.asked(CUSTOMER), site.asked(CPES)) == (12, 0)


async def test_the_requests_are_as_the_wire_wants_them(site: Site) -> None:
    await site.name(site.add().serial)
    login, *_, last = site.api.requests
    assert (login.method, login.path, b'"grant_type":"password"' in login.body) == (
        "POST",
        "/oauth/token",
        True,
    )
    assert last.headers["authorization"].startswith("Bearer eyJ")
    assert site.asked(CPES, pagina="0", itens_por_pagina="500") == 1
    wanted = {"busca": SERVICE, "cancelado": "nao", "relacoes": "endereco_instalacao,porta_atendimento"}
    assert site.asked(CUSTOMER, **wanted) == 1


# The login


async def test_a_token_that_died_is_renewed_once_for_all_and_each_request_sent_again(site: Site) -> None:
    devices = [site.add(f"Cliente {n}") for n in range(10)]
    await site.table_is_read()
    site.api.expire()
    answer = await site.hubsoft.customers([site.ask(device.serial) for device in devices])
    assert answer.error is None
    assert len(answer.records) == 10
    assert site.api.logins == 2
    assert max(Counter(r.path for r in site.api.requests).values()) == 2


@pytest.mark.parametrize(("status", "body"), [(401, "{}"), (400, "{}"), (404, ""), (302, "")])
async def test_a_refused_login_is_tried_once(site: Site, status: int, body: str) -> None:
    site.api.faults.always(Answer(status, body), match=lambda path: path == "/oauth/token")
    assert (await site.error(site.add().serial)).startswith("LoginRefused ")
    assert len(site.api.requests) == 1


@pytest.mark.parametrize("body", ["[]", "{}", '{"access_token":""}', '{"access_token":"a\\nb"}'])
async def test_a_login_without_a_token_is_no_login(site: Site, body: str) -> None:
    site.api.faults.always(Answer(200, body), match=lambda path: path == "/oauth/token")
    assert await site.error(site.add().serial) == "BadAnswer no_token"


async def test_who_may_not_read_customers_is_refused(site: Site) -> None:
    site.api.faults.always(Answer(403, "{}"), match=lambda path: CUSTOMER in path)
    assert await site.error(site.add().serial) == "LoginRefused http_403"


# The table


async def test_the_table_is_read_once_an_hour_and_behind_who_asks(site: Site) -> None:
    device = site.add()
    site.api.most = 20
    for _ in range(44):
        site.add()
    await site.table_is_read()
    for hours, readings in ((0.9, 0), (0.2, 1), (0.7, 0)):
        await site.clock.advance(hours * 3600)
        assert await site.name(device.serial) == "Ana"
        while site.asked(CPES, pagina="2") < readings:  # behind: nobody waits for it  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert site.asked(CPES) == 3 * readings
        assert site.asked(CPES, busca="phy_addr") == 0
        site.api.requests.clear()


async def test_a_table_of_long_ago_is_none(site: Site) -> None:
    device = site.add()
    await site.table_is_read()
    await site.clock.advance(table.USED_FOR)
    site.api.hides = 1
    assert await site.name(device.serial) == "Ana"
    assert site.asked(CPES, busca="phy_addr") == 2  # both spellings
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer not_whole"


async def test_nobody_waits_long_for_a_table_but_who_is_not_in_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "AT_FIRST", 0.01)
    site.api.faults.always(HangBefore(), match=lambda path: "itens_por_pagina=500" in path)
    assert await site.name(site.add().serial) == "Ana"
    asked = asyncio.create_task(site.name("ZTEGFFFFFFF1"))
    while site.asked(CPES, busca="phy_addr") < 4:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)
    assert not asked.done()
    asked.cancel()
    monkeypatch.setattr(table, "AT_FIRST", 100.0)
    await site.clock.advance(100)  # since the reading began: whoever comes now waits no more
    async with asyncio.timeout(PATIENCE):
        assert await site.name(site.add("Bia").serial) == "Bia"


async def test_who_is_found_alone_needs_no_table(site: Site) -> None:
    device = site.add()
    site.api.faults.always(HtmlPage(502), match=lambda path: "itens_por_pagina=500" in path)
    assert await site.name(device.serial) == "Ana"
    assert await site.error("ZTEGFFFFFFF1") == "AnswerLost http_502"


@pytest.mark.bug("a table that was cut short would have made its last customers 'no record'")
async def test_a_table_with_holes_says_of_nobody_that_there_is_no_record(site: Site) -> None:
    device = site.add()
    site.api.hides = 1
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer not_whole"
    assert await site.name(device.serial) == "Ana"


async def test_a_table_that_changed_while_it_was_read_is_read_again(site: Site) -> None:
    for _ in range(21):
        site.add()
    site.api.most = 20

    def gone(path: str) -> bool:
        if "pagina=1&" in path:
            site.api.world.onus.popitem()
        return False

    site.api.faults.inject(HtmlPage(), match=gone)
    site.add()
    assert await site.error("ZTEGFFFFFFF1") == "TryLater table_changed"
    site.api.faults.clear()
    await site.clock.advance(table.AWAY_FOR)
    assert await site.name("ZTEGFFFFFFF1") is None


async def test_a_table_without_a_count_or_larger_than_is_kept_is_none(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add()
    site.add()
    whole = {"status": "success", "cpes": []}
    no_count = Answer(200, str(whole).replace("'", '"'))
    site.api.faults.inject(no_count, match=lambda path: "itens_por_pagina=500" in path)
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer no_count"
    await site.clock.advance(table.EVERY)
    monkeypatch.setattr(table, "MOST", 1)
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer too_many"


async def test_where_it_was_away_the_table_is_begun_again_soon_and_else_in_an_hour(site: Site) -> None:
    site.api.faults.inject(HtmlPage(502), match=lambda path: "itens_por_pagina=500" in path)
    assert await site.error("ZTEGFFFFFFF1") == "AnswerLost http_502"
    site.api.hides = 1
    site.add()
    await site.clock.advance(table.AWAY_FOR)
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer not_whole"
    site.api.hides = 0
    await site.clock.advance(table.AWAY_FOR)
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer not_whole"
    await site.clock.advance(table.EVERY)
    assert await site.name("ZTEGFFFFFFF1") is None


async def test_a_serial_in_other_letters_is_in_the_table_alone(site: Site) -> None:
    site.api.small_letters = True
    device = site.api.world.add_onu(site.api.world.add_customer("Ana"), serial="MKPGB48204D8")
    assert await site.name(device.serial) == "Ana"


async def test_an_onu_that_came_after_the_reading_is_asked_for_alone(site: Site) -> None:
    await site.table_is_read()
    assert await site.name(site.add("Nova").serial) == "Nova"
    site.api.hex_serials = True
    assert await site.name(site.add("Outra").serial) == "Outra"


# Whose it is


@pytest.mark.bug("an ONU that was handed on since the table was read was its old owner's")
@pytest.mark.parametrize("what", ["cancelled", "swapped"])
async def test_an_onu_that_was_handed_on_is_not_its_old_owners(site: Site, what: str) -> None:
    device = site.add("Antes")
    await site.table_is_read()
    before, world = site.account(device), site.api.world
    if what == "cancelled":
        site.api.people.standings[before.customer.id] = "cancelled"
        site.api.extra = [{**_row(device), "servicos": [site.api.linked(before)]}]
    else:
        world.add_onu(before.customer)  # theirs names this one now
    device.client_id = world.add_customer("Agora").id
    assert await site.name(device.serial) == "Agora"


async def test_who_has_another_onu_by_now_is_not_whose_it_was(site: Site) -> None:
    device = site.add("Antes")
    await site.table_is_read()
    customer = site.account(device).customer
    device.client_id = None
    site.api.world.add_onu(customer)
    assert await site.error(device.serial) == "BadAnswer another_onu"


async def test_a_mac_in_the_place_of_the_serial_says_nothing(site: Site) -> None:
    device = site.add()
    site.api.macs = True
    await site.table_is_read()
    assert await site.name(device.serial) == "Ana"
    assert site.asked(CPES) == 0


@pytest.mark.bug("where records name a MAC an ONU that was handed on was its old owner's for two hours")
@pytest.mark.parametrize(
    ("after", "answer", "whose"),
    [
        (599, None, "Antes"),
        (601, None, "Agora"),
        (601, Answer(400, "{}"), "Antes"),
        (601, Answer(200, '{"cpes": 7}'), "Antes"),
        (601, Answer(200, '{"cpes": [], "paginacao": {"ultima_pagina": 0, "total_registros": 0}}'), "Antes"),
    ],
)
async def test_where_no_record_names_its_onu_the_table_is_believed_for_ten_minutes(
    site: Site, after: float, answer: Answer | None, whose: str
) -> None:
    device = site.add("Antes")
    site.api.macs = True
    await site.table_is_read()
    site.api.world.add_onu(site.account(device).customer)
    device.client_id = site.api.world.add_customer("Agora").id
    if answer is not None:
        site.api.faults.always(answer, match=lambda path: "busca=phy_addr" in path)
    await site.clock.advance(after)
    assert await site.name(device.serial) == whose


async def test_a_login_that_is_refused_as_that_is_asked_is_no_table(site: Site) -> None:
    device = site.add()
    site.api.macs = True
    await site.table_is_read()
    site.api.faults.always(Answer(403, "{}"), match=lambda path: "busca=phy_addr" in path)
    await site.clock.advance(601)
    assert await site.error(device.serial) == "LoginRefused http_403"


async def test_who_has_ended_is_found_among_all(site: Site) -> None:
    gone, closed = site.add("Foi", "cancelled"), site.add("Fechado")
    site.api.inactive = {site.account(closed).customer.id}
    for device in (gone, closed):
        found = await site.one(device.serial)
        assert found is not None
        assert found.service is Service.ENDED


async def test_a_cancelled_one_is_what_it_is_where_nothing_else_is_known_of_the_onu(site: Site) -> None:
    device = site.add("Foi")
    await site.table_is_read()
    site.api.people.standings[site.account(device).customer.id] = "cancelled"
    site.api.faults.always(Answer(200, _empty()), match=lambda path: "busca=phy_addr" in path)
    found = await site.one(device.serial)
    assert found is not None
    assert found.service is Service.ENDED


async def test_whose_of_two_it_is_nobody_can_say(site: Site) -> None:
    device, other = site.add(), site.add("Outro")
    site.api.macs = True
    site.api.extra = [{**_row(device), "servicos": [site.api.linked(site.account(other))]}]
    assert await site.error(device.serial) == "BadAnswer several_customers"


async def test_a_version_that_names_no_service_goes_by_the_customers_code(site: Site) -> None:
    site.api.by_code = True
    device = site.add()
    assert await site.name(device.serial) == "Ana"
    assert site.asked(CUSTOMER, busca="codigo_cliente") == 1


@pytest.mark.bug(
    "HubSoft: of all services of a customer one that runs on another ONU was taken for the blocked one"
)
@pytest.mark.parametrize(
    ("others", "own", "what"),
    [
        ([], "S", "blocked"),
        (["X"], "S", "blocked"),
        (["", "X"], "S", "blocked"),
        (["X"], "", "blocked"),
        (["X", ""], "", "on"),  # nobody can say which of those that name none
        (["X"], None, "BadAnswer no_service"),
        (["X", "Y"], "X", "BadAnswer no_service"),
    ],
    ids=str,
)
async def test_asked_by_the_customers_code_a_service_of_another_onu_is_not_this_ones(
    site: Site, others: list[str], own: str | None, what: str
) -> None:
    """`own` is the ONU that the blocked service names, None where it is cancelled and left out."""
    site.api.by_code = True
    device = site.add()
    serials = {"S": device.serial.lower(), "X": "ZTEGFFFFFFF8", "Y": "ZTEGFFFFFFF9", "": "A4:B1:C2:00:11:22"}
    services = [{"status_prefixo": "servico_habilitado", "phy_addr": serials[other]} for other in others]
    if own is not None:
        services.append({"status_prefixo": "suspenso_debito", "phy_addr": serials[own]})
    row = {**site.api.customer(site.account(device), device, ""), "servicos": services}
    customers = json.dumps({"status": "success", "clientes": [row]})
    site.api.faults.always(Answer(200, customers), match=lambda path: CUSTOMER in path)
    if what.startswith("BadAnswer"):
        assert await site.error(device.serial) == what
    else:
        found = await site.one(device.serial)
        assert found is not None
        assert found.service is (Service.ON if what == "on" else Service.BLOCKED)


async def test_asked_by_the_customers_code_an_onu_that_was_handed_on_is_its_new_owners(site: Site) -> None:
    site.api.by_code = True
    device = site.add("Antes")
    await site.table_is_read()
    site.api.world.add_onu(site.account(device).customer)  # theirs names this one now
    device.client_id = site.api.world.add_customer("Agora").id
    assert await site.name(device.serial) == "Agora"


@pytest.mark.parametrize(
    ("again", "service"), [("A4:B1:C2:00:11:22", Service.ON), ("ZTEGFFFFFFF8", Service.ENDED)]
)
async def test_an_ended_service_that_names_the_onu_stands_back_for_one_that_may_be_its_own(
    site: Site, again: str, service: Service
) -> None:
    site.api.by_code = True
    device = site.add()
    ended = {"status_prefixo": "cancelado", "phy_addr": device.serial}
    runs = {"status_prefixo": "servico_habilitado", "phy_addr": again}
    row = {**site.api.customer(site.account(device), device, ""), "servicos": [ended, runs]}
    customers = json.dumps({"status": "success", "clientes": [row]})
    site.api.faults.always(Answer(200, customers), match=lambda path: CUSTOMER in path)
    found = await site.one(device.serial)
    assert found is not None
    assert found.service is service


@pytest.mark.bug("HubSoft: an ONU whose row of the table could not be read was 'no record'")
@pytest.mark.parametrize("services", [[None], [{"cliente": "x"}], {"0": {"id_cliente": 1}}], ids=str)
@pytest.mark.parametrize("among_others", [False, True])
async def test_an_onu_whose_row_cannot_be_read_is_no_missing_record(
    site: Site, services: Any, among_others: bool
) -> None:
    """In small letters, so that it is in the table alone."""
    every = [[{"id_cliente_servico": 2}], services, [{"id_cliente_servico": 3}]]
    cpes = [{"id_cpe": n, "phy_addr": "mkpgb48204d8", "servicos": one} for n, one in enumerate(every, 1)]
    cpes = cpes if among_others else cpes[1:2]
    whole = {"paginacao": {"ultima_pagina": 0, "total_registros": len(cpes)}, "cpes": cpes}
    whole_table = Answer(200, json.dumps(whole))
    site.api.faults.always(whole_table, match=lambda path: "itens_por_pagina=500" in path)
    assert await site.error("MKPGB48204D8") == "BadAnswer no_ids"
    assert await site.name("ZTEGFFFFFFF1") is None


@pytest.mark.bug("HubSoft: an ignored filter would have made the first customer of the base everybody's")
async def test_a_filter_that_is_ignored_finds_nobody_and_says_so(site: Site) -> None:
    site.add("Outro")
    device = site.add()
    await site.table_is_read()
    site.api.ignores_filters = True
    for onu in ((device.serial, None), (NO_SERIAL, "777")):
        assert await site.error(*onu) == "BadAnswer ignored_filter"
    site.api.ignores_filters, site.api.ignores_serials, site.api.macs = False, True, True
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer ignored_filter"


async def test_a_service_that_the_table_knows_and_nobody_else_is_no_missing_record(site: Site) -> None:
    device = site.add()
    gone = {**site.api.linked(site.account(device)), "id_cliente_servico": 99_999}
    site.api.extra = [{"id_cpe": 9, "phy_addr": "ZTEGFFFFFFF1", "servicos": [gone]}]
    assert await site.error("ZTEGFFFFFFF1") == "BadAnswer no_service"
    site.api.extra = [{"id_cpe": 9, "phy_addr": "ZTEGFFFFFFF2", "servicos": [{"cliente": "x"}, None]}]
    assert await site.error("ZTEGFFFFFFF2") == "BadAnswer no_ids"


async def test_the_service_that_a_source_knows_stands_for_a_serial_that_is_not_there(site: Site) -> None:
    device, other = site.add("Ana"), site.add("Outro")
    contract = str(site.account(device).contract)
    assert int(contract) == site.account(other).customer.id
    assert await site.name(NO_SERIAL, contract) == "Ana"
    assert await site.name(NO_SERIAL) is None
    site.api.macs = True
    assert await site.name("ZTEGFFFFFFF1", contract) == "Ana"
    site.api.macs = False
    assert await site.error("ZTEGFFFFFFF1", contract) == "BadAnswer another_onu"


@pytest.mark.bug("HubSoft: an answer about somebody else hid a lost look-up: it was not tried again")
async def test_who_may_be_asked_again_is_named_first(site: Site) -> None:
    first, other = site.add(), site.add()
    await site.table_is_read()
    site.api.faults.inject(Answer(200, "{}"), match=lambda path: CUSTOMER in path)
    site.api.faults.inject(HtmlPage(502), match=lambda path: CUSTOMER in path)
    answer = await site.hubsoft.customers([site.ask(first.serial), site.ask(other.serial)])
    assert isinstance(answer.error, AnswerLost)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, '{"status":"error","msg":"Verifique","clientes":[]}', Refused),
        (200, '{"status":"success"}', BadAnswer),
        (200, '{"clientes":{}}', BadAnswer),
        (200, '{"clientes":[{"nome_razaosocial":"Ana"}]}', BadAnswer),
        (200, '{"clientes":["Ana"]}', BadAnswer),
        (200, "[]", BadAnswer),
        (400, "{}", Refused),
        (429, "{}", TryLater),
        (500, "", AnswerLost),
    ],
    ids=str,
)
async def test_no_failure_is_no_customer(site: Site, status: int, body: str, error: type[Exception]) -> None:
    device = site.add()
    site.api.faults.always(Answer(status, body), match=lambda path: CUSTOMER in path)
    answer = await site.hubsoft.customers([site.ask(device.serial)])
    assert answer.records == {}
    assert isinstance(answer.error, error)
    with pytest.raises(error):
        await site.hubsoft.probe()


async def test_it_says_how_many_onus_can_be_found(site: Site) -> None:
    site.add()
    assert await site.hubsoft.probe() == "it answers; 1 ONUs in its table"
    site.api.expire()
    site.api.password = "another"
    with pytest.raises(LoginRefused):
        await site.hubsoft.probe()


@pytest.mark.parametrize(
    ("word", "service", "unknown"),
    [
        ("servico_habilitado", Service.ON, ""),
        ("franquia_excedida", Service.ON, ""),
        ("suspenso_parcialmente", Service.ON, ""),
        ("", Service.ON, ""),
        ("suspenso_debito", Service.BLOCKED, ""),
        ("bloqueio_temporario", Service.BLOCKED, ""),
        ("suspenso_judicial", Service.BLOCKED, ""),
        ("servico_bloqueado", Service.BLOCKED, ""),
        ("dedicado_suspenso", Service.BLOCKED, ""),
        ("suspenso_pedido_cliente", Service.SUSPENDED, ""),
        ("Cancelado", Service.ENDED, ""),
        ("inativo", Service.ENDED, ""),
        ("aguardando_instalacao", Service.NONE, ""),
        ("aguardando_assinatura_contrato", Service.NONE, ""),
        ("agendado_para_instalacao", Service.NONE, ""),
        ("em_analise (novo)", Service.ON, "status_prefixo=em_analise novo"),
    ],
)
def test_the_status_of_a_service(word: str, service: Service, unknown: str) -> None:
    assert service_of(word) == (service, unknown)


@pytest.mark.parametrize(
    ("fields", "name", "phone"),
    [
        ({"nome_fantasia": "Pão Quente"}, "Ana", "6199"),
        ({"tipo_pessoa": "PJ", "nome_fantasia": "Pão Quente"}, "Pão Quente", "6199"),
        ({"tipo_pessoa": "pj", "nome_fantasia": None}, "Ana", "6199"),
        ({"telefone_secundario": 6133, "telefone_terciario": "6199"}, "Ana", "6199 / 6133"),
        ({"telefone_primario": True, "telefone_secundario": 10**5000}, "Ana", ""),
    ],
)
def test_what_is_kept_of_a_customer(fields: dict[str, Any], name: str, phone: str) -> None:
    service = {"id_cliente_servico": 7, "senha": "s3nh4", "endereco_instalacao": None}
    row = {"id_cliente": "5", "nome_razaosocial": "Ana", "cpf_cnpj": "111", "telefone_primario": "6199"}
    [found] = held([{**row, "servicos": [service, {"id_cliente_servico": 8}], **fields}], Ref(SERVICE, "7"))
    assert (found.contact.client_id, found.contact.name, found.contact.phone) == ("5", name, phone)
    assert "111" not in str(found)
    assert "s3nh4" not in str(found)


def test_a_customer_of_another_code_is_another() -> None:
    row = {"id_cliente": 5, "codigo_cliente": 8, "servicos": [{}]}
    assert len(held([row], Ref("codigo_cliente", "8"))) == 1
    with pytest.raises(BadAnswer):
        held([row], Ref("codigo_cliente", "9", "5"))


def test_a_row_of_the_table_that_cannot_be_read() -> None:
    assert cpe({"phy_addr": None, "servicos": None}).refs == ()
    with pytest.raises(BadAnswer):
        cpe("text")


def _row(device: Device) -> dict[str, Any]:
    return {"id_cpe": 1, "phy_addr": spellings(device.serial)[1]}


def _empty() -> str:
    return '{"status":"success","paginacao":{"ultima_pagina":0,"total_registros":0},"cpes":[]}'
