"""What IXC's rows mean (README.md of this folder): what a notice needs of them, in the domain's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bot.domain.customer import Contact, Service
from bot.sources.fields import free_text

FIBRE, LOGIN, CONTRACT = "radpop_radio_cliente_fibra", "radusuarios", "cliente_contrato"
CUSTOMER, CITY, OLT = "cliente", "cidade", "radpop_radio"
_ADDRESS = ("endereco_padrao_cliente", "bairro", "cidade")
KEPT: Mapping[str, tuple[str, ...]] = {
    FIBRE: ("id", "mac", "id_login", "id_contrato", "id_transmissor", "ponid", "id_caixa_ftth", *_ADDRESS),
    LOGIN: ("id", "id_cliente", "id_contrato", "ativo", "onu_mac", *_ADDRESS),
    CONTRACT: (
        "id",
        "id_cliente",
        "status",
        "status_internet",
        "contrato_suspenso",
        "data_inicial_suspensao",
        "data_final_suspensao",
        *_ADDRESS,
    ),
    CUSTOMER: (
        "id",
        "razao",
        "fantasia",
        "tipo_pessoa",
        "ativo",
        "whatsapp",
        "telefone_celular",
        "fone",
        "telefone_comercial",
        "bairro",
        "cidade",
    ),
    CITY: ("id", "nome"),
    OLT: ("id", "descricao"),
}
"""The fields that are kept of a table's rows; all others are dropped as they are read."""
PHONES = ("whatsapp", "telefone_celular", "fone", "telefone_comercial")
_NULLS = frozenset({"", "0", "0000-00-00", "0000-00-00 00:00:00", "null", "None"})
_AT_MOST = 200  # characters of a field
_WORD_AT_MOST = 10  # characters of a code that nobody knows: it is told, and must not be somebody's name
_ENDED = frozenset({"I", "D", "N"})
_SERVES = frozenset({"A", "FA"})
_BLOCKED = frozenset({"CM", "CA"})
_OFF = frozenset({"D", "AA"})
_RATHER = (Service.ON, Service.BLOCKED, Service.SUSPENDED, Service.NONE, Service.ENDED)

Row = Mapping[str, str]
"""The fields of `KEPT`; what is null is not in it."""


def kept(table: str, row: Any) -> Row:
    """What is needed of a row, as text; what is null is left out."""
    if not isinstance(row, Mapping):
        return {}
    texts = ((field, _text(row.get(field))) for field in KEPT.get(table, ("id",)))
    return {field: text for field, text in texts if text not in _NULLS}


def _text(value: Any) -> str:
    return free_text(value, _AT_MOST)


@dataclass(frozen=True, slots=True)
class Known:
    """The rows of one ONU, as far as they are there."""

    fibre: Row
    login: Row
    contract: Row
    customer: Row

    @property
    def city(self) -> str:
        """The id of the city where it is."""
        return self._address().get("cidade", "") or self.customer.get("cidade", "")

    @property
    def district(self) -> str:
        """The district where it is."""
        return self._address().get("bairro", "") or self.customer.get("bairro", "")

    def _address(self) -> Row:
        """The row whose address is that of the installation: the login's, else the contract's, else theirs.

        Where the customer's own holds, the fields of the row itself are empty or of another time.
        """
        for row in (self.login, self.contract, self.fibre):
            if row.get("endereco_padrao_cliente") == "S":
                return self.customer
            if "bairro" in row:
                return row
        return self.customer


def contact(known: Known, cities: Mapping[str, str], today: date) -> Contact:
    """Their record; `cities` are the names by id."""
    customer = known.customer
    company = customer.get("tipo_pessoa") == "J"
    name = (customer.get("fantasia", "") if company else "") or customer.get("razao", "")
    service, unknown = service_of(known, today)
    box = known.fibre.get("id_caixa_ftth", "")
    return Contact(
        customer["id"],
        name,
        " / ".join(dict.fromkeys(customer[field] for field in PHONES if field in customer)),
        service,
        unknown,
        known.district,
        cities.get(known.city, ""),
        f"CTO {box}" if box else "",
    )


def service_of(known: Known, today: date) -> tuple[Service, str]:
    """Whether the contract of the ONU brings service, and a status word of it that nobody knows.

    Who has no contract at all has no service.
    """
    if "N" in {known.customer.get("ativo"), known.login.get("ativo")}:
        return Service.ENDED, ""
    status, internet = known.contract.get("status", ""), known.contract.get("status_internet", "")
    if status in _ENDED:
        return Service.ENDED, ""
    if not known.contract or status == "P" or internet in _OFF:
        return Service.NONE, ""
    if internet in _BLOCKED:
        return Service.BLOCKED, ""
    if known.contract.get("contrato_suspenso") == "S" and _lasts(known.contract, today):
        return Service.SUSPENDED, ""
    unknown = [f"status={status[:_WORD_AT_MOST]}"] if status not in {"", "A"} else []
    unknown += [f"status_internet={internet[:_WORD_AT_MOST]}"] if internet not in {"", *_SERVES} else []
    return Service.ON, ", ".join(unknown)


def of_several(contracts: Sequence[Row], today: date) -> Row:
    """By which of a customer's contracts, the newest first, an ONU is judged of which no row names one.

    The one that brings service, if any does; else the one that comes nearest to that.
    """
    return min(contracts, key=lambda one: _RATHER.index(service_of(Known({}, {}, one, {}), today)[0]))


def _lasts(contract: Row, today: date) -> bool:
    """Whether today lies in the suspension; one without dates has no end."""
    first, last = _date(contract.get("data_inicial_suspensao")), _date(contract.get("data_final_suspensao"))
    return (first is None or first <= today) and (last is None or today <= last)


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
