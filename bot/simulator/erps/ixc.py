"""IXC Provedor's webservice, over a ``World``."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from bot.simulator.erps.people import CITY, People
from bot.simulator.server import Server, json_response
from bot.simulator.world import World

HTML = "<html><body>IXC Soft - Login</body></html>"
Row = dict[str, str]


class IxcApi(Server):
    """IXC on loopback.

    Attributes:
        token: The whole ``id:token``.
        people: Who has which contract.
        answers_html: A login page with HTTP 200, whatever is asked.
        knows_in: The operator ``IN`` works; else it is ignored and the whole table comes.
        casts_in: ``IN`` is taken as ``=``, and of its numbers the first is read.
        ignores_filters: Every filter is ignored.
        hex_serials: ``mac`` has sixteen hex digits.
        in_logins: The serials stand in ``radusuarios.onu_mac`` alone.
        with_ports: The rows say on which OLT and port an ONU is.
        extra: Rows added to a table, in front.
    """

    def __init__(self, world: World, people: People | None = None) -> None:
        super().__init__()
        self.world = world
        self.token = "7:3f1c0d9a"  # noqa: S105 - of a pretend service
        self.people = people or People(world)
        self.answers_html = False
        self.knows_in = True
        self.casts_in = False
        self.ignores_filters = False
        self.hex_serials = False
        self.in_logins = False
        self.with_ports = True
        self.extra: dict[str, list[Row]] = {}

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 as a proxy words it: IXC has none of its own."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return web.Response(status=429, text="<html>Too Many Requests</html>", headers=headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """A list of one table."""
        right = "Basic " + base64.b64encode(self.token.encode()).decode()
        if request.headers.get("Authorization") != right:
            return web.Response(status=401, text="Unauthorized")
        if self.answers_html:
            return web.Response(text=HTML, content_type="text/html")
        table = request.path.removeprefix("/webservice/v1/")
        if request.headers.get("ixcsoft") != "listar":
            return web.Response(status=404, text="Not Found")
        try:
            asked = json.loads(body)
            rows = self._found(table, asked)
        except (ValueError, LookupError):
            return web.Response(status=500, text="SQLSTATE[42S22]: Column not found")
        page, size = int(asked.get("page", 1)), int(asked.get("rp", 20))
        shown = rows[(page - 1) * size : page * size]
        answer: dict[str, Any] = {"page": str(page), "total": str(len(rows))}
        return json_response({**answer, "registros": shown} if shown else answer)

    def _found(self, table: str, asked: Mapping[str, str]) -> list[Row]:
        rows = [*self.extra.get(table, ()), *self._table(table)]
        rows.sort(key=lambda row: int(row["id"]), reverse=asked.get("sortorder") == "desc")
        if self.ignores_filters:
            return rows
        conditions = [(asked["qtype"], asked["oper"], asked["query"])]
        conditions += [(c["TB"], c["OP"], c["P"]) for c in json.loads(asked.get("grid_param", "[]"))]
        for field, oper, value in conditions:
            of, _, name = field.partition(".")
            if of != table or not name:
                raise LookupError(field)
            if oper == "IN" and not self.knows_in:
                continue
            if oper == "IN" and self.casts_in:
                value = value.partition(",")[0]  # noqa: PLW2901
            fits = _test(oper, value)
            rows = [row for row in rows if fits(row[name])]
        return rows

    def _table(self, table: str) -> Iterable[Row]:
        tables: dict[str, Callable[[], Iterable[Row]]] = {
            "empresa": lambda: [{"id": "1", "razao": "Pretend ISP"}],
            "cidade": lambda: [{"id": "5208", "nome": CITY}],
            "radpop_radio": self._olts,
            "radpop_radio_cliente_fibra": lambda: [] if self.in_logins else self._fibre(),
            "radusuarios": self._logins,
            "cliente_contrato": self._contracts,
            "cliente": self._customers,
        }
        return tables[table]()

    def _olts(self) -> Iterable[Row]:
        names = {onu.olt_id: onu.olt_name for onu in self.world.onus.values()}
        return [{"id": str(100 + id_), "descricao": name} for id_, name in names.items()]

    def _fibre(self) -> Iterable[Row]:
        for number, onu in enumerate(self.world.onus.values(), 1):
            account = self.people.of(onu)
            in_hex = onu.serial[:4].encode().hex().upper() + onu.serial[4:]
            yield {
                "id": str(number),
                "mac": in_hex if self.hex_serials else onu.serial,
                "id_login": str(account.login) if account else "0",
                "id_contrato": str(account.contract) if account else "0",
                "id_transmissor": str(100 + onu.olt_id) if self.with_ports else "0",
                "ponid": f"0/{onu.slot}/{onu.pon}" if self.with_ports else "",
                "id_caixa_ftth": str(1 + number // 8),
                "endereco_padrao_cliente": "S",
                "bairro": "",
                "cidade": "0",
                "causa_ultima_queda": "dying-gasp",
            }

    def _logins(self) -> Iterable[Row]:
        for onu in self.world.onus.values():
            account = self.people.of(onu)
            if account:
                yield {
                    "id": str(account.login),
                    "id_cliente": str(account.customer.id),
                    "id_contrato": str(account.contract),
                    "login": f"cliente{account.customer.id}",
                    "senha": "s3nh4-do-cliente",
                    "ativo": "S",
                    "online": "SS",
                    "onu_mac": onu.serial if self.in_logins else "",
                    "endereco_padrao_cliente": "S",
                    "bairro": "Bairro de antes",
                    "cidade": "0",
                }

    def _contracts(self) -> Iterable[Row]:
        status = {"active": ("A", "A"), "blocked": ("A", "CA"), "cancelled": ("I", "D")}
        for onu in self.world.onus.values():
            account = self.people.of(onu)
            if account:
                of_contract, of_internet = status[account.standing]
                yield {
                    "id": str(account.contract),
                    "id_cliente": str(account.customer.id),
                    "status": of_contract,
                    "status_internet": of_internet,
                    "contrato_suspenso": "N",
                    "data_inicial_suspensao": "0000-00-00",
                    "data_final_suspensao": "0000-00-00",
                    "endereco_padrao_cliente": "S",
                    "bairro": "",
                    "cidade": "0",
                }

    def _customers(self) -> Iterable[Row]:
        districts = {
            account.customer.id: account.district
            for onu in self.world.onus.values()
            if (account := self.people.of(onu))
        }
        for customer in self.world.customers.values():
            yield {
                "id": str(customer.id),
                "razao": customer.name,
                "fantasia": "",
                "tipo_pessoa": "F",
                "ativo": "S",
                "cnpj_cpf": "111.444.777-35",
                "senha": "s3nh4",
                "hotsite_email": "ninguem@example.com",
                "whatsapp": "",
                "telefone_celular": customer.contact or "",
                "fone": customer.phone_number or "",
                "telefone_comercial": "",
                "endereco": "Rua das Flores",
                "numero": "10",
                "bairro": districts.get(customer.id, ""),
                "cidade": "5208",
            }


def _test(oper: str, value: str) -> Callable[[str], bool]:
    values = frozenset(value.split(",")) if oper == "IN" else {value}
    tests: dict[str, Callable[[str], bool]] = {
        "IN": values.__contains__,
        "=": values.__contains__,
        ">": lambda text: int(text) > int(value),
    }
    return tests[oper]
