"""IXC's own traps (`bot/directories/ixc/README.md`); the contract of the port is in tests/contracts."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date
from itertools import count

import pytest

from bot.directories.ixc.ixc import Ixc
from bot.directories.ixc.rows import CONTRACT, LOGIN, Known, contact, kept, service_of
from bot.directories.ixc.search import Search, ponid
from bot.directories.ixc.tables import Rows, Tables
from bot.domain.customer import NO_SERIAL, Contact, Link, Onu, Service
from bot.domain.lookup.serials import normal, spellings
from bot.errors import AnswerLost, BadAnswer, LoginRefused, NotFound, Refused
from bot.simulator.erps.ixc import IxcApi
from bot.simulator.server import Answer
from bot.simulator.world import Onu as Device
from bot.simulator.world import World
from tests.fakes import FakeClock, port

FIBRE, LOGINS, CONTRACTS, PEOPLE = (
    "radpop_radio_cliente_fibra",
    "radusuarios",
    "cliente_contrato",
    "/cliente",
)
TODAY = date(2026, 11, 22)
ACTIVE = {"id": "1", "status": "A", "status_internet": "A"}


@dataclass
class Site:
    api: IxcApi
    ixc: Ixc

    def add(self, n: int = 1, place: str = "6/15") -> list[Device]:
        world = self.api.world
        return [world.add_onu(world.add_customer(f"Cliente {k}"), slot_pon=place) for k in range(n)]

    def ask(self, device: Device, **changes: object) -> Onu:
        where = port(f"{device.slot}/{device.pon}", device.olt_name)
        onu = Onu(device.serial, "1", "", Link.LOS, port=where)._replace(**changes)  # type: ignore[arg-type]
        return onu._replace(subject=self.ixc.subject(onu))

    async def one(self, onu: Onu) -> Contact | None:
        answer = await self.ixc.customers([onu])
        assert answer.error is None, answer.error
        return answer.records[onu.key or ""]

    def asked(self) -> Counter[str]:
        return Counter(request.path.rpartition("/")[2] for request in self.api.requests)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with IxcApi(World()) as api:
        ixc = Ixc(api.url, api.token, zone=UTC, clock=FakeClock())
        yield Site(api, ixc)
        await ixc.aclose()


async def test_a_port_costs_one_request_and_its_people_one_for_a_hundred(site: Site) -> None:
    devices = site.add(120)
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert answer.error is None
    found = [record.name for record in answer.records.values() if record is not None]
    assert sorted(found) == sorted(f"Cliente {n}" for n in range(120))
    assert site.asked() == {
        "radpop_radio": 1,
        FIBRE: 3,  # the port; and whether a login has another ONU by now
        LOGINS: 2,
        CONTRACTS: 2,
        "cliente": 2,
        "cidade": 1,
    }
    assert site.api.max_in_flight <= 10


async def test_an_install_without_in_is_asked_one_by_one(site: Site) -> None:
    site.api.knows_in = False
    devices = site.add(12)
    site.add(5)
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert answer.error is None
    assert [record and record.name for record in answer.records.values()] == [
        f"Cliente {n}" for n in range(12)
    ]
    assert site.api.max_in_flight <= 10


@pytest.mark.bug("of an answer to IN that was cut short the missing were read as no customers")
async def test_who_is_missing_in_an_answer_to_in_is_asked_for_alone(site: Site) -> None:
    site.api.casts_in = True
    asked = [site.ask(device) for device in site.add(12)]
    nth = count()
    lost = Answer(500, "SQLSTATE")
    site.api.faults.inject(lost, 1, lambda path: path.endswith(PEOPLE) and next(nth) == 1)
    answer = await site.ixc.customers(asked)
    assert isinstance(answer.error, AnswerLost)
    assert len(answer.records) == 11
    assert None not in answer.records.values()
    site.api.requests.clear()
    answer = await site.ixc.customers(asked)
    assert answer.error is None
    assert [record and record.name for record in answer.records.values()] == [
        f"Cliente {n}" for n in range(12)
    ]
    assert not [request for request in site.api.requests if b'"IN"' in request.body]
    assert site.api.max_in_flight <= 10


async def test_in_is_trusted_on_where_the_missing_are_not_there(site: Site) -> None:
    devices = site.add(2)
    row = {"id": "99", "mac": devices[0].serial, "id_login": "777", "id_contrato": "0"}
    site.api.extra[FIBRE] = [row]
    for _ in range(2):
        answer = await site.ixc.customers([site.ask(device) for device in devices])
        assert answer.error is None
        assert list(answer.records.values()).count(None) == 1
    assert len([request for request in site.api.requests if b'"IN"' in request.body]) == 4
    assert site.asked()[LOGINS] == 4


class _OneLost(Tables):
    """One table's answer is lost; that of the other, asked for at the same time, comes after it."""

    def __init__(self, api: IxcApi, lost: str) -> None:
        super().__init__(api.url, api.token)
        self._lost, self._both, self._gone = lost, asyncio.Event(), asyncio.Event()

    async def by_ids(self, table: str, ids: Iterable[str]) -> Rows:
        if table == self._lost:
            await self._both.wait()
            self._gone.set()
            return Rows(errors=dict.fromkeys(ids, AnswerLost("http_500")))
        self._both.set()
        await self._gone.wait()
        return await super().by_ids(table, ids)


