"""What SGP's contracts mean (README.md of this folder), as far as a notice needs it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.customer import Contact, Service
from bot.sources.fields import free_text

ACTIVE = "1"
_ENDED, _BLOCKED, _SERVES = ("inativ", "cancel", "inviab"), ("suspens", "bloque"), ("ativo", "reduzid")
_AT_MOST = 200  # characters of a field
_WORD_AT_MOST = 30  # characters of a status that nobody knows: it is told, and must not be somebody's name


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract, cut to what is needed: documents, passwords and streets are dropped as it is read."""

    id: str
    client_id: str
    name: str
    phones: tuple[str, ...]
    status: str
    display: str
    district: str
    city: str

    @property
    def contact(self) -> Contact:
        """The customer's record."""
        service, unknown = service_of(self.status, self.display)
        phone = " / ".join(dict.fromkeys(self.phones))
        return Contact(self.client_id, self.name, phone, service, unknown, self.district, self.city)


def contract(row: Any) -> Contract | None:
    """A row of an answer; field names differ in case between versions. None where it has no ids."""
    if not isinstance(row, Mapping):
        return None
    fields = {str(name).casefold(): value for name, value in row.items()}

    def text(name: str) -> str:
        return _text(fields.get(name.casefold()))

    contract_id, client_id = text("contratoId"), text("clienteId")
    if not contract_id or not client_id:
        return None
    return Contract(
        contract_id,
        client_id,
        text("razaoSocial"),
        _phones(fields.get("telefones")),
        text("contratoStatus"),
        text("contratoStatusDisplay"),
        text("endereco_bairro"),
        text("endereco_cidade"),
    )


def service_of(status: str, display: str) -> tuple[Service, str]:
    """Whether a contract brings service, and its status where nobody knows it.

    The text decides, wherever it stands: the numbers but 1 mean different things in what others wrote.
    """
    plain = plain_of(display) or plain_of(status)
    if any(word in plain for word in _ENDED):  # before `ativo`, which `inativo` has in it
        return Service.ENDED, ""
    if any(word in plain for word in _BLOCKED):
        return Service.BLOCKED, ""
    if any(word in plain for word in _SERVES) or plain in {"", ACTIVE}:
        return Service.ON, ""
    return Service.ON, f"contratoStatus={re.sub('[^a-z0-9 ]', '', plain)[:_WORD_AT_MOST]}"


def _phones(value: Any) -> tuple[str, ...]:
    """A list of texts, or of objects with the text in `contato`; or a single text."""
    items = value if isinstance(value, list) else [value]
    texts = (_text(item.get("contato") if isinstance(item, Mapping) else item) for item in items)
    return tuple(filter(None, texts))


def _text(value: Any) -> str:
    return free_text(value, _AT_MOST)


def plain_of(text: str) -> str:
    """Without accents and case."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in letters if not unicodedata.combining(c))
