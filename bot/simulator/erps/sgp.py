"""SGP's search for customers, over a ``World``."""

import json
from typing import Any

from aiohttp import web

from bot.simulator.erps.people import CITY, Account, People
from bot.simulator.server import Server, json_response
from bot.simulator.world import World

_STATUS = {"active": (1, "Ativo"), "blocked": (4, "Suspenso"), "cancelled": (3, "Cancelado")}


class SgpApi(Server):
    """SGP on loopback.

    Attributes:
        token, app: Who may ask.
        people: Who has which contract.
        ignores_filters: The whole base comes, whatever is asked.
        hex_serials: It knows serials in sixteen hex digits alone.
        of_objects: Phones come as objects with a kind, not as texts.
        upper: Names of fields in capitals, as in another version.
        answers: Rows for a serial or contract, instead of its own.
    """

    def __init__(self, world: World, people: People | None = None) -> None:
        super().__init__()
        self.world = world
        self.token, self.app = "9c1f-4b", "noc"
        self.people = people or People(world)
        self.ignores_filters = False
        self.hex_serials = False
        self.of_objects = False
        self.upper = False
        self.answers: dict[str, list[dict[str, Any]]] = {}

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 as a proxy words it."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return web.Response(status=429, text="Too Many Requests", headers=headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """Customers by one filter."""
        if request.method != "POST" or request.path != "/api/ura/consultacliente/":
            return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")
        asked = json.loads(body)
        if (asked.get("token"), asked.get("app")) != (self.token, self.app):
            return json_response({"detail": "Credenciais inválidas"}, 401)
        serial, contract = asked.get("onu_serial"), asked.get("contrato")
        rows = self.answers.get(serial or contract or "")
        if rows is None:
            rows = [self.row(one) for one in self._found(serial, contract)]
        if self.upper:
            rows = [{name.upper(): value for name, value in row.items()} for row in rows]
        message = "" if rows else "Nenhum cliente encontrado"
        return json_response({"msg": message, "contratos": rows})

    def _found(self, serial: str | None, contract: str | None) -> list[Account]:
        every = [(onu, self.people.of(onu)) for onu in self._onus(serial)]
        return [
            account
            for onu, account in every
            if account is not None
            and (
                self.ignores_filters
                or (serial is not None and self._spelt(onu.serial) == serial.upper())
                or (contract is not None and str(account.contract) == contract)
            )
        ]

    def _onus(self, serial: str | None) -> list[Any]:
        """Those that may be meant: looked up where that is quick."""
        known = self.world.onus.get(serial or "")
        quick = known is not None and not self.ignores_filters and not self.hex_serials
        return [known] if quick else list(self.world.onus.values())

    def _spelt(self, serial: str) -> str:
        return serial[:4].encode().hex().upper() + serial[4:] if self.hex_serials else serial

    def row(self, account: Account) -> dict[str, Any]:
        """A contract as it answers it, with much that nobody needs."""
        customer = account.customer
        phones = list(filter(None, (customer.contact, customer.phone_number)))
        number, display = _STATUS[account.standing]
        return {
            "contratoId": account.contract,
            "clienteId": customer.id,
            "razaoSocial": customer.name,
            "cpfCnpj": "111.444.777-35",
            "telefones": [{"contato": p, "tipoContato": "Celular Pessoal"} for p in phones]
            if self.of_objects
            else phones,
            "contratoStatus": number,
            "contratoStatusDisplay": display,
            "endereco_logradouro": "Rua das Flores",
            "endereco_bairro": account.district,
            "endereco_cidade": CITY,
            "servico_login": f"cliente{customer.id}",
            "servico_senha": "s3nh4",
        }