@pytest.mark.bug("a later answer of another table made a lost one forgotten: a cancelled customer was told")
@pytest.mark.parametrize("lost", [LOGIN, CONTRACT])
async def test_a_lost_answer_is_not_forgotten_for_a_later_one(site: Site, lost: str) -> None:
    (device,) = site.add()
    tables = _OneLost(site.api, lost)
    answer = await Search(tables, site.ixc, [site.ask(device)], TODAY).result()
    assert answer.records == {}
    assert isinstance(answer.error, AnswerLost)
    await tables.aclose()


@pytest.mark.parametrize("knob", ["with_ports", "in_logins", "hex_serials"])
async def test_who_is_not_on_the_port_is_found_by_serial(site: Site, knob: str) -> None:
    setattr(site.api, knob, knob != "with_ports")
    devices = site.add(4)
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert answer.error is None
    assert [record and record.name for record in answer.records.values()] == [
        f"Cliente {n}" for n in range(4)
    ]


@pytest.mark.bug("an ignored filter would have made the first customer of the base everybody's")
async def test_a_filter_that_is_ignored_finds_nobody_and_says_so(site: Site) -> None:
    site.add(5, "7/1")
    devices = site.add(5)
    site.api.ignores_filters = True
    for asked in ([devices[0]], devices):
        answer = await site.ixc.customers([site.ask(device) for device in asked])
        assert answer.records == {}
        assert isinstance(answer.error, BadAnswer)


async def test_of_several_rows_of_a_serial_the_highest_id_holds(site: Site) -> None:
    before, now = site.add(2)
    row = {"mac": now.serial, "id_login": "0", "id_contrato": str((before.client_id or 0) + 1), "ponid": ""}
    site.api.extra[FIBRE] = [{**row, "id": "1", "id_transmissor": "0"}]
    found = await site.one(site.ask(now))
    assert found is not None
    assert found.name == "Cliente 1"
    site.api.extra[FIBRE] = [{**row, "id": "99", "id_transmissor": "0"}]
    found = await site.one(site.ask(now))
    assert found is not None
    assert found.name == "Cliente 0"


@pytest.mark.bug("an ONU that was handed on, not yet linked to its new login, was its old owner's")
@pytest.mark.parametrize("spelt", [normal, lambda serial: spellings(serial)[1]])
async def test_a_newest_row_that_leads_nowhere_is_nobodys(site: Site, spelt: Callable[[str], str]) -> None:
    site.api.hex_serials = True
    devices = site.add(3)
    row = {"mac": spelt(devices[0].serial), "id_login": "0", "id_contrato": "0", "ponid": "0/6/15"}
    site.api.extra[FIBRE] = [{**row, "id": "99", "id_transmissor": str(100 + devices[0].olt_id)}]
    assert await site.one(site.ask(devices[0])) is None
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert [record and record.name for record in answer.records.values()] == [None, "Cliente 1", "Cliente 2"]


