"""What HubSoft's rows mean (README.md of this folder), as far as a notice needs it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bot.domain.customer import Contact, Service
from bot.domain.lookup.serials import normal
from bot.errors import BadAnswer
from bot.sources.fields import free_text

SERVICE, CODE = "id_cliente_servico", "codigo_cliente"
"""What `cliente` is asked by: one service, or a customer where the table names no service."""
PHONES = ("telefone_primario", "telefone_secundario", "telefone_terciario")
_STATUS: Mapping[str, Service] = {
    "": Service.ON,
    "servico_habilitado": Service.ON,
    "franquia_excedida": Service.ON,
    "suspenso_parcialmente": Service.ON,  # slow, not off
    "suspenso_debito": Service.BLOCKED,
    "bloqueio_temporario": Service.BLOCKED,
    "suspenso_judicial": Service.BLOCKED,
    "servico_bloqueado": Service.BLOCKED,
    "dedicado_suspenso": Service.BLOCKED,
    "suspenso_pedido_cliente": Service.SUSPENDED,
    "cancelado": Service.ENDED,
    "inativo": Service.ENDED,
    "agendado_para_instalacao": Service.NONE,
}
_WAITS = "aguardando_"
_SERIAL = re.compile(r"[A-Z]{4}[0-9A-F]{8}")
_ID = re.compile(r"[0-9]{1,18}")
_AT_MOST = 200  # characters of a field
_WORD_AT_MOST = 30  # characters of a status that nobody knows: it is told, and must not be somebody's name


class Ref(NamedTuple):
    """Where a CPE leads: what `cliente` is asked by, and whose it must be; empty where that is not known."""

    key: str
    value: str
    customer: str = ""


class Held(NamedTuple):
    """A service and whose it is; `serial` is that of the ONU that its own record names, if it is one."""

    contact: Contact
    serial: str


class Cpe(NamedTuple):
    """A row of the table of CPEs. `refs` is None where what it has as services cannot be read."""

    id: str
    serial: str
    refs: tuple[Ref, ...] | None


def cpe(row: Any) -> Cpe:
    """A row, cut to what is needed. BadAnswer where it is none."""
    if not isinstance(row, Mapping):
        raise BadAnswer("no_row")
    serial = normal(_text(row.get("phy_addr")))
    services = row.get("servicos")
    listed = services if isinstance(services, list) else []
    refs = [ref for ref in map(_ref, listed) if ref is not None]
    return Cpe(_id(row.get("id_cpe")) or serial, serial, tuple(refs) if refs or not services else None)


def _ref(service: Any) -> Ref | None:
    if not isinstance(service, Mapping):
        return None
    customer = _id(service.get("id_cliente"))
    for key in (SERVICE, CODE):
        if value := _id(service.get(key)):
            return Ref(key, value, customer)
    return None


def held(rows: Sequence[Any], ref: Ref) -> list[Held]:
    """The services that were asked for. BadAnswer where a customer is there who was not."""
    found: list[Held] = []
    for row in rows:
        customer = _id(row.get("id_cliente")) if isinstance(row, Mapping) else ""
        if not customer or ref.customer not in {"", customer}:
            raise BadAnswer("ignored_filter")
        if ref.key == CODE and _id(row.get(CODE)) != ref.value:
            raise BadAnswer("ignored_filter")
        services = row.get("servicos")
        every = [one for one in services if isinstance(one, Mapping)] if isinstance(services, list) else []
        asked = [one for one in every if ref.key == CODE or _id(one.get(SERVICE)) == ref.value]
        if not asked and not ref.customer:
            raise BadAnswer("ignored_filter")
        found += [Held(_contact(customer, row, one), _serial(one)) for one in asked]
    return found


def _contact(customer: str, row: Mapping[str, Any], service: Mapping[str, Any]) -> Contact:
    company = _text(row.get("tipo_pessoa")).casefold() == "pj"
    name = (_text(row.get("nome_fantasia")) if company else "") or _text(row.get("nome_razaosocial"))
    status, unknown = service_of(_text(service.get("status_prefixo")))
    address = _object(service.get("endereco_instalacao"))
    return Contact(
        customer,
        name,
        " / ".join(dict.fromkeys(filter(None, (_text(row.get(field)) for field in PHONES)))),
        status,
        unknown,
        _text(address.get("bairro")),
        _text(address.get("cidade")),
        _text(_object(service.get("porta_atendimento")).get("equipamento")),
    )


def service_of(word: str) -> tuple[Service, str]:
    """Whether a service is one, and its word where nobody knows it."""
    plain = word.casefold()
    if plain in _STATUS:
        return _STATUS[plain], ""
    if plain.startswith(_WAITS):
        return Service.NONE, ""
    return Service.ON, f"status_prefixo={re.sub('[^a-z0-9_ ]', '', plain)[:_WORD_AT_MOST]}"


def _serial(service: Mapping[str, Any]) -> str:
    """Some installs keep a MAC there, which says nothing of the ONU that was asked about."""
    text = normal(_text(service.get("phy_addr")))
    return text if _SERIAL.fullmatch(text) else ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _id(value: Any) -> str:
    text = _text(value)
    return text if _ID.fullmatch(text) and text.strip("0") else ""


def _text(value: Any) -> str:
    return free_text(value, _AT_MOST)
