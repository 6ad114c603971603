"""HubSoft's API, over a ``World``."""

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from bot.simulator.erps.people import CITY, Account, People
from bot.simulator.server import Server, json_response
from bot.simulator.world import Onu, World

_STATUS = {"active": "servico_habilitado", "blocked": "suspenso_debito", "cancelled": "cancelado"}
_CODES = 3000  # a customer's code is another number than their id
_ROOT = "/api/v1/integracao/"
_MISSING = {"status": "error", "msg": "Verifique os dados informados e tente novamente!", "errors": []}


class HubSoftApi(Server):
    """HubSoft on loopback.

    Attributes:
        client_id, client_secret, user, password: Who may log in.
        people: Who has which contract, which here is a service.
        logins: How often somebody did.
        ignores_filters: Customers are not looked for by what was asked, and everybody comes.
        ignores_serials: The same of CPEs.
        hex_serials: ``phy_addr`` has sixteen hex digits.
        small_letters: The digits of ``phy_addr`` are small letters, and are found as they are written alone.
        macs: The services name a MAC as their ``phy_addr``.
        by_code: The services of a CPE have no id, as in another version.
        most: CPEs of a page at most.
        hides: The whole table leaves out so many of its last CPEs, and counts them all the same.
        inactive: Customers who are closed, whatever their services say.
        extra: Rows of the table of CPEs, before its own.
    """

    def __init__(self, world: World, people: People | None = None) -> None:
        super().__init__()
        self.world = world
        self.client_id, self.client_secret = "3", "ONe7Ns48Y30tB"
        self.user, self.password = "noc@isp.example", "s3nh4"
        self.people = people or People(world)
        self.logins = 0
        self.ignores_filters = self.ignores_serials = False
        self.hex_serials = self.small_letters = self.macs = self.by_code = False
        self.most = 500
        self.hides = 0
        self.inactive: set[int] = set()
        self.extra: list[dict[str, Any]] = []
        self._tokens: set[str] = set()
        self._numbers = itertools.count(1)

    def expire(self) -> None:
        """No token is good any more."""
        self._tokens.clear()

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 as its framework words it."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return json_response({"message": "Too Many Attempts."}, 429, headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """A login, customers by one filter, or a page of the CPEs."""
        if (request.method, request.path) == ("POST", "/oauth/token"):
            return self._log_in(json.loads(body))
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return json_response({"message": "Unauthenticated."}, 401)
        reads: Mapping[str, Callable[[Mapping[str, str]], Any]] = {
            "cliente": self._customers,
            "rede/cpe/todos": self._cpes,
        }
        read = reads.get(request.path.removeprefix(_ROOT))
        if read is None or request.method != "GET":
            return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")
        return json_response(read(request.query))

    def _log_in(self, asked: Mapping[str, str]) -> web.Response:
        right = (self.client_id, self.client_secret, self.user, self.password, "password")
        names = ("client_id", "client_secret", "username", "password", "grant_type")
        if tuple(map(asked.get, names)) != right:
            return json_response({"error": "invalid_credentials"}, 401)
        self.logins += 1
        token = f"eyJ0eXAi.{next(self._numbers)}"
        self._tokens.add(token)
        return json_response({"token_type": "Bearer", "expires_in": 2592000, "access_token": token})

    def _cpes(self, asked: Mapping[str, str]) -> Any:
        if "pagina" not in asked or "itens_por_pagina" not in asked:
            return _MISSING
        wanted = asked.get("termo_busca") if asked.get("busca") == "phy_addr" else None
        found = [
            onu
            for onu in self.world.onus.values()
            if wanted is None or self.ignores_serials or self._spelt(onu.serial) == wanted
        ]
        rows = [*(row for row in self.extra if wanted in {None, row["phy_addr"]}), *map(self._cpe, found)]
        if asked.get("somente_assinante_associado", "sim") == "sim":
            rows = [row for row in rows if any(one["status"] != "cancelado" for one in row["servicos"])]
        size = min(int(asked["itens_por_pagina"]), self.most)
        last, page = max(0, (len(rows) - 1) // size), int(asked["pagina"])
        whole = rows if wanted else rows[: len(rows) - self.hides]
        shown = whole[page * size : (page + 1) * size]
        paging = {
            "primeira_pagina": 0,
            "ultima_pagina": last,
            "pagina_atual": page,
            "total_registros": len(rows),
        }
        return {"status": "success", "paginacao": paging, "cpes": shown}

    def _cpe(self, onu: Onu) -> dict[str, Any]:
        account = self.people.of(onu)
        return {
            "id_cpe": 70_000 + int(onu.serial[5:], 16) if onu.serial.startswith("ZTEGC") else onu.serial,
            "phy_addr": self._spelt(onu.serial),
            "data_ultima_atualizacao": "2026-11-20 16:28:20",
            "historico_parametros": [],
            "servicos": [] if account is None else [self.linked(account)],
        }

    def linked(self, account: Account) -> dict[str, Any]:
        """A service as the row of a CPE names it."""
        customer = account.customer
        ids = {} if self.by_code else {"id_cliente_servico": account.contract}
        return {
            "id_cliente": customer.id,
            "codigo_cliente": customer.id + _CODES,
            "cliente": f"({customer.id + _CODES}) {customer.name}",
            "cpf_cnpj": "11144477735",
            "status": _STATUS[account.standing],
            "login": f"cliente{customer.id}",
            **ids,
        }

    def _spelt(self, serial: str) -> str:
        letters = serial[:4].encode().hex().upper() if self.hex_serials else serial[:4]
        return letters + (serial[4:].lower() if self.small_letters else serial[4:])

    def _customers(self, asked: Mapping[str, str]) -> Any:
        key, value = asked.get("busca"), asked.get("termo_busca", "")
        if key not in {"id_cliente_servico", "codigo_cliente"} or not value:
            return _MISSING
        number = int(value) - (_CODES if key == "codigo_cliente" else 1)  # as `People` gives contracts
        found = {
            account.customer.id: self.customer(account, onu, asked.get("relacoes", ""))
            for onu in self.world.onus.values()
            if (self.ignores_filters or onu.client_id == number)
            and (account := self.people.of(onu))
            and self._is_shown(account, asked)
        }
        rows = list(found.values())[: int(asked.get("limit", 5))]
        return {"status": "success", "msg": "Dados consultados com sucesso", "clientes": rows}

    def _is_shown(self, account: Account, asked: Mapping[str, str]) -> bool:
        cancelled = asked.get("cancelado", "nao") == "sim" or account.standing != "cancelled"
        inactive = asked.get("inativo", "nao") == "todos" or account.customer.id not in self.inactive
        return cancelled and inactive

    def customer(self, account: Account, onu: Onu, relations: str) -> dict[str, Any]:
        """A customer as it answers it, with much that nobody needs."""
        customer = account.customer
        status = _STATUS[account.standing]
        service: dict[str, Any] = {
            "id_cliente_servico": account.contract,
            "status": status.replace("_", " ").title(),
            "status_prefixo": status,
            "login": f"cliente{customer.id}",
            "senha": "s3nh4",
            "phy_addr": "A4:B1:C2:00:11:22" if self.macs else self._spelt(onu.serial),
        }
        if "endereco_instalacao" in relations:
            address = {"completo": "RUA DAS FLORES, 10", "endereco": "DAS FLORES", "numero": "10"}
            service["endereco_instalacao"] = {**address, "bairro": account.district, "cidade": CITY}
        if "porta_atendimento" in relations:
            service["porta_atendimento"] = {"numero": 7, "equipamento": f"CX {onu.slot}-{onu.pon}"}
        return {
            "id_cliente": customer.id,
            "codigo_cliente": customer.id + _CODES,
            "nome_razaosocial": customer.name,
            "nome_fantasia": None,
            "tipo_pessoa": "pf",
            "cpf_cnpj": "11144477735",
            "telefone_primario": customer.contact,
            "telefone_secundario": customer.phone_number,
            "telefone_terciario": "",
            "email_principal": "ninguem@example.com",
            "alerta": False,
            "alerta_mensagens": [],
            "servicos": [service],
        }