def handed_on(site: Site, devices: list[Device], way: str) -> None:
    """The first one's ONU is the last one's by now, in a row that is not where it is looked for first."""
    first, last = devices[0], devices[-1]
    row = {"id": "99", "mac": first.serial, "id_login": str((last.client_id or 0) + 2), "id_contrato": "0"}
    if "spelt" in way:
        row["mac"] = spellings(first.serial)[1]
    site.api.extra[FIBRE] = [{**row, "id_transmissor": "0", "ponid": "0/9/9"}]
    if "ended" in way:
        site.api.people.standings[first.client_id or 0] = "cancelled"
    else:
        new = {"id": "98", "mac": "ZTEGC00000FF", "id_login": str((first.client_id or 0) + 2)}
        site.api.extra[FIBRE].append({**new, "id_contrato": "0", "id_transmissor": "0", "ponid": ""})


@pytest.mark.bug("IXC: an ONU that was handed on, in a row of another port or spelling, was its old owner's")
@pytest.mark.parametrize("way", ["ended", "ended spelt", "swapped", "swapped spelt"])
@pytest.mark.parametrize("many", [1, 3])
async def test_a_newer_row_that_is_elsewhere_holds(site: Site, way: str, many: int) -> None:
    devices = site.add(4)
    handed_on(site, devices, way)
    answer = await site.ixc.customers([site.ask(device) for device in devices[:many]])
    assert answer.error is None
    names = [record and record.name for record in answer.records.values()]
    assert names == ["Cliente 3", "Cliente 1", "Cliente 2"][:many]
    assert site.api.max_in_flight <= 10


async def test_who_has_ended_is_asked_about_once_more_and_nobody_else(site: Site) -> None:
    devices = site.add(4)
    site.api.people.standings[devices[0].client_id or 0] = "cancelled"
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert [record and record.service for record in answer.records.values()] == [
        Service.ENDED,
        *[Service.ON] * 3,
    ]
    assert site.asked()[FIBRE] == 1 + 1 + 2  # the port; the logins; both spellings of one serial


async def test_a_newer_row_elsewhere_that_leads_nowhere_is_nobodys(site: Site) -> None:
    devices = site.add(4)
    handed_on(site, devices, "ended")
    site.api.extra[FIBRE][0]["id_login"] = "0"
    first, *others = [site.ask(device) for device in devices[:3]]
    known = first._replace(external_id=str(devices[3].client_id))
    for asked, name in ((first, None), (known, "Cliente 3")):
        answer = await site.ixc.customers([asked, *others])
        assert answer.error is None
        found = answer.records[asked.key or ""]
        assert (found and found.name) == name


async def test_a_row_that_leads_to_nobody_any_more_may_have_a_newer_one_elsewhere(site: Site) -> None:
    devices = site.add(4)
    handed_on(site, devices, "ended")
    del site.api.world.customers[devices[0].client_id or 0]
    row = {"mac": devices[0].serial, "id_login": "777", "id_contrato": "0", "ponid": "0/6/15"}
    site.api.extra[FIBRE].append({**row, "id": "50", "id_transmissor": str(100 + devices[0].olt_id)})
    answer = await site.ixc.customers([site.ask(device) for device in devices[:3]])
    assert [record and record.name for record in answer.records.values()] == [
        "Cliente 3",
        "Cliente 1",
        "Cliente 2",
    ]


async def test_an_older_row_never_takes_the_place_of_one_that_has_ended(site: Site) -> None:
    """The newest is written in a way that only a port's list brings to light."""
    devices = site.add(4)
    first, last = devices[0], devices[-1]
    site.api.people.standings[last.client_id or 0] = "cancelled"
    row = {"mac": f"{first.serial[:4]}-{first.serial[4:]}", "id_login": str((last.client_id or 0) + 2)}
    place = {"id_transmissor": str(100 + first.olt_id), "ponid": "0/6/15", "id_contrato": "0"}
    site.api.extra[FIBRE] = [{**row, **place, "id": "99"}]
    answer = await site.ixc.customers([site.ask(device) for device in devices[:3]])
    found = answer.records[site.ask(first).key or ""]
    assert found is not None
    assert (found.name, found.service) == ("Cliente 3", Service.ENDED)


