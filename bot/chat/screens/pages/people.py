"""Who is behind an alert's ONUs, as screens and sheets show them: one entry an ONU."""

from dataclasses import dataclass

from bot.domain.customer import Contact, Found, Link, Onu
from bot.domain.phone import Phone, parse_phone
from bot.domain.plan import Skip


@dataclass(frozen=True, slots=True)
class Person:
    """One ONU and its customer. `phone` is digits with country code, None where `problem` says why.

    `incident` is the alert that it is on, where a case has several.
    """

    client_id: str | None
    name: str
    serial: str
    link: Link
    recorded: str
    phone: str | None
    problem: Skip | None
    incident: str = ""


def people(found: Found) -> list[Person]:
    """Every ONU of the alert in its order, with what the look-ups brought."""
    return [_person(onu, found) for onu in found.affected.onus]


def _person(onu: Onu, found: Found) -> Person:
    contact = None if onu.client_id is None else found.contacts.get(onu.client_id)
    phone, problem = _phone(onu, contact, found)
    name = (contact.name if contact else "") or onu.name
    recorded = contact.phone if contact else ""
    return Person(onu.client_id, name, onu.serial, onu.link, recorded, phone, problem, onu.incident)


def _phone(onu: Onu, contact: Contact | None, found: Found) -> tuple[str | None, Skip | None]:
    if onu.client_id in found.failed:
        return None, Skip.LOOKUP_FAILED
    if contact is None:
        return None, Skip.NO_RECORD
    phone = parse_phone(contact.phone)
    return (phone.digits, None) if isinstance(phone, Phone) else (None, Skip(phone.value))
