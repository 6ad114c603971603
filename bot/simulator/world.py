"""The pretend ISP: customers, ONUs and alerts, with knobs to cut and repair a port."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("America/Sao_Paulo")  # the OLT manager's dates are Brasilia time without offset

FIRST = (
    *(
        "Maria",
        "José",
        "Ana",
        "João",
        "Antônia",
        "Francisco",
        "Adriana",
        "Carlos",
        "Juliana",
        "Paulo",
        "Márcia",
    ),
    *("Pedro", "Fernanda", "Lucas", "Patrícia", "Luiz", "Aline", "Marcos", "Sandra", "Camila", "Gabriel"),
    *(
        "Amanda",
        "Rafael",
        "Bruna",
        "Daniel",
        "Jéssica",
        "Marcelo",
        "Letícia",
        "Bruno",
        "Sebastião",
        "Vitória",
    ),
)
LAST = (
    *("Silva", "Santos", "Oliveira", "Souza", "Rodrigues", "Ferreira", "Alves", "Pereira", "Lima", "Gomes"),
    *(
        "Costa",
        "Ribeiro",
        "Martins",
        "Carvalho",
        "Almeida",
        "Lopes",
        "Soares",
        "Fernandes",
        "Vieira",
        "Barbosa",
    ),
    *("Rocha", "Dias", "Nascimento", "Andrade", "Moreira", "Nunes", "Gonçalves", "Araújo", "Conceição"),
)
AREA_CODES = (61, 62, 64, 63, 65, 66, 67, 68, 69, 71, 73, 74, 75, 77, 79, 81, 82, 83, 84, 85, 86, 87, 88, 89)
LANDLINES, TWO_ONUS, NO_RECORD = 0.03, 0.02, 0.05  # shares of the customers of a generated world


@dataclass
class Customer:
    """A record as ``/client/{id}`` gives it; the phone fields are free text and may be empty."""

    id: int
    name: str
    contact: str | None
    phone_number: str | None


@dataclass
class Onu:
    """A customer's device; ``status`` in the API's words (Online, LOSS, Sem Energia, Inativo)."""

    serial: str
    olt_id: int
    olt_name: str
    slot: int
    pon: int
    client_id: int | None
    status: str = "Online"


@dataclass
class Alert:
    """A row of the alert list; ``onus`` are its affected devices."""

    id: int
    alert_type: str
    olt_id: int
    olt_name: str
    slot_pon: str
    initial_date: str | None
    pon: str | int | None = None
    pon_id: int | None = None
    cto_id: int | None = None
    cto_name: str | None = None
    confirm_date: str | None = None
    end_date: str | None = None
    ignored: bool = False
    total_devices_count: int | None = None
    active_devices_count: int | None = None
    onus: list[Onu] = field(default_factory=list)


Port = tuple[str, int, int]  # OLT, slot, PON


class World:
    """Customers by id, ONUs by serial and by port, alerts by id; all of them may be changed at will.

    Args:
        seed: The same seed gives the same names.
        now: An aware date; where an alert starts or ends without one being given.
        alerts_from: Alert ids begin 7001 above it.
    """

    def __init__(
        self,
        seed: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        alerts_from: int = 0,
    ) -> None:
        self.customers: dict[int, Customer] = {}
        self.onus: dict[str, Onu] = {}
        self.ports: dict[Port, list[Onu]] = {}
        self.alerts: dict[int, Alert] = {}
        self._random = random.Random(seed)
        self._now = now
        self._client_ids = itertools.count(501)
        self._alert_ids = itertools.count(alerts_from + 7001)
        self._serials = itertools.count(1)
        self._phones = itertools.count(1)
        self._olt_ids: dict[str, int] = {}

    @classmethod
    def generate(cls, seed: int, customers: int = 2000, alerts_from: int = 0) -> "World":
        """A whole ISP of about that many customers: 6 OLTs, 16 PONs a slot, 20 to 61 ONUs a PON.

        The last ports hold what is left. About 5 % have an id without a record, 3 % a landline, 2 % two ONUs.
        """
        world = cls(seed, alerts_from=alerts_from)
        ports = (
            (f"CB {olt:02}", f"{slot}/{pon}")
            for slot in itertools.count(1)
            for pon in range(1, 17)
            for olt in range(1, 7)
        )
        left = customers
        while left > 0:
            olt, slot_pon = next(ports)
            onus = min(left, world._random.randint(20, 61))
            left -= world._fill(olt, slot_pon, onus)
        return world

    def add_olt(self, olt: str, slots: int, pons: int, onus: int) -> None:
        """An OLT with so many ONUs on each PON; its customers are like those of a generated world."""
        for slot in range(1, slots + 1):
            for pon in range(1, pons + 1):
                self._fill(olt, f"{slot}/{pon}", onus)

    def _fill(self, olt: str, slot_pon: str, onus: int) -> int:
        """Fills a port with so many ONUs; the number of customers that took."""
        customers = 0
        while onus > 0:
            kind = self._random.random()
            customer = self._with_landline() if kind < LANDLINES else self.add_customer()
            wanted = 2 if LANDLINES <= kind < LANDLINES + TWO_ONUS and onus > 1 else 1
            for _ in range(wanted):
                self.add_onu(customer, olt, slot_pon)
            if kind >= 1 - NO_RECORD:
                del self.customers[customer.id]
            onus -= wanted
            customers += 1
        return customers

    def _with_landline(self) -> Customer:
        area, number = AREA_CODES[0], next(self._phones) % 10_000
        return self.add_customer(contact=f"({area}) 2000-{number:04}", phone_number=f"{area}2000{number:04}")

    def add_customer(
        self, name: str | None = None, contact: str | None = None, phone_number: str | None = None
    ) -> Customer:
        """A customer with a record; without any phone given, one with a valid mobile nobody else has."""
        if contact is None and phone_number is None:
            index = next(self._phones)
            area = AREA_CODES[index // 10_000 % len(AREA_CODES)]
            contact = f"({area}) 90000-{index % 10_000:04}"
            phone_number = f"{area}90000{index % 10_000:04}"
        if name is None:
            name = " ".join([self._random.choice(FIRST), *self._random.sample(LAST, 2)])
        customer = Customer(next(self._client_ids), name, contact or "", phone_number or "")
        self.customers[customer.id] = customer
        return customer

    def add_onu(
        self,
        customer: Customer | None,
        olt: str = "CB 01",
        slot_pon: str = "6/15",
        serial: str | None = None,
        status: str = "Online",
    ) -> Onu:
        """An ONU on that port; without a customer its ``client_id`` is null."""
        slot, pon = _slot_pon(slot_pon)
        serial = serial or f"ZTEGC{next(self._serials):07X}"
        client_id = customer.id if customer else None
        onu = Onu(serial, self._olt_id(olt), olt, slot, pon, client_id, status)
        self.onus[serial] = onu
        self.ports.setdefault((olt, slot, pon), []).append(onu)
        return onu

    def cut(  # noqa: PLR0917 - the public shape: port, kind and start are plain to read
        self,
        olt: str = "CB 01",
        slot_pon: str = "6/15",
        alert_type: str = "pon_loss",
        started: datetime | None = None,
        onus: list[Onu] | None = None,
        status: str | None = None,
        **fields: Any,
    ) -> Alert:
        """An open alert over these ONUs (None: all of the port), which lose their light or power.

        ``fields`` replace the alert's own, e.g. ``cto_name`` or ``active_devices_count``.
        """
        slot, pon = _slot_pon(slot_pon)
        port = self.ports.get((olt, slot, pon), [])
        cut = port if onus is None else onus
        for onu in cut:
            onu.status = status or ("Sem Energia" if alert_type.endswith("no_power") else "LOSS")
        values: dict[str, Any] = {
            "id": next(self._alert_ids),
            "alert_type": alert_type,
            "olt_id": self._olt_id(olt),
            "olt_name": olt,
            "slot_pon": slot_pon,
            "initial_date": self._local(started),
            "pon": pon,
            "total_devices_count": len(port),
            "active_devices_count": len(cut),
            "onus": list(cut),
        }
        alert = Alert(**{**values, **fields})
        self.alerts[alert.id] = alert
        return alert

    def repair(self, alert: Alert) -> None:
        """Its ONUs are online, and the list of open alerts no longer has it."""
        for onu in alert.onus:
            onu.status = "Online"
        alert.active_devices_count = 0
        alert.end_date = self._local(None)

    def outage(
        self, n: int, olt: str = "CB 01", slot_pon: str = "6/15", alert_type: str = "pon_loss"
    ) -> Alert:
        """An open alert over ``n`` new customers with one ONU and one valid mobile each."""
        onus = [self.add_onu(self.add_customer(), olt, slot_pon) for _ in range(n)]
        return self.cut(olt, slot_pon, alert_type, onus=onus)

    def _olt_id(self, olt: str) -> int:
        return self._olt_ids.setdefault(olt, len(self._olt_ids) + 1)

    def _local(self, at: datetime | None) -> str:
        """Local time without an offset; a naive date is taken as local already."""
        at = self._now() if at is None else at
        local = at.astimezone(LOCAL).replace(tzinfo=None) if at.tzinfo else at
        return local.isoformat(timespec="microseconds")


def _slot_pon(text: str) -> tuple[int, int]:
    slot, pon = text.split("/")[-2:]
    return int(slot), int(pon)