async def test_of_two_logins_with_one_serial_the_newer_one_holds(site: Site) -> None:
    site.api.in_logins = True
    first, last = site.add(2)
    site.api.people.standings[first.client_id or 0] = "cancelled"
    row = {
        "id": "9999",
        "id_cliente": str(last.client_id),
        "onu_mac": spellings(first.serial)[1],
        "ativo": "S",
    }
    site.api.extra[LOGINS] = [row]
    found = await site.one(site.ask(first))
    assert found is not None
    assert found.name == "Cliente 1"


@pytest.mark.parametrize("lost", ["id_login", "spelling"])
async def test_an_onu_of_which_that_cannot_be_told_is_not_told_of(site: Site, lost: str) -> None:
    devices = site.add(3)
    site.api.people.standings[devices[0].client_id or 0] = "cancelled"
    nth = count()
    at = {"id_login": 1, "spelling": 3}[lost]
    site.api.faults.inject(Answer(500, "SQLSTATE"), 1, lambda path: path.endswith(FIBRE) and next(nth) == at)
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert isinstance(answer.error, AnswerLost)
    assert len(answer.records) == {"id_login": 0, "spelling": 2}[lost]


async def test_a_contract_that_the_source_knows_leads_to_its_customer(site: Site) -> None:
    device, *_ = site.add(2)
    contract = str((device.client_id or 0) + 1)
    found = await site.one(site.ask(device, serial=NO_SERIAL, contract_id=contract))
    assert found is not None
    assert found.name == "Cliente 0"
    assert FIBRE not in site.asked()


async def test_a_customer_whom_the_source_knows_is_found_without_a_contract(site: Site) -> None:
    device, *_ = site.add(2)
    found = await site.one(site.ask(device, serial="HWTC00000000", external_id=str(device.client_id)))
    assert found is not None
    assert (found.name, found.service) == ("Cliente 0", Service.ON)
    assert await site.one(site.ask(device, serial=NO_SERIAL, external_id="77")) is None


def contract(site: Site, customer: int | None, **fields: str) -> str:
    """Another contract of somebody; its id."""
    rows = site.api.extra.setdefault(CONTRACTS, [])
    row = {"id": str(200 + len(rows)), "id_cliente": str(customer), "status": "A", "status_internet": "A"}
    rows.append({**row, **fields})
    return rows[-1]["id"]


ENDED, BLOCKED, WAITS = {"status": "I"}, {"status_internet": "CA"}, {"status": "P"}


@pytest.mark.bug("IXC: a customer whom the source knows was told, whatever their contracts say")
@pytest.mark.parametrize(
    ("contracts", "service"),
    [
        ([], Service.NONE),
        ([ENDED], Service.ENDED),
        ([BLOCKED], Service.BLOCKED),
        ([{}], Service.ON),
        ([ENDED, {}, BLOCKED], Service.ON),
        ([ENDED, BLOCKED, WAITS], Service.BLOCKED),
        ([ENDED, WAITS], Service.NONE),
    ],
)
@pytest.mark.parametrize("serial", [NO_SERIAL, "HWTC00000000"])
async def test_a_customer_whom_the_source_knows_is_judged_by_their_contracts(
    site: Site, serial: str, contracts: list[dict[str, str]], service: Service
) -> None:
    device, *_ = site.add(2)
    customer = site.api.world.add_customer("Bia").id
    for fields in contracts:
        contract(site, customer, **fields)
    found = await site.one(site.ask(device, serial=serial, external_id=str(customer)))
    assert found is not None
    assert (found.name, found.service) == ("Bia", service)


