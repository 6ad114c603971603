"""A network to have outages in: OLTs with slots, PONs and ONUs, laid into cables."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from bot.domain.customer import Contact
from bot.domain.incident import Inventory, Port

PONS_A_SLOT = 16
PONS_TOGETHER = 4  # neighbouring PONs leave the building in one cable
NOBODY = 0.02  # of ONUs have no customer
SECOND_ONU = 0.01  # of customers have a second ONU, anywhere


@dataclass(frozen=True, slots=True)
class Drop:
    """An ONU and whose it is."""

    serial: str
    client_id: str | None


@dataclass(frozen=True, slots=True)
class Pon:
    """A port with its ONUs."""

    port: Port
    drops: tuple[Drop, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """`cables`: the PONs of each OLT by its key, in the order in which they lie beside each other."""

    cables: Mapping[str, tuple[Pon, ...]]
    contacts: Mapping[str, Contact]
    inventory: Inventory

    @property
    def pons(self) -> list[Pon]:
        return list(chain.from_iterable(self.cables.values()))


def network(rng: random.Random, olts: int = 5) -> Network:
    """OLTs of 4 to 8 slots with 16 PONs each, 20 to 64 ONUs on a PON."""
    contacts: dict[str, Contact] = {}
    cables: dict[str, tuple[Pon, ...]] = {}
    for olt in range(1, olts + 1):
        pons = [
            _pon(Port(f"{olt}:{slot}/{number}", f"CB {olt:02}", f"{slot}/{number}"), contacts, rng)
            for slot in range(1, rng.randint(4, 8) + 1)
            for number in range(1, PONS_A_SLOT + 1)
        ]
        strands = [pons[n : n + PONS_TOGETHER] for n in range(0, len(pons), PONS_TOGETHER)]
        rng.shuffle(strands)
        cables[str(olt)] = tuple(chain.from_iterable(strands))
    inventory = {f"CB {int(key):02}": frozenset(p.port.place for p in pons) for key, pons in cables.items()}
    return Network(cables, contacts, inventory)


def _pon(port: Port, contacts: dict[str, Contact], rng: random.Random) -> Pon:
    drops = []
    olt, slot, pon = (int(n) for n in port.key.replace("/", ":").split(":"))
    for number in range(rng.randint(20, 64)):
        client: str | None = None
        if contacts and rng.random() < SECOND_ONU:
            client = str(rng.randint(1, len(contacts)))
        elif rng.random() >= NOBODY:
            client = str(len(contacts) + 1)
            contacts[client] = Contact(client, f"Cliente {client}", f"(61) 9{80000000 + len(contacts):08d}")
        drops.append(Drop(f"ZTEG{olt:02}{slot:02}{pon:02}{number:02}", client))
    return Pon(port, tuple(drops))
