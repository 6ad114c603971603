"""Who is behind an alert's ONUs, as screens and sheets show them: one entry an ONU."""

from dataclasses import dataclass

from bot.domain.case import Case
from bot.domain.customer import Affected, Contact, Found, Link, Onu
from bot.domain.incident import Kind
from bot.domain.phone import Phone
from bot.domain.plan import Progress, Recipient, Skip

_LINKS = {Kind.LOS: Link.LOS, Kind.POWER: Link.POWER, Kind.OTHER: Link.OTHER}


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


def as_planned(case: Case) -> Found:
    """Who was affected, as the last plan of the case has it: by now the source tells of other outages."""
    plan = last_plan(case)
    planned = [] if plan is None else [*plan.recipients.values()]
    contacts = {
        client: Contact(client, r.name, r.phone or "")
        for r in planned
        if (client := _client(r)) is not None and r.skip not in {Skip.NO_RECORD, Skip.LOOKUP_FAILED}
    }
    failed = {_client(r) or "" for r in planned if r.skip is Skip.LOOKUP_FAILED}
    onus = (onu for r in planned for onu in _onus(r, case))
    return Found(Affected(tuple(onus)), contacts, frozenset(failed))


def last_plan(case: Case) -> Progress | None:
    """The plan that the card tells of, or else the last one that there is."""
    plans = [d.progress for d in case.dispatches if d.progress is not None]
    shown = case.dispatch.progress if case.dispatch is not None else None
    return shown if shown is not None else plans[-1] if plans else None


def _client(recipient: Recipient) -> str | None:
    """As the source knows them; None for an ONU without a customer (`steps.gate`)."""
    return recipient.id.removeprefix("c") if recipient.id.startswith("c") else None


def _onus(recipient: Recipient, case: Case) -> list[Onu]:
    members = (member.incident for member in case.members.values())
    there = (one for one in members if not recipient.ports or one.port.key in recipient.ports)
    incident = next(there, case.incident)
    link = _LINKS[incident.kind] if recipient.skip is not Skip.ONLINE else Link.ONLINE
    client = _client(recipient)
    return [Onu(serial, client, recipient.name, link, incident.id) for serial in recipient.serials]


def people(found: Found) -> list[Person]:
    """Every ONU of the alert in its order, with what the look-ups brought."""
    return [_person(onu, found) for onu in found.affected.onus]


def _person(onu: Onu, found: Found) -> Person:
    contact = found.contact(onu)
    phone, problem = _phone(onu, contact, found)
    name = (contact.name if contact else "") or onu.name
    recorded = contact.phone if contact else ""
    return Person(found.client_id(onu), name, onu.serial, onu.link, recorded, phone, problem, onu.incident)


def _phone(onu: Onu, contact: Contact | None, found: Found) -> tuple[str | None, Skip | None]:
    if onu.key in found.failed:
        return None, Skip.LOOKUP_FAILED
    if contact is None:
        return None, Skip.NO_RECORD
    phone = contact.number
    return (phone.digits, None) if isinstance(phone, Phone) else (None, Skip(phone.value))