async def test_whose_contracts_cannot_be_had_is_not_told_of(site: Site) -> None:
    device, *_ = site.add(2)
    site.api.faults.inject(Answer(500, "SQLSTATE"), 1, lambda path: path.endswith(CONTRACTS))
    answer = await site.ixc.customers([site.ask(device, serial=NO_SERIAL, external_id=str(device.client_id))])
    assert answer.records == {}
    assert isinstance(answer.error, AnswerLost)


async def test_contracts_by_customer_cost_one_request_for_all(site: Site) -> None:
    devices = site.add(30)
    known = [site.ask(d, serial=NO_SERIAL, external_id=str(d.client_id)) for d in devices]
    answer = await site.ixc.customers([one._replace(subject=f"customer {one.external_id}") for one in known])
    assert [record and record.service for record in answer.records.values()] == [Service.ON] * 30
    assert site.asked() == {CONTRACTS: 1, "cliente": 1, "cidade": 1}


@pytest.mark.bug(
    "IXC: a contract that is not there, or another customer's, hid that theirs brings no service"
)
@pytest.mark.parametrize("named", ["absent", "another's"])
@pytest.mark.parametrize(
    ("own", "service"), [("login", Service.BLOCKED), ("customer", Service.ENDED), ("", Service.NONE)]
)
@pytest.mark.parametrize("many", [1, 3])
async def test_a_contract_counts_only_if_it_is_their_own(
    site: Site, named: str, own: str, service: Service, many: int
) -> None:
    devices = site.add(3)
    whose = site.api.world.add_customer("Bia").id
    login = {"id": "900", "id_cliente": str(whose), "id_contrato": "0", "ativo": "S", "onu_mac": ""}
    if own == "login":
        login["id_contrato"] = contract(site, whose, **BLOCKED)
        contract(site, whose)  # another house's
    if own == "customer":
        login["id_contrato"] = "9998"
        contract(site, whose, **ENDED)
    site.api.extra[LOGINS] = [login]
    number = "9999" if named == "absent" else contract(site, devices[1].client_id)
    row = {"id": "99", "mac": devices[0].serial, "id_login": "900", "id_contrato": number}
    site.api.extra[FIBRE] = [{**row, "id_transmissor": str(100 + devices[0].olt_id), "ponid": "0/6/15"}]
    answer = await site.ixc.customers([site.ask(device) for device in devices[:many]])
    assert answer.error is None
    found = [record and (record.name, record.service) for record in answer.records.values()]
    others = [("Cliente 1", Service.ON), ("Cliente 2", Service.ON)]
    assert found == [("Bia", service), *others][:many]


async def test_who_has_no_contract_any_more_may_have_handed_their_onu_on(site: Site) -> None:
    devices = site.add(4)
    handed_on(site, devices, "ended")
    whose = site.api.world.add_customer("Bia").id
    site.api.extra[LOGINS] = [{"id": "900", "id_cliente": str(whose), "ativo": "S", "onu_mac": ""}]
    row = {"id": "50", "mac": devices[0].serial, "id_login": "900", "id_contrato": "0", "ponid": "0/6/15"}
    site.api.extra[FIBRE].append({**row, "id_transmissor": str(100 + devices[0].olt_id)})
    answer = await site.ixc.customers([site.ask(device) for device in devices[:3]])
    names = [record and record.name for record in answer.records.values()]
    assert names == ["Cliente 3", "Cliente 1", "Cliente 2"]


