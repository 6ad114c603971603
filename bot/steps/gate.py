"""Step 5: freeze the plan: who gets a message, and who is held back for which reason."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Phase
from bot.domain.cooldown import free_at
from bot.domain.customer import Affected, Found, Link, Onu
from bot.domain.lines import Line, Planned, Spared
from bot.domain.phone import Phone, parse_phone
from bot.domain.plan import Recipient, Skip
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write


def gate(number: int, turn: int, found: Found, rules: Rules) -> Write:
    """The plan of dispatch `turn` of a case. `Declined` where its approval was taken back meanwhile."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = book.cases[number]
        if not case.at_work(turn, Phase.COUNTDOWN):
            raise Declined("not_running")
        over = found.affected.over or case.ended_at is not None
        recipients: list[Recipient] = []
        phones: set[str] = set()
        for onus in _by_customer(found.affected.onus):
            recipient = _recipient(len(recipients), onus, found, over=over)
            if recipient.skip is None and recipient.phone is not None:
                key = Phone(recipient.phone).key
                told = free_at(book.told.get(key), now, rules.cooldown_hours)
                skip = Skip.SAME_PHONE if key in phones else Skip.COOLDOWN if told else None
                phones.add(key)
                recipient = replace(recipient, skip=skip)
            recipients.append(recipient)
        return [Planned(number, len(found.affected.onus), tuple(recipients))]

    return write


def spare(number: int, turn: int, found: Affected) -> Write:
    """Those of a plan still to do whose ONUs are all back online by now; all of them where it is over."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if not book.cases[number].at_work(turn, Phase.SENDING):
            raise Declined("not_running")
        progress = book.cases[number].dispatches[-1].progress
        back = {onu.serial for onu in found.onus if onu.link is Link.ONLINE}
        todo = progress.todo() if progress is not None else []
        if found.over:
            return [Spared(number, r.id, Skip.OVER) for r in todo]
        return [Spared(number, r.id, Skip.ONLINE) for r in todo if set(r.serials) <= back]

    return write


def _by_customer(onus: Sequence[Onu]) -> list[list[Onu]]:
    """One entry a customer, with all their ONUs; an ONU without a customer stands alone."""
    customers: dict[str, list[Onu]] = {}
    for place, onu in enumerate(onus):
        customers.setdefault(f"o{place}" if onu.client_id is None else f"c{onu.client_id}", []).append(onu)
    return list(customers.values())


def _recipient(place: int, onus: list[Onu], found: Found, *, over: bool) -> Recipient:
    client_id, serials = onus[0].client_id, tuple(onu.serial for onu in onus)
    contact = found.contacts.get(client_id or "")
    name = contact.name if contact is not None and contact.name else onus[0].name
    phone = parse_phone(contact.phone) if contact is not None else None
    skip: Skip | None = None
    if over:
        skip = Skip.OVER
    elif all(onu.link is Link.ONLINE for onu in onus):
        skip = Skip.ONLINE
    elif client_id in found.failed:
        skip = Skip.LOOKUP_FAILED
    elif phone is None:
        skip = Skip.NO_RECORD
    elif not isinstance(phone, Phone):
        skip = Skip(phone.value)
    digits = phone.digits if isinstance(phone, Phone) else None
    return Recipient(f"r{place}" if client_id is None else f"c{client_id}", name, serials, digits, skip)