async def test_who_cannot_be_read_is_told_apart_from_the_others(site: Site) -> None:
    """One customer's row has been taken away, another's cannot be had."""
    devices = site.add(3)
    del site.api.world.customers[devices[0].client_id or 0]
    site.api.knows_in = False
    site.api.extra["cliente"] = [{"id": "9999"}]
    said, nth = Answer(200, '{"type":"error","message":"<b>x</b>"}'), count()
    site.api.faults.inject(said, 1, lambda path: path.endswith(PEOPLE) and next(nth) == 1)
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert isinstance(answer.error, Refused)
    assert len(answer.records) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, '{"type":"error","message":"<p>Erro</p>"}', Refused),
        (200, '{"page":"1","total":"5"}', BadAnswer),
        (200, '{"page":"1","total":"5","registros":[]}', BadAnswer),
        (200, '{"page":"1","total":"1","registros":{"id":"1"}}', BadAnswer),
        (200, '{"message":"Recurso nao disponivel"}', BadAnswer),
        (200, "[]", BadAnswer),
        (401, "Unauthorized", LoginRefused),
        (403, "IP não liberado", LoginRefused),
        (404, "Not Found", NotFound),
        (500, "SQLSTATE", AnswerLost),
        (504, "", AnswerLost),
    ],
)
async def test_no_failure_is_no_customer(site: Site, status: int, body: str, error: type[Exception]) -> None:
    (device,) = site.add()
    site.api.faults.always(Answer(status, body))
    answer = await site.ixc.customers([site.ask(device)])
    assert answer.records == {}
    assert isinstance(answer.error, error)
    with pytest.raises(error):
        await site.ixc.probe()


async def test_a_list_of_olts_that_may_not_be_read_costs_requests_and_nobody(site: Site) -> None:
    devices = site.add(4)
    refusal = Answer(200, '{"type":"error","message":"Sem permissao"}')
    site.api.faults.always(refusal, match=lambda path: path.endswith("/radpop_radio"))
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert answer.error is None
    assert None not in answer.records.values()


async def test_personal_data_that_is_not_needed_is_in_no_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (device,) = site.add()
    assert await site.one(site.ask(device)) is not None
    assert "s3nh4" not in caplog.text
    assert "111.444" not in caplog.text
    row = {"id": "7", "cnpj_cpf": "111.444.777-35", "senha": "s3nh4", "razao": "Ana", "fone": "0"}
    assert kept("cliente", row) == {"id": "7", "razao": "Ana"}


@pytest.mark.parametrize(
    ("rows", "service", "unknown"),
    [
        ({}, Service.ON, ""),
        ({"status_internet": "FA"}, Service.ON, ""),
        ({"status": "P"}, Service.NONE, ""),
        ({"status": "I"}, Service.ENDED, ""),
        ({"status": "D"}, Service.ENDED, ""),
        ({"status": "N"}, Service.ENDED, ""),
        ({"status_internet": "CM"}, Service.BLOCKED, ""),
        ({"status_internet": "CA"}, Service.BLOCKED, ""),
        ({"status_internet": "D"}, Service.NONE, ""),
        ({"status_internet": "AA"}, Service.NONE, ""),
        ({"status": "X", "status_internet": "ZZ"}, Service.ON, "status=X, status_internet=ZZ"),
        ({"status_internet": "Maria da Silva Souza"}, Service.ON, "status_internet=Maria da S"),
        ({"contrato_suspenso": "S"}, Service.SUSPENDED, ""),
        ({"contrato_suspenso": "S", "data_inicial_suspensao": "2026-11-23"}, Service.ON, ""),
        ({"contrato_suspenso": "S", "data_final_suspensao": "2026-11-21"}, Service.ON, ""),
        ({"contrato_suspenso": "S", "data_final_suspensao": "2026-11-22 23:59:59"}, Service.SUSPENDED, ""),
        ({"contrato_suspenso": "S", "data_final_suspensao": "22/11"}, Service.SUSPENDED, ""),
    ],
)
def test_the_status_of_a_contract(rows: dict[str, str], service: Service, unknown: str) -> None:
    assert service_of(Known({}, {}, {**ACTIVE, **rows}, {"id": "1"}), TODAY) == (service, unknown)


def test_a_closed_customer_or_login_has_no_service() -> None:
    closed = {"ativo": "N"}
    assert service_of(Known({}, closed, ACTIVE, {}), TODAY) == (Service.ENDED, "")
    assert service_of(Known({}, {}, ACTIVE, closed), TODAY) == (Service.ENDED, "")
    assert service_of(Known({}, {}, ACTIVE, {"ativo": "S"}), TODAY) == (Service.ON, "")
    assert service_of(Known({}, {}, {}, {"ativo": "S"}), TODAY) == (Service.NONE, "")


def test_the_address_of_the_installation_is_where_it_is() -> None:
    customer = {"id": "1", "razao": "Ana", "bairro": "Centro", "cidade": "7"}
    own = {"endereco_padrao_cliente": "N", "bairro": "Vila Nova", "cidade": "8"}
    stale = {**own, "endereco_padrao_cliente": "S"}
    cities = {"7": "Goiânia", "8": "Anápolis"}

    def where(known: Known) -> tuple[str, str]:
        found = contact(known, cities, TODAY)
        return found.district, found.city

    assert where(Known({}, {}, {}, customer)) == ("Centro", "Goiânia")
    assert where(Known({}, own, {}, customer)) == ("Vila Nova", "Anápolis")
    assert where(Known({}, stale, own, customer)) == ("Centro", "Goiânia")
    assert where(Known({}, {}, own, customer)) == ("Vila Nova", "Anápolis")
    assert where(Known(own, {"id": "3"}, {"id": "4"}, customer)) == ("Vila Nova", "Anápolis")


def test_a_company_is_called_by_what_it_trades_as_and_every_phone_is_kept_in_order() -> None:
    customer = {"id": "1", "razao": "Padaria Ltda", "fantasia": "Pão Quente", "tipo_pessoa": "J"}
    phones = {"fone": "(62) 3333-0000", "whatsapp": "", "telefone_celular": "62 99999-0000"}
    found = contact(Known({}, {}, {}, {**customer, **kept("cliente", phones)}), {}, TODAY)
    assert found.name == "Pão Quente"
    assert found.phone == "62 99999-0000 / (62) 3333-0000"
    assert contact(Known({}, {}, {}, {**customer, "tipo_pessoa": "F"}), {}, TODAY).name == "Padaria Ltda"


def test_what_is_null_or_no_text_is_not_there() -> None:
    row = {"id": 7, "razao": "0", "fone": "0000-00-00", "ativo": True, "bairro": ["x"], "whatsapp": 10**5000}
    assert kept("cliente", row) == {"id": "7"}
    assert kept("cliente", "text") == {}


@pytest.mark.parametrize(
    ("place", "written"), [("6/15", "0/6/15"), ("1/6/15", "1/6/15"), ("CTO 7", None), ("a/b", None)]
)
def test_how_a_port_is_written(place: str, written: str | None) -> None:
    assert ponid(port(place)) == written


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("485754435C5A78B9", "HWTC5C5A78B9"),
        ("hwtc-5c5a78b9", "HWTC5C5A78B9"),
        ("A4:B1:C2:00:11:22", "A4B1C2001122"),
        ("0011223344556677", "0011223344556677"),
    ],
)
def test_one_spelling_of_a_serial(text: str, same: str) -> None:
    assert normal(text) == same


def test_how_a_system_may_have_written_a_serial() -> None:
    assert spellings("HWTC5C5A78B9") == ("HWTC5C5A78B9", "485754435C5A78B9")
    assert spellings("A4B1C2001122") == ("A4B1C2001122",)


async def test_the_request_is_as_the_wire_wants_it(site: Site) -> None:
    (device,) = site.add()
    await site.one(site.ask(device))
    request = site.api.requests[0]
    assert (request.method, request.headers["ixcsoft"]) == ("POST", "listar")
    assert json.loads(request.body) == {
        "qtype": f"{FIBRE}.mac",
        "query": device.serial,
        "oper": "=",
        "page": "1",
        "rp": "20",
        "sortname": f"{FIBRE}.id",
        "sortorder": "desc",
    }


async def on_port(site: Site, place: str = "6/15") -> dict[str, str | None]:
    found = await site.ixc.on_port(port(place))
    return {serial: None if one is None else one.name for serial, one in found.items()}


async def test_a_port_that_is_asked_for_whole_costs_one_request_and_its_people_one_each(site: Site) -> None:
    site.add(60)
    assert len(await on_port(site)) == 60
    assert site.asked() == {
        "radpop_radio": 1,
        FIBRE: 2,  # the port; and whether a login has another ONU by now
        LOGINS: 1,
        CONTRACTS: 1,
        "cliente": 1,
        "cidade": 1,
    }


async def test_whoever_has_a_newer_onu_elsewhere_is_not_on_the_port(site: Site) -> None:
    """Its row of before still stands on the port: they are not in the outage."""
    [stays, moved, swapped] = site.add(3)
    rows = list(site.api._fibre())
    site.api.extra[FIBRE] = [
        {**rows[1], "id": "900", "mac": "ZTEG0000AAAA", "ponid": "0/6/16"},
        {**rows[2], "id": "901", "mac": "ZTEG0000BBBB"},
    ]
    assert await on_port(site) == {stays.serial: "Cliente 0", "ZTEG0000BBBB": "Cliente 2"}
    assert moved.serial not in await on_port(site)
    assert swapped.serial not in await on_port(site)


async def test_an_onu_that_was_handed_on_brings_nobody_of_another_port(site: Site) -> None:
    """Who had it has ended; who has it now is on another port, by a newer row of the same serial."""
    [left] = site.add(1)
    [other] = site.add(1, "6/16")
    account = site.api.people.of(left)
    assert account is not None
    site.api.people.standings[account.customer.id] = "cancelled"
    rows = list(site.api._fibre())
    site.api.extra[FIBRE] = [{**rows[1], "id": "900", "mac": left.serial}]
    found = await site.ixc.on_port(port())
    assert [(one and one.client_id, one and one.service) for one in found.values()] == [
        (str(account.customer.id), Service.ENDED)
    ]
    assert list(await on_port(site, "6/16")) == [left.serial]
    assert other.serial not in await on_port(site, "6/16")


async def test_both_spellings_on_a_port_are_one_onu(site: Site) -> None:
    [device] = site.add(1)
    row = next(iter(site.api._fibre()))
    hexed = device.serial[:4].encode().hex().upper() + device.serial[4:]
    site.api.extra[FIBRE] = [{**row, "id": "900", "mac": hexed}, {**row, "id": "2", "mac": ""}]
    assert await on_port(site) == {device.serial: "Cliente 0"}


async def test_a_row_of_a_port_without_a_login_is_of_nobody(site: Site) -> None:
    """Its contract may have another ONU elsewhere."""
    site.add(1)
    row = next(iter(site.api._fibre()))
    site.api.extra[FIBRE] = [{**row, "id": "900", "mac": "ZTEG0000AAAA", "id_login": "0"}]
    assert (await on_port(site))["ZTEG0000AAAA"] is None


async def test_a_filter_that_is_ignored_is_no_port(site: Site) -> None:
    site.add(2)
    site.add(2, "6/16")
    site.api.ignores_filters = True
    with pytest.raises(BadAnswer):
        await on_port(site)


async def test_more_onus_than_a_port_has_are_no_port(site: Site) -> None:
    site.add(257)
    with pytest.raises(BadAnswer, match="ignored_filter"):
        await on_port(site)


async def test_a_list_that_is_cut_short_is_no_port(site: Site) -> None:
    [device] = site.add(1)
    row = json.dumps(next(iter(site.api._fibre())))
    cut = Answer(200, f'{{"page":"1","total":"2","registros":[{row}]}}')
    site.api.faults.inject(cut, 1, lambda path: path.endswith(FIBRE))
    with pytest.raises(BadAnswer, match="page_cut_short"):
        await on_port(site)
    assert list(await on_port(site)) == [device.serial]


async def test_without_the_list_of_olts_nobody_knows_who_is_on_a_port(site: Site) -> None:
    """It is asked for again the next time, though customers by serial do without it for an hour."""
    devices = site.add(3)
    site.api.faults.inject(
        Answer(200, '{"type":"error","message":"x"}'), 2, lambda path: path.endswith("radpop_radio")
    )
    answer = await site.ixc.customers([site.ask(device) for device in devices])
    assert answer.error is None
    with pytest.raises(Refused, match="stated_error"):
        await on_port(site)
    assert len(await on_port(site)) == 3
